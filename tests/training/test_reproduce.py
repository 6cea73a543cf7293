"""One command trains every stage of every system, goes on, and compares them."""

import json
from dataclasses import replace

import msgspec
import pytest

from gapt.corpora.store import Corpus
from gapt.errors import UserError
from gapt.training import reproduce as module
from gapt.training.reproduce import plan, reproduce, steps_done


@pytest.fixture
def short(monkeypatch):
    """Every stage at a few updates, for time."""

    def few(*args, **sizes):
        return [
            run._replace(recipe=msgspec.structs.replace(run.recipe, **few_updates(run)))
            for run in plan(*args, **sizes)
        ]

    def few_updates(run):
        head_start = {"head_start": 1} if run.stage == "rl" else {}
        return {"steps": 3, "validate_every": 2, **head_start}

    monkeypatch.setattr(module, "plan", few)


def test_everything_is_trained_once_and_compared(short, tunes, tmp_path):
    options = {
        "systems": ["gapt-following", "gapt"], "seeds": [0, 1], "updates": None, "batch": 8,
        "splits": ["test"], "scenarios": ["cold", "duet"], "songs": 2,
    }  # fmt: skip
    out, corpus = tmp_path / "study", Corpus.load(tunes)
    reproduce("tiny", corpus, out, **options)
    runs = ["mle", "anchor", *(f"judges/{kind}-{rhythm}{seed}"
            for kind in ("contrastive", "discriminative")
            for rhythm in ("", "rhythm-") for seed in (0, 1))]  # fmt: skip
    runs += ["judges/generative-0", "judges/generative-1"]
    runs += ["gapt-0", "gapt-1", "gapt-following-0", "gapt-following-1"]
    runs += ["anchor-melody", "melody-agent"]
    assert all(steps_done(out / run) == 3 for run in runs)
    rows = json.loads((out / "evaluation" / "results.json").read_text())["rows"]
    assert {row["system"] for row in rows} == {
        "ground-truth", "late", "anchor", "mle", "gapt", "gapt-following"
    }  # fmt: skip
    assert {row["scenario"] for row in rows} == {"cold", "duet"}

    # A run that was cut off before its first checkpoint is made again, the others are not.
    before = {run: (out / run / "last.safetensors").stat().st_mtime_ns for run in runs}
    (out / "gapt-1" / "last.safetensors").unlink()
    reproduce("tiny", corpus, out, **options)
    for run in runs:
        again = (out / run / "last.safetensors").stat().st_mtime_ns
        assert (again == before[run]) == (run != "gapt-1")


def test_what_would_fail_in_the_end_fails_before_anything_is_trained(tunes, tmp_path):
    options = {"systems": ["gapt"], "seeds": [0], "updates": None, "songs": 2}
    for split, scenario, message in [("ood", "cold", "no songs of split 'ood'"),
                                     ("test", "long", "has the 512 frames")]:  # fmt: skip
        with pytest.raises(UserError, match=message):
            reproduce("tiny", Corpus.load(tunes), tmp_path / "study",
                      batch=None, splits=[split], scenarios=[scenario], **options)  # fmt: skip
    with pytest.raises(UserError, match="batch 7 does not split into 4 mini-batches"):
        reproduce("tiny", Corpus.load(tunes), tmp_path / "study",
                  batch=7, splits=["test"], scenarios=["cold"], **options)  # fmt: skip
    songs = Corpus.load(tunes).songs
    short = Corpus(tuple(replace(song, frames=song.frames.window(0, 48)) for song in songs))
    with pytest.raises(UserError, match="64 frames"):
        reproduce("tiny", short, tmp_path / "study",
                  batch=None, splits=["test"], scenarios=["cold"], **options)  # fmt: skip
    assert not (tmp_path / "study").exists()


def test_every_run_starts_from_what_was_made_before_it(tmp_path):
    for preset in ("tiny", "small", "paper"):
        made = set()
        for run in plan(preset, tmp_path, module.SYSTEMS[::-1], [0, 1], duet=True):
            for needed in ("start", "anchor", "judges"):
                path = getattr(run.recipe, needed, None)
                assert path is None or any(str(tmp_path / name).startswith(path) for name in made)
            made.add(run.name)
        assert len(made) == len(plan(preset, tmp_path, module.SYSTEMS, [0, 1], duet=True))
        assert "melody-agent" in made


def test_a_system_goes_on_from_the_run_of_its_own_seed(tmp_path):
    runs = {run.name: run for run in plan("small", tmp_path, ["gapt-following", "gapt"], [0, 1])}
    assert runs["gapt-following-1"].recipe.start == str(tmp_path / "gapt-1")
    with pytest.raises(UserError, match="gapt-following goes on from gapt"):
        plan("small", tmp_path, ["gapt-following"], [0])


def test_post_training_can_be_made_larger_than_its_recipes_say(tmp_path):
    usual = plan("small", tmp_path, ["gapt"], [0])
    larger = plan("small", tmp_path, ["gapt"], [0], updates=600, batch=128)
    assert larger[:-1] == usual[:-1]
    assert (usual[-1].recipe.steps, usual[-1].recipe.batch) == (200, 64)
    assert larger[-1].recipe == msgspec.structs.replace(usual[-1].recipe, steps=600, batch=128)
