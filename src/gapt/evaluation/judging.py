"""How good a judge is: retrieval, or, for discriminative judges, classification."""

from __future__ import annotations

import torch
from torch import Tensor

RANKS = (1, 5, 10)


def retrieval(scores: Tensor) -> dict[str, float]:
    """How well each melody finds its own chords in a pool, and the chords their melody.

    Args:
        scores: float [N, N]; row i, column j: how well melody i goes with chords j. The pool is N.

    Returns:
        `recall_at_1`, `_5`, `_10`: the share of queries whose own answer is among the best k; and
        `map_at_10`: the mean of 1 / rank, 0 beyond the tenth. Both ways, averaged. Among equal
        scores the right answer counts as the last, so that indifference earns nothing.
    """
    own = scores.diagonal()
    ranks = torch.cat([(scores >= own[:, None]).sum(1), (scores >= own[None]).sum(0)]).float()
    found = {f"recall_at_{k}": float((ranks <= k).float().mean()) for k in RANKS}
    return {**found, "map_at_10": float(torch.where(ranks <= 10, 1 / ranks, 0.0).mean())}


def classification(real: Tensor, fake: Tensor) -> dict[str, float]:
    """Precision, recall and F1 of "real" at probability 0.5.

    Args:
        real: probabilities [N] given to real pairs.
        fake: probabilities [M] given to pairs of different songs.
    """
    hits, alarms = float((real > 0.5).sum()), float((fake > 0.5).sum())
    precision = hits / (hits + alarms) if hits + alarms else 0.0
    recall = hits / len(real)
    f1 = 2 * precision * recall / (precision + recall) if hits else 0.0
    return {"precision": precision, "recall": recall, "f1": f1}
