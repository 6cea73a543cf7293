"""`gapt judge`: the report says what it must."""

import json
from pathlib import Path

import pytest
import torch

from gapt.corpora.batches import stack
from gapt.corpora.store import Corpus
from gapt.errors import UserError
from gapt.evaluation.judges import examine
from gapt.models.checkpoint import load_anchor, load_judges
from gapt.music.frames import CHORDS
from gapt.weights import SHIPPED_JUDGES


@torch.no_grad()
@pytest.mark.skipif(not SHIPPED_JUDGES.is_dir(), reason="not shipped")
def test_shipped_judges_and_the_anchor_still_tell_the_tunes_own_chords_from_others(tunes):
    """That weights load says nothing: a network may have changed around them."""
    songs = [song for song in Corpus.load(tunes).songs if len(song.frames) >= 64]
    melody, chords, real = map(torch.from_numpy, stack(songs, [0] * len(songs), 64))
    another = melody.roll(1, dims=0)
    for name, judge in load_judges(SHIPPED_JUDGES).items():
        own, strange = judge.score(melody, chords, real), judge.score(another, chords, real)
        if judge.config.rhythm:  # which tunes have much in common
            assert own.mean() > strange.mean() + 0.03, name
        else:
            assert (
                own.mean()
                > {"contrastive": 0.8, "discriminative": 0.9, "generative": 2.2}[judge.kind]
            ), name
            assert (own > strange).float().mean() > 0.9, name
    anchor = load_anchor(Path("anchor"))
    actions = CHORDS.actions(chords)[..., None]
    own, strange = (
        anchor(heard, chords, real).log_softmax(-1).gather(-1, actions).mean()
        for heard in (melody, another)
    )
    assert own > strange + 0.1


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
