"""Judges learn to tell what belongs together, and nothing from lengths."""

import math

import msgspec
import numpy as np
import pytest
import torch

from gapt.corpora.store import Corpus
from gapt.errors import UserError
from gapt.models.checkpoint import load_judge
from gapt.models.judges import ContrastiveJudge, DiscriminativeJudge, GenerativeJudge, JudgeConfig
from gapt.music.frames import CHORDS, MELODY
from gapt.training.judge import (
    ContrastiveTask,
    DiscriminativeTask,
    GenerativeTask,
)
from gapt.training.recipes import CONTRASTIVE_RECIPES
from gapt.training.run import read_log
from gapt.training.stages import train

# The built-in tunes have two valid songs: enough to run, too few to validate on.
RECIPE = msgspec.structs.replace(CONTRASTIVE_RECIPES["tiny"], lengths=(32,))


def test_the_contrastive_judge_learns_to_find_the_chords(tunes, tmp_path):
    recipe = msgspec.structs.replace(RECIPE, steps=120)
    train("contrastive", recipe, Corpus.load(tunes), tmp_path / "run")
    log = read_log(tmp_path / "run" / "metrics.csv")
    losses = [value for _, name, value in log if name == "train/loss"]
    assert np.mean(losses[-3:]) < 0.65 * np.log(16)  # a judge that knows nothing: log 16
    judge = load_judge(tmp_path / "run", ContrastiveJudge)
    batch = [torch.from_numpy(a) for a in ContrastiveTask(RECIPE, Corpus.load(tunes)).pairs]
    with torch.no_grad():
        scores = judge.score(*batch)
        logits = judge.logits(*judge(*batch))
    assert scores.abs().max() <= 1 + 1e-5
    torch.testing.assert_close(logits.diagonal(), judge.log_scale.exp().clamp(max=100) * scores)


@torch.no_grad()
def test_a_contrastive_judge_is_never_surer_than_by_a_hundred():
    """As in CLIP, so that no batch can make the softmax blow up."""
    judge = ContrastiveJudge(JudgeConfig(transformer=RECIPE.transformer))
    judge.log_scale.fill_(math.log(50))
    assert float(judge.logits(torch.eye(3), torch.eye(3)).max()) == pytest.approx(50)
    judge.log_scale.fill_(math.log(500))
    assert float(judge.logits(torch.eye(3), torch.eye(3)).max()) == pytest.approx(100)


def test_the_discriminative_judge_learns_to_tell_real_pairs(tunes, tmp_path):
    recipe = msgspec.structs.replace(RECIPE, steps=400)
    corpus = Corpus.load(tunes)
    train("discriminative", recipe, corpus, tmp_path / "run")
    judge = load_judge(tmp_path / "run" / "last.safetensors", DiscriminativeJudge)
    batch = ContrastiveTask(RECIPE, corpus).draw(np.random.default_rng(99), 12)
    melody, chords, real = map(torch.from_numpy, batch)
    with torch.no_grad():
        own = judge.score(melody, chords, real)
        strange = judge.score(melody, chords.roll(1, dims=0), real)
        torch.testing.assert_close(own, judge(melody, chords, real).sigmoid().mean(1))
    assert own.mean() > strange.mean() + 0.15


def test_the_generative_judge_learns_which_notes_go_with_the_chords(tunes, tmp_path):
    recipe = msgspec.structs.replace(RECIPE, steps=200)
    corpus = Corpus.load(tunes)
    train("generative", recipe, corpus, tmp_path / "run")
    judge = load_judge(tmp_path / "run" / "last.safetensors", GenerativeJudge)
    batch = GenerativeTask(RECIPE, corpus).draw(np.random.default_rng(99), 12)
    melody, chords, real = map(torch.from_numpy, batch)
    with torch.no_grad():
        torch.testing.assert_close(judge(chords, real).exp().sum(-1), torch.ones(chords.shape))
        own = judge.score(melody, chords, real)
        strange = judge.score(melody, chords.roll(1, dims=0), real)
    assert own.mean() > 2, "twice as good as chance"
    assert own.mean() > strange.mean() + 0.5


