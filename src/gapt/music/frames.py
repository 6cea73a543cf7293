"""The frame codec: time in sixteenth notes, one state per player and frame.

A *state* says what a player does during a frame: silence, ON(symbol) in the first frame of a note
or chord, HOLD(symbol) in those after it. An *action* is what a model chooses: silence, HOLD
whatever sounds, or ON(symbol). Only HOLD can be wrong, and only while nothing sounds, so masking
that one action makes every sequence valid (ReaLchords, arXiv 2506.14723, section 3, encodes the
same states as tokens).

Knows nothing of models. `Voice` works alike on NumPy arrays and torch tensors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gapt.music.chords import NUM_CHORDS, chord_at, nearest
from gapt.music.leadsheet import ChordSpan, LeadSheet, Note

FRAMES_PER_BEAT = 4
MAX_TRANSPOSITION = 6
NUM_PITCHES = 128

SILENCE = 0
"""State and action alike."""
HOLD = 1
"""The action that keeps what sounds; ON(symbol) is action `2 + symbol`."""

Array = Any  # np.ndarray or torch.Tensor of integers, any shape


@dataclass(frozen=True, slots=True)
class Voice:
    """One player's alphabet of `symbols` symbols: pitches for the melody, chords for the chords.

    States: 0 silence; 1 + s ON(s); 1 + symbols + s HOLD(s); and `start`, which is only ever a
    model's input before the first frame. Actions: 0 silence; 1 HOLD; 2 + s ON(s).
    """

    symbols: int

    @property
    def num_states(self) -> int:
        """Silence, ON and HOLD of every symbol; `start` not counted."""
        return 1 + 2 * self.symbols

    @property
    def num_actions(self) -> int:
        """Silence, HOLD, and ON of every symbol."""
        return 2 + self.symbols

    @property
    def start(self) -> int:
        """The state before the first frame."""
        return self.num_states

    def on(self, symbol: int) -> int:
        """The state of a symbol's first frame."""
        return 1 + symbol

    def hold(self, symbol: int) -> int:
        """The state of a symbol's later frames."""
        return 1 + self.symbols + symbol

    def is_on(self, states: Array) -> Array:
        """Where a symbol begins."""
        return (states >= 1) & (states <= self.symbols)

    def is_hold(self, states: Array) -> Array:
        """Where a symbol goes on."""
        return (states > self.symbols) & (states < self.num_states)

    def sounds(self, states: Array) -> Array:
        """Where anything sounds."""
        return (states >= 1) & (states < self.num_states)

    def symbol(self, states: Array) -> Array:
        """The sounding symbol; meaningless where nothing sounds."""
        return (states - 1) % self.symbols

    def actions(self, states: Array) -> Array:
        """The action that leads to each state."""
        return self.is_on(states) * (states + 1) + self.is_hold(states) * HOLD

    def advance(self, previous: Array, actions: Array) -> Array:
        """The state after `actions` in states `previous`; HOLD of nothing stays silence."""
        held = self.sounds(previous) * (1 + self.symbols + self.symbol(previous))
        return (actions == HOLD) * held + (actions > HOLD) * (actions - 1)

    def is_broken(self, states: Array) -> Array:
        """Where a symbol goes on, [..., T], that did not sound in the frame before."""
        broken = self.is_hold(states)
        before, now = states[..., :-1], states[..., 1:]
        broken[..., 1:] &= ~(self.sounds(before) & (self.symbol(before) == self.symbol(now)))
        return broken

    def strike(self, states: Array) -> Array:
        """States [..., T] with ON in place of each HOLD that is broken."""
        return states - self.symbols * self.is_broken(states)

    def is_valid(self, states: np.ndarray) -> bool:
        """Whether a sequence [T] holds known states, and HOLD only of what sounds."""
        known = (states >= 0) & (states < self.num_states)
        return bool(np.all(known & ~self.is_broken(states)))

    def from_spans(self, spans: Sequence[tuple[int, int, int]], length: int) -> np.ndarray:
        """States [length] of (first frame, end frame, symbol) spans, in order of onset.

        A span ends where the next begins: the newest wins.
        """
        states = np.zeros(length, dtype=np.int16)
        for first, end, symbol in spans:
            states[first:] = SILENCE
            states[first:end] = self.hold(symbol)
            if first < min(end, length):
                states[first] = self.on(symbol)
        return states

    def to_spans(self, states: np.ndarray) -> list[tuple[int, int, int]]:
        """The inverse of `from_spans`."""
        goes_on = self.is_hold(states)
        spans = []
        for first in np.flatnonzero(self.is_on(states)):
            end = first + 1
            while end < len(states) and goes_on[end]:
                end += 1
            spans.append((int(first), int(end), int(self.symbol(states[first]))))
        return spans

    def window(self, states: np.ndarray, start: int, length: int) -> np.ndarray:
        """States [<= length] from `start` on; a symbol cut in two begins anew (ON)."""
        return self.strike(states[start : start + length]).astype(states.dtype)


