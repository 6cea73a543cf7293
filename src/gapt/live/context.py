"""A context: how far a policy has read one session, as its cache of keys and values.

Frames that were only imagined can be taken back: what their ring slots held before is kept until
the frames come true, so that replanning starts from the true past and never copies a whole cache.

`decide` makes the model steps of several contexts. Knows no music and no clock.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from gapt.live.models import OnnxPolicy

_FEW = 3
"""Up to so many contexts are stepped one at a time, which is faster than a step of all slots."""


class _Overwritten(NamedTuple):
    """What an imagined frame's slot held: float32 [layers, 2, heads, size]."""

    frame: int
    held: np.ndarray


class Context:
    """One policy's cache of one session.

    Attributes:
        policy: whose.
        first: the session's frame at which the policy began to listen, which is on a beat.
        frame: the frame to decide next.
        cache: float32 [layers, 2, 1, heads, reach, size].
    """

    def __init__(self, policy: OnnxPolicy, first: int = 0) -> None:
        self.policy = policy
        self.first = self.frame = first
        self.cache = policy.empty_cache()
        self._overwritten: deque[_Overwritten] = deque()

    def _slot(self, frame: int) -> np.ndarray:
        """Where a frame's keys and values lie: a view [layers, 2, heads, size]."""
        return self.cache[:, :, 0, :, self.policy.slot_of(frame - self.first)]

    def write(self, new: np.ndarray, *, imagined: bool) -> None:
        """Put `frame`'s keys and values [layers, 2, heads, size] in its slot, and go on."""
        slot = self._slot(self.frame)
        if imagined:
            self._overwritten.append(_Overwritten(self.frame, slot.copy()))
        slot[:] = new
        self.frame += 1

    def rewind(self, frame: int) -> None:
        """Take back `frame` and those after it, which were all imagined."""
        while self.frame > frame:
            self.frame, held = self._overwritten.pop()
            self._slot(self.frame)[:] = held

    def confirm(self, frame: int) -> None:
        """What was imagined for `frame` and before has come true."""
        while self._overwritten and self._overwritten[0].frame <= frame:
            self._overwritten.popleft()


class Step(NamedTuple):
    """What one context's next frame is decided from.

    Attributes:
        context: whose.
        melody, chord: both players' states in the frame before it.
        imagined: whether that melody was not heard but made up.
        struck: whether a chord is to be struck, and silence is not to be drawn.
        temperatures, chances: of the chord's draw and of the melody's (`OnnxPolicy.decide`).
    """

    context: Context
    melody: int
    chord: int
    imagined: bool
    struck: bool
    temperatures: tuple[float, float]
    chances: tuple[float, float]


def decide(steps: Sequence[Step]) -> list[tuple[int, int]]:
    """One frame for each of several contexts of one policy, which are then a frame on.

    Returns:
        The actions drawn, of the chord and of the melody.
    """
    size = 1 if len(steps) <= _FEW else steps[0].context.policy.slots
    groups = (steps[first : first + size] for first in range(0, len(steps), size))
    return [actions for group in groups for actions in _step(group, size)]


def _step(steps: Sequence[Step], slots: int) -> list[tuple[int, int]]:
    """`decide` in one model step; unused slots repeat the first session, to no effect."""
    filled = [*steps, *[steps[0]] * (slots - len(steps))]
    contexts, melody, chords, _, struck, temperatures, chances = zip(*filled, strict=True)
    decision = contexts[0].policy.decide(
        np.array(melody, dtype=np.int64),
        np.array(chords, dtype=np.int64),
        np.array([context.frame - context.first for context in contexts], dtype=np.int64),
        np.array(struck),
        np.array(temperatures, dtype=float),
        np.array(chances),
        [context.cache for context in contexts],
    )
    for step, new in zip(steps, decision.new, strict=False):
        step.context.write(new, imagined=step.imagined)
    actions = zip(decision.chords.tolist(), decision.melody.tolist(), strict=True)
    return list(actions)[: len(steps)]
