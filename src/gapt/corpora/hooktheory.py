"""The Hooktheory corpus: crowd-sourced lead sheets of pop song sections, one JSON file.

Format: Donahue et al., "Melody transcription via generative pre-training" (ISMIR 2022). Reads the
published file; fields that we do not use are ignored, and titles and metres may be absent.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path
from typing import Literal

import msgspec

from gapt.corpora.reading import Item, Reader, UnreadableSong, read_json
from gapt.errors import UserError
from gapt.music.chords import Chord
from gapt.music.leadsheet import ChordSpan, LeadSheet, Note

MIDDLE_C = 60


class _Note(msgspec.Struct):
    onset: float
    offset: float
    octave: int
    pitch_class: int


class _Chord(msgspec.Struct):
    onset: float
    offset: float
    root_pitch_class: int
    root_position_intervals: list[int]
    inversion: int


class _Meter(msgspec.Struct):
    beat: float
    beats_per_bar: float


class _Annotations(msgspec.Struct):
    melody: list[_Note] | None = None
    harmony: list[_Chord] | None = None
    meters: list[_Meter] | None = None


class _Names(msgspec.Struct):
    artist: str | None = None
    song: str | None = None


class _Song(msgspec.Struct):
    annotations: _Annotations
    hooktheory: _Names | None = None


class _Split(msgspec.Struct):
    split: Literal["TRAIN", "VALID", "TEST"]


def items(path: Path) -> Iterator[Item]:
    """The songs of `Hooktheory.json.gz` (or the JSON in it), each with its published split."""
    try:
        songs = msgspec.json.decode(read_json(path, "Hooktheory"), type=dict[str, msgspec.Raw])
        for key, raw in songs.items():
            split = msgspec.json.decode(raw, type=_Split).split
            yield Item(f"hooktheory/{key}", bytes(raw), split.lower())
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UserError(
            f"'{path}' is not the Hooktheory corpus: {error}. Give Hooktheory.json.gz as published."
        ) from error


def parse(payload: bytes) -> LeadSheet:
    """One song's JSON -> its lead sheet."""
    try:
        song = msgspec.json.decode(payload, type=_Song)
    except msgspec.ValidationError as error:
        raise UnreadableSong(str(error)) from error
    marks = song.annotations
    names = song.hooktheory or _Names()
    return LeadSheet(
        notes=tuple(
            Note(n.onset, n.offset, MIDDLE_C + 12 * n.octave + n.pitch_class)
            for n in marks.melody or ()
        ),
        chords=tuple(ChordSpan(c.onset, c.offset, _chord(c)) for c in marks.harmony or ()),
        beats_per_bar=marks.meters[0].beats_per_bar if marks.meters else 4.0,
        title=" - ".join(name for name in (names.artist, names.song) if name),
    )


def _chord(chord: _Chord) -> Chord:
    """Intervals are stacked; inversion n has the n-th chord tone in the bass."""
    tones = list(accumulate(chord.root_position_intervals, initial=0))
    if not 0 <= chord.inversion < len(tones):
        raise UnreadableSong(f"inversion {chord.inversion} of a chord of {len(tones)} notes")
    return Chord.of(chord.root_pitch_class, tones, tones[chord.inversion])


READER = Reader(items, parse)
