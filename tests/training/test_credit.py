"""What a judge tells a policy: shares that add up, and whose advantages are harmony's own."""

from pathlib import Path

import msgspec
import pytest
import torch

from gapt.corpora.store import Corpus
from gapt.models.judges import JudgeConfig
from gapt.models.presets import JUDGE_PRESETS
from gapt.models.rollout import Rollout
from gapt.music.chords import CHORD_NAMED
from gapt.music.frames import CHORDS, MELODY
from gapt.music.measures import in_chord
from gapt.training import credit as module
from gapt.training.credit import credit, report


class Ear(torch.nn.Module):
    """A judge that counts the frames whose note is in the chord."""

    kind = "discriminative"
    config = JudgeConfig(transformer=JUDGE_PRESETS["tiny"])

    def credit(self, melody, chords, real, part):
        return torch.from_numpy(in_chord(melody.numpy(), chords.numpy())).float() * real


class Stone(Ear):
    """One that says the same of every chord."""

    kind = "contrastive"

    def credit(self, melody, chords, real, part):
        return real.float()


def test_a_judge_of_harmony_is_told_from_one_of_nothing(pretrained, monkeypatch):
    judges = {"discriminative-0": Ear(), "contrastive-0": Stone()}
    monkeypatch.setattr(module, "load_judges", lambda path: judges)
    recipe = msgspec.structs.replace(pretrained.recipe, gae_decay=0.0)
    corpus = Corpus.load(pretrained.corpus)
    ear, stone, whole = credit(recipe, corpus, Path(recipe.start))
    assert [heard.judge for heard in (ear, stone, whole)] == [*judges, "all"]
    assert ear.share == pytest.approx(1)
    assert stone.share == pytest.approx(0, abs=1e-6)
    assert ear.fit > 0.8  # short of 1 for frames without both, which fit leaves out
    assert 0 < ear.following < ear.fit
    assert stone.played == stone.songs > 0
    assert whole.played == pytest.approx(4 * (ear.played + stone.played)), "the scale of eight"
    assert ear.songs > ear.played, "an untaught policy fits less than songs do"
    assert report([whole]).splitlines()[-1].startswith("| all | 1.00 | ")


def test_fit_and_following_by_hand():
    """C C F over a C that is held, a rest, and a C after the song's end."""
    c = CHORD_NAMED["C"]
    melody = torch.tensor([[MELODY.on(60), MELODY.hold(60), MELODY.on(65), 0, MELODY.on(60)]])
    chords = torch.tensor([[CHORDS.on(c), *[CHORDS.hold(c)] * 4]])
    real = torch.tensor([[True] * 4 + [False]])
    play = Rollout(melody, chords, real, torch.zeros(real.shape))
    mean = 2 / 3  # of the three frames with both; of the song's notes as many are in the chord
    assert module._fit(play)[0].tolist() == pytest.approx([1, 1, 0, mean, mean])
    expected = [1 - mean, 1 - mean, 0 - mean, 0, 0]
    assert module._following(play)[0].tolist() == pytest.approx(expected)


def test_what_every_frame_is_given_is_no_share_of_the_advantages_however_long_songs_are(
    pretrained, monkeypatch
):
    judges = {"discriminative-0": Ear(), "contrastive-0": Stone()}
    monkeypatch.setattr(module, "load_judges", lambda path: judges)
    recipe = msgspec.structs.replace(pretrained.recipe, gae_decay=0.95)
    _, stone, _ = credit(recipe, Corpus.load(pretrained.corpus), Path(recipe.start))
    assert stone.share == pytest.approx(0, abs=1e-5)


def test_shares_of_real_judges_add_up(pretrained):
    recipe, corpus = pretrained.recipe, Corpus.load(pretrained.corpus)
    *judges, whole = credit(recipe, corpus, Path(recipe.start))
    assert [judge.judge for judge in judges] == ["contrastive-0", "discriminative-0"], "its own"
    assert sum(judge.share for judge in judges) == pytest.approx(whole.share) == pytest.approx(1)
    assert all(-1 <= x <= 1 for judge in judges for x in (judge.fit, judge.following))
