"""Curves of training runs, from their logs."""

import pytest

from gapt.errors import UserError
from gapt.training.curves import plot, read

LOG = """step,name,value
0,watch/harmony,0.25
0,data/harmony,0.75
1,reward/total,1.5
2,reward/total,2.5
2,watch/harmony,0.5
2,data/harmony,0.75
"""


@pytest.fixture
def run(tmp_path):
    folder = tmp_path / "gapt"
    folder.mkdir()
    (folder / "metrics.csv").write_text(LOG)
    return folder


def test_a_log_comes_back_as_curves(run):
    log = read(run)
    steps, values = log["reward/total"]
    assert (steps.tolist(), values.tolist()) == ([1, 2], [1.5, 2.5])
    assert log["watch/harmony"][1].tolist() == [0.25, 0.5]


@pytest.mark.parametrize("cut", ["3", "3,watch", "3,watch/harmony,"])
def test_a_line_that_a_kill_has_cut_short_is_no_measurement(run, cut):
    (run / "metrics.csv").write_text(LOG + cut)
    assert read(run)["watch/harmony"][0].tolist() == [0, 2]


def test_runs_are_drawn_side_by_side_also_of_one_name(run, tmp_path):
    others = [tmp_path / "again" / name for name in ("gapt", "mle")]
    for other in others:
        other.mkdir(parents=True)
        (other / "metrics.csv").write_text("step,name,value\n1,reward/total,0.5\n")
    for name in ("curves.png", "curves.svg"):
        plot([run, *others], tmp_path / name)
        assert (tmp_path / name).stat().st_size > 5000
    text = (tmp_path / "curves.svg").read_text()
    for told in (f"{tmp_path.name}/gapt", "again/gapt", "again/mle", "reward, in all", "the data"):
        assert f"<!-- {told} -->" in text
    assert "discriminator" not in text
    plot([*others, run], tmp_path / "curves.svg")
    assert "the data" in (tmp_path / "curves.svg").read_text()
    plot(others, tmp_path / "curves.svg")
    text = (tmp_path / "curves.svg").read_text()
    assert "<!-- mle -->" in text
    assert "the data" not in text


def test_seeds_of_one_system_share_a_colour_beside_another(tmp_path):
    runs = [tmp_path / name for name in ("gapt-0", "gapt-1", "mle-0")]
    for run in runs:
        run.mkdir()
        (run / "metrics.csv").write_text(LOG)
    picture = tmp_path / "curves.svg"
    plot(runs, picture)
    assert picture.read_text().count("<!-- gapt -->") == 1
    assert "<!-- mle -->" in picture.read_text()
    plot(runs[:2], picture)
    assert "<!-- gapt-0 -->" in picture.read_text()
    assert "<!-- gapt-1 -->" in picture.read_text()


def test_what_cannot_be_drawn_is_told(run, tmp_path):
    with pytest.raises(UserError, match="holds no run: there is no"):
        plot([tmp_path], tmp_path / "curves.png")
    with pytest.raises(UserError, match="is no picture"):
        plot([run], tmp_path / "curves.doc")
    (run / "metrics.csv").write_text("step,name,value\n")
    with pytest.raises(UserError, match="have logged nothing yet"):
        plot([run], tmp_path / "curves.png")
