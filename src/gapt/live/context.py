"""A context: how far a policy has read one session, as its cache of keys and values.

Contexts of one policy have their caches side by side in banks. A step of several contexts of a bank
reads them where they lie: putting eight together for a step took longer than the step.

Frames that were only imagined can be taken back: what their ring slots held before is kept until
the frames come true, so that replanning starts from the true past and never copies a whole cache.

`decide` makes one model step for several contexts of one bank. Knows no music and no clock.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple
from weakref import WeakKeyDictionary, WeakSet

import numpy as np

from gapt.live.models import OnnxPolicy

ROWS = 8
"""Contexts of a bank. Measured with the shipped size, 200 contexts, two threads on two cores with
AVX2: 2,300 steps a second one by one, 3,300 by 2, 7,200 by 4, 10,100 by 8, 8,800 by 16, which fall
out of the CPU's cache; 4,400 by 8 if their caches are put together first."""


class Bank:
    """The caches of up to `ROWS` contexts of one policy. It lasts as long as one of them.

    Attributes:
        policy: whose.
        keys, values: float32 [layers, ROWS, heads, reach, size].
    """

    def __init__(self, policy: OnnxPolicy) -> None:
        self.policy = policy
        self.keys, self.values = policy.empty_cache(ROWS), policy.empty_cache(ROWS)
        self.free = list(range(ROWS))

    @staticmethod
    def with_room(policy: OnnxPolicy) -> tuple[Bank, int]:
        """A bank of the policy and a row there, which is the caller's until it is put in `free`.

        The fullest bank that has one: full banks make the most of a step.
        """
        with _lock:
            banks = _banks.setdefault(policy, WeakSet())
            open_ = [bank for bank in banks if bank.free]
            bank = min(open_, key=lambda bank: len(bank.free)) if open_ else Bank(policy)
            banks.add(bank)
            row = min(bank.free)
            bank.free.remove(row)
            return bank, row


_banks: WeakKeyDictionary[OnnxPolicy, WeakSet[Bank]] = WeakKeyDictionary()
_lock = threading.Lock()


class _Overwritten(NamedTuple):
    """What an imagined frame's slot held: float32 [layers, heads, size], twice."""

    frame: int
    keys: np.ndarray
    values: np.ndarray


class Context:
    """One policy's cache of one session.

    Attributes:
        bank, row: where it lies.
        first: the session's frame at which the policy began to listen.
        frame: the frame to decide next.
        keys, values: float32 [layers, heads, reach, size], a view of the bank's.
    """

    def __init__(self, policy: OnnxPolicy, first: int = 0) -> None:
        self.first = self.frame = first
        # What somebody before has left in the row is out of reach: a context sees its own frames.
        self.bank, self.row = Bank.with_room(policy)
        self.keys, self.values = self.bank.keys[:, self.row], self.bank.values[:, self.row]
        self._overwritten: deque[_Overwritten] = deque()

    def __del__(self) -> None:
        self.bank.free.append(self.row)

    @property
    def policy(self) -> OnnxPolicy:
        """Whose cache it is."""
        return self.bank.policy

    def go_on(self, overwritten: tuple[np.ndarray, np.ndarray] | None) -> None:
        """`frame` has been written, over these keys and values if it was imagined: to the next."""
        if overwritten:
            self._overwritten.append(_Overwritten(self.frame, *overwritten))
        self.frame += 1

    def rewind(self, frame: int) -> None:
        """Take back `frame` and those after it, which were all imagined."""
        while self.frame > frame:
            taken, keys, values = self._overwritten.pop()
            slot = (taken - self.first) % self.policy.reach
            self.keys[:, :, slot] = keys
            self.values[:, :, slot] = values
            self.frame = taken

    def confirm(self, frame: int) -> None:
        """What was imagined for `frame` and before has come true."""
        while self._overwritten and self._overwritten[0].frame <= frame:
            self._overwritten.popleft()


class Step(NamedTuple):
    """What one context's next frame is decided from: both players' states in the frame before it.

    `imagined` if the melody's was not heard but made up.
    """

    context: Context
    melody: int
    chord: int
    imagined: bool


def decide(steps: Sequence[Step]) -> tuple[np.ndarray, np.ndarray]:
    """One frame for each of several contexts of one bank, which are then a frame on.

    Returns:
        Masked logits, chords and melody, float32 [B, actions].
    """
    bank = steps[0].context.bank
    rows = np.array([step.context.row for step in steps])
    positions = np.array([step.context.frame - step.context.first for step in steps])
    # Rows between them take part, too, and what they decide is dropped: skipping would be copying.
    first, end = int(rows.min()), int(rows.max()) + 1
    asks = rows - first
    melody, chords, position = np.zeros((3, end - first), dtype=np.int64)
    melody[asks] = [step.melody for step in steps]
    chords[asks] = [step.chord for step in steps]
    position[asks] = positions
    decision = bank.policy.decide(
        melody, chords, position, bank.keys[:, first:end], bank.values[:, first:end]
    )
    slots = np.s_[:, rows, :, positions % bank.policy.reach]
    overwritten = bank.keys[slots], bank.values[slots]
    bank.keys[slots] = decision.new_keys[:, asks].swapaxes(0, 1)
    bank.values[slots] = decision.new_values[:, asks].swapaxes(0, 1)
    for step, *old in zip(steps, *overwritten, strict=True):
        step.context.go_on((old[0], old[1]) if step.imagined else None)
    return decision.chord_logits[asks], decision.melody_logits[asks]