MELODY = Voice(NUM_PITCHES)
CHORDS = Voice(NUM_CHORDS)


def other(part: Voice) -> Voice:
    """The part that the other player has."""
    return MELODY if part == CHORDS else CHORDS


@dataclass(frozen=True, slots=True)
class Frames:
    """A tune in frames: two aligned state sequences int16 [T].

    `inexact` counts the frames whose chord is outside the vocabulary and was mapped to the
    nearest member.
    """

    melody: np.ndarray
    chords: np.ndarray
    inexact: int = 0

    def __len__(self) -> int:
        return len(self.melody)

    def window(self, start: int, length: int) -> Frames:
        """Both parts from frame `start`, at most `length` frames."""
        return Frames(
            MELODY.window(self.melody, start, length), CHORDS.window(self.chords, start, length)
        )


def to_frame(beat: float) -> int:
    """The frame whose start is nearest to `beat` (the later one of two)."""
    return int(np.floor(beat * FRAMES_PER_BEAT + 0.5))


def encode(sheet: LeadSheet) -> Frames:
    """A lead sheet on the sixteenth grid. Both parts run to the end of the longer one.

    Notes and chords shorter than a frame get one frame. Where notes overlap the newest wins; of
    those that begin together, the highest.
    """
    notes = [
        (*_to_frames(note.onset, note.offset), note.pitch)
        for note in sorted(sheet.notes, key=lambda note: (note.onset, note.pitch))
    ]
    chords = []
    inexact = 0
    for span in sorted(sheet.chords, key=lambda span: span.onset):
        first, end = _to_frames(span.onset, span.offset)
        symbol, exact = nearest(span.chord)
        chords.append((first, end, symbol))
        inexact += 0 if exact else end - first
    length = max((end for _, end, _ in (*notes, *chords)), default=0)
    return Frames(MELODY.from_spans(notes, length), CHORDS.from_spans(chords, length), inexact)


def _to_frames(onset: float, offset: float) -> tuple[int, int]:
    first = to_frame(onset)
    return first, max(first + 1, to_frame(offset))


def decode(frames: Frames) -> LeadSheet:
    """The lead sheet that frames say; `encode` gives them back."""
    return LeadSheet(
        notes=tuple(
            Note(first / FRAMES_PER_BEAT, end / FRAMES_PER_BEAT, pitch)
            for first, end, pitch in MELODY.to_spans(frames.melody)
        ),
        chords=tuple(
            ChordSpan(first / FRAMES_PER_BEAT, end / FRAMES_PER_BEAT, chord_at(index))
            for first, end, index in CHORDS.to_spans(frames.chords)
        ),
    )


# Transposition is a table look-up: entry [k + 6, state] is the state k semitones higher.


def _transposition_table(voice: Voice, moved: np.ndarray) -> np.ndarray:
    """int16 [13, num_states + 1] from the moved symbols [13, symbols]; `start` stays itself."""
    table = np.zeros((len(moved), voice.num_states + 1), dtype=np.int16)
    table[:, 1 : 1 + voice.symbols] = 1 + moved
    table[:, 1 + voice.symbols : voice.num_states] = 1 + voice.symbols + moved
    table[:, voice.start] = voice.start
    table.setflags(write=False)
    return table


def _moved_pitches() -> np.ndarray:
    shifts = np.arange(-MAX_TRANSPOSITION, MAX_TRANSPOSITION + 1)[:, None]
    moved = np.arange(NUM_PITCHES)[None] + shifts
    return moved - 12 * (moved >= NUM_PITCHES) + 12 * (moved < 0)


def _moved_chords() -> np.ndarray:
    shifts = np.arange(-MAX_TRANSPOSITION, MAX_TRANSPOSITION + 1)[:, None]
    index = np.arange(NUM_CHORDS)[None]
    return index - index % 12 + (index + shifts) % 12


_MELODY_TRANSPOSITIONS = _transposition_table(MELODY, _moved_pitches())
_CHORD_TRANSPOSITIONS = _transposition_table(CHORDS, _moved_chords())


def transpose_melody(states: np.ndarray, semitones: int | np.ndarray) -> np.ndarray:
    """Melody states moved by -6..6 semitones, one number or as many as broadcast against them.

    Pitches that would leave MIDI's range fold back.
    """
    return _MELODY_TRANSPOSITIONS[semitones + MAX_TRANSPOSITION, states]


def transpose_chords(states: np.ndarray, semitones: int | np.ndarray) -> np.ndarray:
    """Chord states likewise."""
    return _CHORD_TRANSPOSITIONS[semitones + MAX_TRANSPOSITION, states]
