"""The Vendi score, against cases worked out by hand."""

import shutil

import numpy as np
import pytest
from vendi_score import vendi

from gapt.errors import UserError
from gapt.evaluation.diversity import (
    diversity_judge,
    embed,
    embed_in_any_key,
    vendi_in_any_key,
    vendi_statistics,
)
from gapt.music.frames import CHORDS, transpose_chords
from gapt.music.measures import Play, ratio


def score(embeddings):
    return np.exp(ratio(vendi_statistics(embeddings).sum(0)))


def unit_vectors(count, dim, seed=0):
    vectors = np.random.default_rng(seed).normal(size=(count, dim)) * np.linspace(1, 0.1, dim)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_identical_songs_count_as_one():
    assert score(np.repeat(unit_vectors(1, 8), 20, axis=0)) == pytest.approx(1)
    assert score(unit_vectors(1, 8)) == pytest.approx(1)


def test_orthogonal_songs_count_each():
    assert score(np.eye(16)[:7]) == pytest.approx(7)


def test_two_kinds_in_unequal_numbers():
    # Eigenvalues 3/4 and 1/4.
    expected = np.exp(-(0.75 * np.log(0.75) + 0.25 * np.log(0.25)))
    assert score(np.eye(4)[[0, 0, 0, 1]]) == pytest.approx(expected)


def test_is_the_published_score():
    x = unit_vectors(50, 8)
    assert score(x) == pytest.approx(vendi.score_dual(x))
    assert score(x) == pytest.approx(vendi.score_K(x @ x.T))


def test_the_interval_is_as_wide_as_scores_of_other_songs_are_apart():
    others = [vendi.score_dual(unit_vectors(200, 8, seed)) for seed in range(100)]
    statistics = vendi_statistics(unit_vectors(200, 8))
    picks = np.random.default_rng(0).multinomial(200, np.full(200, 1 / 200), size=1000)
    resampled = np.exp(ratio(picks @ statistics))
    assert resampled.std() == pytest.approx(np.std(others), rel=0.25)
    assert resampled.mean() == pytest.approx(score(unit_vectors(200, 8)), rel=0.01)


def test_the_judge_is_one_that_hears_pitch(networks, tmp_path):
    assert diversity_judge(networks / "judges")[0] == "contrastive-0"
    shutil.copy(networks / "judges" / "contrastive-rhythm-0.safetensors", tmp_path)
    with pytest.raises(UserError, match=r"no contrastive judge in .* that hears pitch"):
        diversity_judge(tmp_path)


def test_songs_are_embedded_one_by_one_up_to_their_end(networks):
    _, judge = diversity_judge(networks / "judges")
    chords = np.random.default_rng(0).integers(1, 1 + CHORDS.symbols, (20, 12))
    real = np.ones_like(chords, dtype=bool)
    real[:, 8:] = False
    play = Play(np.zeros_like(chords), chords, real)
    vectors = embed(judge, play)
    np.testing.assert_allclose((vectors**2).sum(1), 1, atol=1e-6)
    alone = embed(judge, Play(*(array[17:18, :8] for array in play)))
    np.testing.assert_allclose(vectors[17:18], alone, atol=1e-5)


def test_in_any_key_transposing_songs_changes_nothing(networks):
    _, judge = diversity_judge(networks / "judges")
    rng = np.random.default_rng(0)
    chords = rng.integers(1, 1 + CHORDS.symbols, (6, 12))
    play = Play(np.zeros_like(chords), chords, np.ones_like(chords, dtype=bool))
    moved = [
        transpose_chords(row, key) for row, key in zip(chords, (0, 1, -3, 6, -5, 2), strict=True)
    ]
    other = play._replace(chords=np.stack(moved).astype(np.int64))
    assert not np.allclose(embed(judge, play), embed(judge, other), atol=1e-3)
    here, there = embed_in_any_key(judge, play), embed_in_any_key(judge, other)
    np.testing.assert_allclose(here, there, atol=1e-6)


def test_in_any_key_one_song_in_many_keys_is_one_song(networks):
    _, judge = diversity_judge(networks / "judges")
    song = np.random.default_rng(0).integers(1, 1 + CHORDS.symbols, 12)
    chords = np.stack([transpose_chords(song, key) for key in range(-5, 7)]).astype(np.int64)
    play = Play(np.zeros_like(chords), chords, np.ones_like(chords, dtype=bool))
    assert vendi_in_any_key(judge).of(play) == pytest.approx(1)
    assert score(embed(judge, play)) > 1.001
