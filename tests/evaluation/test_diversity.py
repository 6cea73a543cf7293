"""The Vendi score, against cases worked out by hand."""

import numpy as np
import pytest
from vendi_score import vendi

from gapt.evaluation.diversity import vendi_statistics
from gapt.evaluation.measures import ratio


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
