"""`gapt judge`: the report says what it must."""

import json

import pytest

from gapt.corpora.store import Corpus
from gapt.errors import UserError
from gapt.evaluation.judges import examine


@pytest.fixture
def judges(networks):
    return networks / "judges"


def test_the_report_is_complete(judges, tunes, tmp_path):
    examine(judges, Corpus.load(tunes), tmp_path, split="train", songs=3)
    results = json.loads((tmp_path / "judges.json").read_text())
    names = [
        "contrastive-0", "contrastive-rhythm-0", "discriminative-0", "discriminative-rhythm-0",
        "generative-0",
    ]  # fmt: skip
    assert list(results["judges"]) == names
    assert len(results["rows"]) == 2 * 2 * (3 * 4 + 2 * 3)
    assert {row["songs"] for row in results["rows"]} == {3}
    # Any three songs are among the best five.
    assert {r["value"] for r in results["rows"] if r["measure"] == "recall_at_5"} == {1.0}
    curves = [(c["judge"], c["chords"], len(c["scores"])) for c in results["curves"]]
    heard = [("replaced", 11), ("thickened", 11)], [("moved", 9)]
    assert curves == [
        (name, *fault)
        for name, faults in zip(names, [*heard * 2, heard[0]], strict=True)
        for fault in faults
    ]
    report = (tmp_path / "judges.md").read_text()
    assert "| published contrastive |  |  | 0.180 | 0.410 | 0.540 | 0.280 |" in report
    assert "| published discriminative-rhythm |  |  |  |  | 0.800 |" in report
    assert (tmp_path / "judges.png").stat().st_size > 10_000


def test_mistakes_are_explained(judges, tunes, tmp_path):
    with pytest.raises(UserError, match="no judges in"):
        examine(tmp_path, Corpus.load(tunes), tmp_path, split="test", songs=3)
    with pytest.raises(UserError, match="split 'ood' of this corpus has 0 of them"):
        examine(judges, Corpus.load(tunes), tmp_path, split="ood", songs=3)