def test_a_generative_judge_s_loss_is_that_of_the_frames_with_a_note(tunes):
    task = GenerativeTask(RECIPE, Corpus.load(tunes))
    melody = torch.tensor([[MELODY.on(60), MELODY.hold(60), 0, MELODY.on(62)]])
    real = torch.tensor([[True, True, True, False]])
    p_c, p_d = 0.5, 0.25

    def network(chords, real):
        log_p = torch.full((1, 4, 12), -9.0)
        log_p[..., 0], log_p[..., 2] = math.log(p_c), math.log(p_d)
        return log_p

    loss, logged = task.loss(network, [melody, torch.zeros_like(melody), real], 3.0)
    assert float(loss) == pytest.approx(2 * math.log(2) / 3)
    assert float(logged["accuracy"]) == 1
    with pytest.raises(UserError, match="cannot say rhythm: true"):
        GenerativeTask(msgspec.structs.replace(RECIPE, rhythm=True), Corpus.load(tunes))


def test_mixed_chords_are_valid_and_labelled_where_they_are_the_song_s_own(tunes):
    corpus = Corpus.load(tunes)
    task = DiscriminativeTask(RECIPE, corpus)
    melody, chords, real, own = task.draw(np.random.default_rng(0), 12)
    songs = ContrastiveTask(RECIPE, corpus).draw(np.random.default_rng(0), 12)  # not mixed
    assert all(CHORDS.is_valid(row) for row in chords)
    assert np.array_equal(melody, np.tile(songs.melody, (2, 1)))
    assert real.all()
    true = CHORDS.symbol(chords) == CHORDS.symbol(np.tile(songs.chords, (2, 1)))
    assert np.mean(true == own) > 0.97, "but where both are silent"
    assert true[:12].all(1).any(), "some windows are all true"
    assert not true[:12].all(1).all(), "some change between true and other chords"

    batch = [torch.from_numpy(array) for array in (melody, chords, real, own)]
    loss, logged = task.loss(lambda *_: torch.zeros(chords.shape), batch, 0.0)
    assert float(loss) == pytest.approx(math.log(2))  # a judge that knows nothing
    # With all logits 0, accuracy is the share of labels that say no.
    assert float(logged["accuracy"]) == pytest.approx(np.mean(~own))


@pytest.mark.parametrize("task", [ContrastiveTask, DiscriminativeTask])
def test_a_rhythm_judge_hears_no_pitch(task, tunes):
    rhythm = msgspec.structs.replace(RECIPE, rhythm=True)
    made = task(rhythm, Corpus.load(tunes))
    drawn = made.draw(np.random.default_rng(0), 4)
    melody, chords, real = map(torch.from_numpy, (drawn.melody, drawn.chords, drawn.real))
    other = torch.where(MELODY.is_on(melody), MELODY.on(60), melody)
    other = torch.where(MELODY.is_hold(melody), MELODY.hold(60), other)
    other_chords = torch.where(CHORDS.is_on(chords), CHORDS.on(5), chords)
    model = made.model.eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(4)  # as far from indifferent as a trained one
        score = model.score(melody, chords, real)
        torch.testing.assert_close(score, model.score(other, other_chords, real))
        shifted = chords.roll(1, dims=1)
        assert not torch.allclose(model.score(melody, shifted, real), score)


def test_windows_are_full_and_of_distinct_songs(tunes):
    task = ContrastiveTask(msgspec.structs.replace(RECIPE, lengths=(32, 64)), Corpus.load(tunes))
    lengths = set()
    for step in range(8):
        batch = task.draw(np.random.default_rng(step), 12)
        lengths.add(batch.melody.shape[1])
        assert batch.real.all()
        rhythms = {tuple(row) for row in MELODY.is_on(batch.melody)}
        assert len(rhythms) >= 11  # tunes may share a rhythm, windows of one tune would too
    assert lengths == {32, 64}


def test_too_few_held_out_songs_are_named(tunes, tmp_path):
    recipe = msgspec.structs.replace(RECIPE, lengths=(100_000,))
    with pytest.raises(UserError, match="fewer than two songs of the valid split have 100000"):
        train("contrastive", recipe, Corpus.load(tunes), tmp_path / "run")


def test_a_corpus_of_short_songs_is_refused_before_anything_is_learnt(tunes):
    recipe = msgspec.structs.replace(RECIPE, lengths=(32, 32, 5000))
    with pytest.raises(UserError, match="no song to train on has 5000 frames"):
        ContrastiveTask(recipe, Corpus.load(tunes))
