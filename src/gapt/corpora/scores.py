"""A music21 score -> a lead sheet. Shared by the ABC and the MusicXML readers.

Repeats are played out, ties joined, grace notes dropped, a pickup set at the end of a full bar.
A chord symbol lasts until the next one or the end of the tune.
"""

from __future__ import annotations

from contextlib import suppress
from itertools import pairwise
from typing import Any

from music21 import bar as barline
from music21 import converter, harmony, repeat, spanner, stream

from gapt.corpora.reading import UnreadableSong
from gapt.music.chords import Chord
from gapt.music.leadsheet import ChordSpan, LeadSheet, Note


def read(text: str | bytes, notation: str, title: str) -> LeadSheet:
    """The first part's first voice and the chord symbols over it.

    Args:
        text: the tune.
        notation: "abc" or "musicxml".
        title: what the lead sheet is called.

    Raises:
        UnreadableSong: the text is malformed, or has no bars.
    """
    try:
        part = converter.parseData(text, format=notation).parts.first()
        if part is None or not part.hasMeasures():
            raise UnreadableSong("no bars")
        if notation == "abc":
            _begin_repeats(part)
        return _to_lead_sheet(part, title)
    except UnreadableSong:
        raise
    except Exception as error:  # music21 meets malformed music with whatever error comes up
        raise UnreadableSong(f"bad {notation}: {error}") from error


def _begin_repeats(part: Any) -> None:
    """Set the start signs that ABC leaves out: a repeat goes back to the end of the one before it,
    with its second ending, or to a double bar. music21 would go back to the tune's beginning.
    """
    second_endings = {
        bar
        for bracket in part.recurse().getElementsByClass(spanner.RepeatBracket)
        if bracket.number != "1"
        for bar in bracket.getSpannedElements()
    }
    first = None  # of the section, None where its start is written or is the tune's beginning
    ended = False  # whether a section has just ended
    for bar in part.getElementsByClass(stream.Measure):
        left, right = bar.leftBarline, bar.rightBarline
        if ended and bar not in second_endings:
            first, ended = bar, False
        if isinstance(left, barline.Repeat) and left.direction == "start":
            first = None
        if isinstance(right, barline.Repeat) and right.direction == "end":
            if first is not None:
                first.leftBarline = barline.Repeat(direction="start")
            first, ended = None, True
        elif right is not None and right.type in ("double", "final"):
            ended = True


def _to_lead_sheet(part: Any, title: str) -> LeadSheet:
    # Where repeat signs contradict each other (music21 then stumbles in one of two ways), the tune
    # as written is still a tune.
    with suppress(repeat.ExpanderException, IndexError):
        part = part.expandRepeats()
    bars = list(part.getElementsByClass(stream.Measure))
    beats_per_bar = float(bars[0].barDuration.quarterLength)
    pickup = max(0.0, beats_per_bar - float(bars[0].duration.quarterLength))

    notes: list[Note] = []
    symbols: list[tuple[float, Chord | None]] = []
    for bar in bars:
        start = float(bar.offset) + pickup
        for element in (bar.voices[0] if bar.voices else bar).notes:
            if not isinstance(element, harmony.Harmony) and not element.duration.isGrace:
                _append(notes, element, start + float(element.offset))
        for symbol in bar.recurse().getElementsByClass(harmony.ChordSymbol):
            if symbol.pitches or isinstance(symbol, harmony.NoChord):
                symbols.append((start + float(symbol.getOffsetInHierarchy(bar)), _chord(symbol)))

    symbols.sort(key=lambda symbol: symbol[0])
    end = max((note.offset for note in notes), default=0.0)
    chords = tuple(
        ChordSpan(onset, offset, chord)
        for (onset, chord), (offset, _) in pairwise([*symbols, (end, None)])
        if chord is not None and offset > onset
    )
    return LeadSheet(tuple(notes), chords, beats_per_bar, title)


def _append(notes: list[Note], element: Any, onset: float) -> None:
    """Add a note, or the top of a chord; what is tied to the note before makes that longer."""
    top = max(element.pitches, key=lambda pitch: pitch.midi)
    tie = element.tie.type if element.tie is not None else ""
    offset = onset + float(element.quarterLength)
    if tie in ("stop", "continue") and notes and notes[-1].pitch == top.midi:
        onset = notes.pop().onset
    notes.append(Note(onset, offset, top.midi))


def _chord(symbol: Any) -> Chord | None:
    if isinstance(symbol, harmony.NoChord):
        return None
    root = symbol.root().pitchClass
    return Chord.of(
        root, (p.pitchClass - root for p in symbol.pitches), symbol.bass().pitchClass - root
    )
