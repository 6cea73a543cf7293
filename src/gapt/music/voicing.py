"""Voicing: which notes a chord is played with, so that one chord leads smoothly to the next."""

from __future__ import annotations

from itertools import pairwise, product

from gapt.music.chords import Chord

BASS_RANGE = (33, 50)
"""MIDI pitches of the bass note: A1 to D3, half an octave more than it needs, so that it can go on
by the shorter way."""
UPPER_RANGE = (50, 67)
"""MIDI pitches of the upper voices: D3 to G4, under most melodies."""
MAX_UPPER = 4
_CENTRE = 57.0
_LOW_FOR_A_SECOND = 52
_LOW_FOR_A_THIRD = 48
"""Where closer intervals turn to mud: under E3 and C3."""

# Which intervals a player drops when a chord has more than four notes, once what the bass plays is
# dropped: the fifth, then the root, the eleventh, the ninth, the thirteenth.
_DROP_ORDER = (7, 0, 5, 2, 9)


def _upper_pitch_classes(chord: Chord) -> list[int]:
    intervals = list(chord.intervals)
    for interval in (chord.bass, *_DROP_ORDER):
        if len(intervals) <= MAX_UPPER:
            break
        if interval in intervals:
            intervals.remove(interval)
    return [(chord.root + i) % 12 for i in intervals[:MAX_UPPER]]


def _movement(voicing: tuple[int, ...], previous: tuple[int, ...]) -> float:
    """How far voices move: from each note to the nearest of the other chord, both ways."""
    there = sum(min(abs(note - other) for other in previous) for note in voicing)
    back = sum(min(abs(note - other) for note in voicing) for other in previous)
    return there + back


def _bass(chord: Chord, previous: tuple[int, ...] | None) -> int:
    """The nearest to the one before; of two as near, and at first, the nearer to the middle."""
    low, high = BASS_RANGE
    middle = (low + high) / 2
    before = previous[0] if previous else middle
    pitch_class = (chord.root + chord.bass) % 12
    options = [pitch for pitch in range(low, high + 1) if pitch % 12 == pitch_class]
    return min(options, key=lambda pitch: (abs(pitch - before), abs(pitch - middle)))


def _roughness(low: int, high: int) -> float:
    """Of two notes next to each other; taken when voice leading asks for it strongly."""
    gap = high - low
    if gap < 3:
        return 2.0 if low >= _LOW_FOR_A_SECOND else 10.0
    return 4.0 if gap < 5 and low < _LOW_FOR_A_THIRD else 0.0


def voice(chord: Chord, previous: tuple[int, ...] | None = None) -> tuple[int, ...]:
    """MIDI pitches of a chord, ascending: a bass note, then up to four upper voices.

    Args:
        chord: what to play.
        previous: the voicing before it; all voices move from it as little as they can.
    """
    bass = _bass(chord, previous)
    lowest = max(UPPER_RANGE[0], bass + 1)
    options = [
        [p for p in range(lowest, UPPER_RANGE[1] + 1) if p % 12 == pitch_class]
        for pitch_class in _upper_pitch_classes(chord)
    ]
    before = previous[1:] if previous else None

    def cost(candidate: tuple[int, ...]) -> tuple[float, int]:
        notes = sorted(candidate)
        rough = sum(_roughness(low, high) for low, high in pairwise((bass, *notes)))
        apart = sum(6.0 for low, high in pairwise(notes) if high - low > 9)  # it falls apart
        drift = abs(sum(notes) / len(notes) - _CENTRE)
        moved = _movement(tuple(notes), before) if before else 0.0
        return rough + apart + drift + moved, notes[-1]

    best = min(product(*options), key=cost)
    return (bass, *sorted(best))
