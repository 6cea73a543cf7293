"""A context: how far a policy has read one session, as its cache of keys and values.

Frames that were only imagined can be taken back: what their ring slots held before is kept until
the frames come true, so that replanning starts from the true past and never copies a whole cache.

`decide` makes one model step for several contexts of one policy. Knows no music and no clock.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from gapt.live.models import OnnxPolicy

MAX_BATCH = 8
"""Contexts that `decide` takes at once. Measured with the shipped size on one core: 0.37 ms alone,
0.23 each for 2, 0.18 for 4, 0.20 for 8, 0.24 for 16 and more, which fall out of the CPU's cache."""


class _Overwritten(NamedTuple):
    """What an imagined frame's slot held: float32 [layers, heads, size], twice."""

    frame: int
    keys: np.ndarray
    values: np.ndarray


class Context:
    """One policy's cache of one session.

    Attributes:
        policy: whose.
        first: the session's frame at which the policy began to listen.
        frame: the frame to decide next.
        keys, values: float32 [layers, 1, heads, reach, size].
    """

    def __init__(self, policy: OnnxPolicy, first: int = 0) -> None:
        self.policy = policy
        self.first = self.frame = first
        self.keys, self.values = policy.empty_cache(1), policy.empty_cache(1)
        self._overwritten: deque[_Overwritten] = deque()

    def write(self, keys: np.ndarray, values: np.ndarray, imagined: bool) -> None:
        """Append the keys and values [layers, heads, size] of `frame`, and go on to the next."""
        slot = self._slot(self.frame)
        if imagined:
            old = self.keys[:, 0, :, slot].copy(), self.values[:, 0, :, slot].copy()
            self._overwritten.append(_Overwritten(self.frame, *old))
        self.keys[:, 0, :, slot] = keys
        self.values[:, 0, :, slot] = values
        self.frame += 1

    def rewind(self, frame: int) -> None:
        """Take back `frame` and those after it, which were all imagined."""
        while self.frame > frame:
            taken, keys, values = self._overwritten.pop()
            slot = self._slot(taken)
            self.keys[:, 0, :, slot] = keys
            self.values[:, 0, :, slot] = values
            self.frame = taken

    def confirm(self, frame: int) -> None:
        """What was imagined for `frame` and before has come true."""
        while self._overwritten and self._overwritten[0].frame <= frame:
            self._overwritten.popleft()

    def _slot(self, frame: int) -> int:
        return (frame - self.first) % self.policy.reach


class Step(NamedTuple):
    """What one context's next frame is decided from: both players' states in the frame before it.

    `imagined` if the melody's was not heard but made up.
    """

    context: Context
    melody: int
    chord: int
    imagined: bool


def decide(steps: Sequence[Step]) -> tuple[np.ndarray, np.ndarray]:
    """One frame for each of up to `MAX_BATCH` contexts of one policy, which are then a frame on.

    Returns:
        Masked logits, chords and melody, float32 [B, actions].
    """
    contexts = [step.context for step in steps]
    policy = contexts[0].policy
    if len(contexts) == 1:
        keys, values = contexts[0].keys, contexts[0].values
    else:
        keys, values = policy.scratch(len(contexts))
        for row, context in enumerate(contexts):
            keys[:, row] = context.keys[:, 0]
            values[:, row] = context.values[:, 0]
    decision = policy.decide(
        np.array([step.melody for step in steps]),
        np.array([step.chord for step in steps]),
        np.array([context.frame - context.first for context in contexts]),
        keys,
        values,
    )
    for row, step in enumerate(steps):
        step.context.write(decision.new_keys[:, row], decision.new_values[:, row], step.imagined)
    return decision.chord_logits, decision.melody_logits
