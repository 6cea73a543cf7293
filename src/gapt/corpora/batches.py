"""Batches: windows of songs, transposed at random, mixed from several corpora.

Every draw takes its own random generator, made from the run's seed and the step, so that a run
that is resumed sees what an unbroken one would have seen and nothing need be saved for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from gapt.corpora.store import Corpus, Song
from gapt.errors import UserError
from gapt.music.frames import (
    CHORDS,
    FRAMES_PER_BEAT,
    MAX_TRANSPOSITION,
    MELODY,
    SILENCE,
    transpose_chords,
    transpose_melody,
)

_OTHER_KEYS = [semitones for semitones in range(-5, MAX_TRANSPOSITION + 1) if semitones]


class Batch(NamedTuple):
    """Windows of lead sheets, padded at the end.

    Attributes:
        melody, chords: states int64 [B, T].
        real: bool [B, T], False where a window is longer than its song, or not to be learnt.
    """

    melody: np.ndarray
    chords: np.ndarray
    real: np.ndarray


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
    by = semitones[:, None]
    melody, chords = transpose_melody(batch.melody, by), transpose_chords(batch.chords, by)
    return Batch(melody.astype(np.int64), chords.astype(np.int64), batch.real)


def with_wrong_past(batch: Batch, share: float, rng: np.random.Generator) -> Batch:
    """Put the chords of some rows into another key, up to the onset of one of their chords.

    The frames before that onset are no longer real: they are heard, not learnt.
    """
    chords, real = batch.chords.copy(), batch.real.copy()
    for row in np.flatnonzero(rng.random(len(chords)) < share):
        onsets = np.flatnonzero(CHORDS.is_on(chords[row]) & real[row])[1:]
        if len(onsets):
            first = rng.choice(onsets)
            semitones = rng.choice(_OTHER_KEYS)
            chords[row, :first] = transpose_chords(chords[row, :first], semitones)
            real[row, :first] = False
    return Batch(batch.melody, chords, real)


def with_jumps(batch: Batch, share: float, rng: np.random.Generator) -> Batch:
    """Let some rows go on in another key from a random beat on, both parts alike."""
    rows, frames = batch.real.shape
    semitones = rng.choice(_OTHER_KEYS, rows)
    moved = transpose(batch, semitones * (rng.random(rows) < share))
    beats = np.maximum(batch.real.sum(1) // FRAMES_PER_BEAT, 2)
    after = np.arange(frames) >= FRAMES_PER_BEAT * rng.integers(1, beats)[:, None]
    return Batch(
        MELODY.strike(np.where(after, moved.melody, batch.melody)),
        CHORDS.strike(np.where(after, moved.chords, batch.chords)),
        batch.real,
    )


class Mixture:
    """Draws batches from several corpora in fixed shares."""

    def __init__(self, corpora: Mapping[str, Sequence[Song]], shares: Mapping[str, float]) -> None:
        """Corpora without songs are left out and the other shares scaled up."""
        self._corpora = [corpora[name] for name in shares if corpora.get(name)]
        weights = np.array([shares[name] for name in shares if corpora.get(name)])
        self._shares = weights / weights.sum()

    @staticmethod
    def of(corpus: Corpus, split: str, shares: Mapping[str, float]) -> Mixture:
        """The mixture of a prepared corpus' songs of one split.

        A corpus that is all `ood` has no splits: a recipe that names it wants all of it.

        Raises:
            UserError: none of the corpora with a share has songs there.
        """
        wanted = [name for name, share in shares.items() if share]
        if not wanted:
            raise UserError(
                "the recipe's 'mixture' gives no corpus a share; say, for example, "
                "mixture: {tunes: 1}"
            )
        corpora = {
            name: corpus.select(split, [name]) or corpus.select("ood", [name]) for name in wanted
        }
        if not any(corpora.values()):
            found = ", ".join(sorted({song.corpus for song in corpus.select(split)})) or "nothing"
            raise UserError(
                f"this corpus folder has no {' and no '.join(corpora)} to train on, but {found}; "
                "the recipe's 'mixture' says how much of a batch each corpus is"
            )
        for name in (name for name, songs in corpora.items() if not songs):
            print(f"no {name} in this corpus folder: the other corpora take its share")
        unused = {song.corpus for song in corpus.select(split)} - set(corpora)
        for name in sorted(unused):
            print(f"{name} is in this corpus folder, but not in the recipe's mixture: left out")
        return Mixture(corpora, {name: shares[name] for name in wanted})

    def draw_whole(self, rng: np.random.Generator, size: int, frames: int) -> Batch:
        """Like `draw`, but every window is full, and no song is drawn twice while others are left.

        For judges: were real pairs and others to differ in length, or were two windows of one song
        to be called strangers, that is what they would learn.

        Raises:
            UserError: no song is long enough.
        """
        pools = [
            [song for song in corpus if len(song.frames) >= frames] for corpus in self._corpora
        ]
        shares = self._shares * [bool(pool) for pool in pools]
        if not shares.any():
            raise UserError(f"no song to train on has {frames} frames; the recipe asks for as many")
        songs, starts = [], []
        for pool, count in zip(pools, rng.multinomial(size, shares / shares.sum()), strict=True):
            rounds = -(-count // len(pool)) if pool else 0
            for pick in [i for _ in range(rounds) for i in rng.permutation(len(pool))][:count]:
                bar = max(1, round(pool[pick].beats_per_bar * FRAMES_PER_BEAT))
                songs.append(pool[pick])
                starts.append(bar * int(rng.integers((len(pool[pick].frames) - frames) // bar + 1)))
        semitones = rng.integers(-MAX_TRANSPOSITION, MAX_TRANSPOSITION + 1, size=size)
        return transpose(stack(songs, starts, frames), semitones)

    def draw(self, rng: np.random.Generator, size: int, frames: int) -> Batch:
        """`size` random windows of `frames` frames, padded where a song is shorter.

        Each from a corpus drawn by its share, a song of it, a bar to begin at, and a key.
        """
        songs, starts = [], []
        for corpus in rng.choice(len(self._corpora), size=size, p=self._shares):
            song = self._corpora[corpus][rng.integers(len(self._corpora[corpus]))]
            bar = max(1, round(song.beats_per_bar * FRAMES_PER_BEAT))
            last = max(0, len(song.frames) - frames)
            songs.append(song)
            starts.append(bar * int(rng.integers(-(-last // bar) + 1)))
        semitones = rng.integers(-MAX_TRANSPOSITION, MAX_TRANSPOSITION + 1, size=size)
        return transpose(stack(songs, starts, frames), semitones)


def patches(rows: int, frames: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """For patchworks of two sources: which of them each frame is from, bool [rows, frames].

    Half the rows are of the first source throughout; the others change between the two, at random,
    after stretches of 4 to 32 frames, which are as long in all rows. Also returned: which rows are
    whole, bool [rows, 1].
    """

    def coins(*shape: int) -> Tensor:
        return torch.rand(shape, generator=generator) < 0.5

    whole = coins(rows, 1)
    size = int(torch.randint(4, 33, (), generator=generator))
    first = torch.randint(size, (rows, 1), generator=generator)
    stretch = (torch.arange(frames) + first) // size
    return whole | coins(rows, frames // size + 2).gather(1, stretch), whole


def spread(songs: list[Song], count: int) -> list[Song]:
    """At most `count` songs, evenly spaced through the list: the same ones every time."""
    if len(songs) <= count:
        return songs
    return [songs[i * len(songs) // count] for i in range(count)]


def held_out(corpus: Corpus, mixture: Mapping[str, float], count: int) -> list[Song]:
    """The songs that a training run is validated on: of the valid split, `count` at most.

    Raises:
        UserError: no corpus with a share in the mixture has any.
    """
    wanted = [name for name, share in mixture.items() if share]
    songs = spread(corpus.select("valid", wanted), count)
    if not songs:
        names = ", ".join(wanted)
        raise UserError(f"no songs of {names} in the valid split of this corpus folder")
    return songs
