"""Lead sheets: a melody line and the chords over it, in beats. What every corpus reader returns."""

from __future__ import annotations

from dataclasses import dataclass

from gapt.music.chords import Chord


@dataclass(frozen=True, slots=True)
class Note:
    """A melody note: [onset, offset) in beats from the start, `pitch` in MIDI numbers."""

    onset: float
    offset: float
    pitch: int


@dataclass(frozen=True, slots=True)
class ChordSpan:
    """A chord that sounds for [onset, offset), in beats."""

    onset: float
    offset: float
    chord: Chord


@dataclass(frozen=True, slots=True)
class LeadSheet:
    """A tune. Beat 0 is a downbeat: a pickup is preceded by the rest that fills its bar."""

    notes: tuple[Note, ...]
    chords: tuple[ChordSpan, ...]
    beats_per_bar: float = 4.0
    title: str = ""
