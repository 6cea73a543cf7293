"""Diversity: how many different kinds of chord sequences there are, as a judge hears them.

The first full-input contrastive judge turns chord sequences into unit vectors; the Vendi score
(Friedman and Dieng, arXiv 2210.02410) counts how many directions they take. Scores compare only if
made with the same judge, of equally many sequences, equally long.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from scipy.linalg import eigh
from vendi_score import vendi as vendi_score

from gapt.errors import UserError
from gapt.models.checkpoint import find_judges, load_judge
from gapt.models.judges import ContrastiveJudge
from gapt.music.frames import CHORDS, MAX_TRANSPOSITION, Voice, transpose_chords
from gapt.music.measures import Measure, Play, ratio

_GROUP = 16  # songs that are heard at once; more would leave the processor's cache


def diversity_judge(folder: Path) -> tuple[str, ContrastiveJudge]:
    """The first full-input contrastive judge of a folder, and its name.

    Raises:
        UserError: there is none, or it cannot be loaded.
    """
    for name, path in find_judges(folder).items():
        if name.startswith("contrastive"):
            judge = load_judge(path, ContrastiveJudge)
            if not judge.config.rhythm:
                return name, judge
    raise UserError(f"no contrastive judge in {folder} that hears pitch, such as contrastive-0")


@torch.no_grad()
def embed(judge: ContrastiveJudge, play: Play, part: Voice = CHORDS) -> np.ndarray:
    """Unit vectors float64 [S, dim] of one part of a play: its chord sequences, or its melodies."""
    states, encode = (
        (play.chords, judge.embed_chords) if part == CHORDS else (play.melody, judge.embed_melody)
    )
    groups = [slice(first, first + _GROUP) for first in range(0, len(states), _GROUP)]
    heard = [
        [torch.from_numpy(array[some]).to(judge.log_scale.device) for array in (states, play.real)]
        for some in groups
    ]
    return torch.cat([encode(*group) for group in heard]).double().cpu().numpy()


def embed_in_any_key(judge: ContrastiveJudge, play: Play) -> np.ndarray:
    """Unit vectors [S, dim] of chord sequences that no transposition changes.

    A judge tells songs apart by their keys first, which nobody who plays along has chosen. So a
    sequence is heard in all twelve keys, and its vector is their mean, normalised again.
    """
    keys = range(1 - MAX_TRANSPOSITION, MAX_TRANSPOSITION + 1)
    moved = (transpose_chords(play.chords, key).astype(np.int64) for key in keys)
    total = sum(embed(judge, play._replace(chords=chords)) for chords in moved)
    return np.asarray(total / np.linalg.norm(total, axis=1, keepdims=True))


def vendi(judge: ContrastiveJudge, part: Voice = CHORDS) -> Measure:
    """The Vendi score of one part of the songs, 1 (all alike) to the number of songs."""
    return _vendi(lambda play: embed(judge, play, part))


def vendi_in_any_key(judge: ContrastiveJudge) -> Measure:
    """The same of the chords, whatever the songs' keys: nearer to 1, for less is left to differ."""
    return _vendi(lambda play: embed_in_any_key(judge, play))


def _vendi(vectors: Callable[[Play], np.ndarray]) -> Measure:
    return Measure(lambda play: vendi_statistics(vectors(play)), lambda sums: np.exp(ratio(sums)))


def vendi_statistics(embeddings: np.ndarray) -> np.ndarray:
    """What each song adds to the sums that make the Vendi score: [S, 2] of unit vectors [S, dim].

    With C the mean of x x' over the vectors x, the score is exp(-tr C log C): the exp of the mean
    of -x' (log C) x, so a sum over songs like other measures. A bootstrap of these sums leaves C
    as it is: that is the infinitesimal jackknife (Jaeckel, 1972), which says how the score would
    vary with other songs. Drawing songs again, as a plain bootstrap does, adds no new direction and
    so only lowers the score.
    """
    score = vendi_score.score_dual(embeddings, normalize=False)
    values, vectors = eigh(embeddings.T @ embeddings / len(embeddings))
    surprise = -((embeddings @ vectors) ** 2 @ np.log(np.maximum(values, 1e-12)))
    log_score = np.log(score) + surprise - surprise.mean()
    return np.stack([log_score, np.ones_like(log_score)], axis=-1)
