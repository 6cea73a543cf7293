"""Batches: windows of songs, transposed at random, mixed from several corpora.

Every draw takes its own random generator, made from the run's seed and the step, so that a run
that is resumed sees what an unbroken one would have seen and nothing need be saved for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from gapt.corpora.store import Song
from gapt.music.frames import (
    CHORD_TRANSPOSITIONS,
    FRAMES_PER_BEAT,
    MAX_TRANSPOSITION,
    MELODY_TRANSPOSITIONS,
    SILENCE,
)


class Batch(NamedTuple):
    """Windows of lead sheets, padded at the end.

    Attributes:
        melody, chords: states int64 [B, T].
        real: bool [B, T], False where a window is longer than its song.
    """

    melody: np.ndarray
    chords: np.ndarray
    real: np.ndarray

    def rows(self, first: int, stop: int) -> Batch:
        """Some of the rows: what one process of several takes."""
        return Batch(*(array[first:stop] for array in self))


def stack(songs: Sequence[Song], starts: Sequence[int], frames: int) -> Batch:
    """Windows of `frames` frames from frame `starts[i]` of `songs[i]`, as they are."""
    shape = (len(songs), frames)
    melody, chords = np.full(shape, SILENCE), np.full(shape, SILENCE)
    real = np.zeros(shape, dtype=bool)
    for row, (song, start) in enumerate(zip(songs, starts, strict=True)):
        window = song.frames.window(start, frames)
        melody[row, : len(window)] = window.melody
        chords[row, : len(window)] = window.chords
        real[row, : len(window)] = True
    return Batch(melody, chords, real)


def transpose(batch: Batch, semitones: np.ndarray) -> Batch:
    """Each row moved by its own -6..6 semitones, both parts alike; semitones int [B]."""
    row = semitones[:, None] + MAX_TRANSPOSITION
    return Batch(
        MELODY_TRANSPOSITIONS[row, batch.melody].astype(np.int64),
        CHORD_TRANSPOSITIONS[row, batch.chords].astype(np.int64),
        batch.real,
    )


class Mixture:
    """Draws batches from several corpora in fixed shares."""

    def __init__(self, corpora: Mapping[str, Sequence[Song]], shares: Mapping[str, float]) -> None:
        """Corpora without songs are left out and the other shares scaled up."""
        self._corpora = [corpora[name] for name in shares if corpora.get(name)]
        weights = np.array([shares[name] for name in shares if corpora.get(name)])
        self._shares = weights / weights.sum()

    def draw(self, rng: np.random.Generator, size: int, frames: int) -> Batch:
        """`size` random windows: a corpus by its share, a song, a bar to begin at, a key."""
        songs, starts = [], []
        for corpus in rng.choice(len(self._corpora), size=size, p=self._shares):
            song = self._corpora[corpus][rng.integers(len(self._corpora[corpus]))]
            bar = max(1, round(song.beats_per_bar * FRAMES_PER_BEAT))
            last = max(0, len(song.frames) - frames)
            songs.append(song)
            starts.append(bar * int(rng.integers(-(-last // bar) + 1)))
        semitones = rng.integers(-MAX_TRANSPOSITION, MAX_TRANSPOSITION + 1, size=size)
        return transpose(stack(songs, starts, frames), semitones)
