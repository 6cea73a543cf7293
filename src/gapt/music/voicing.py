"""Voicing: which notes a chord is played with, so that one chord leads smoothly to the next."""

from __future__ import annotations

from itertools import pairwise, product

from gapt.music.chords import Chord

BASS_RANGE = (36, 47)
"""MIDI pitches of the bass note: from C2, the cello's lowest, to B2."""
UPPER_RANGE = (52, 72)
"""MIDI pitches of the upper voices: E3 to C5, under most melodies."""
MAX_UPPER = 4
_CENTRE = 61.0

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


def voice(chord: Chord, previous: tuple[int, ...] | None = None) -> tuple[int, ...]:
    """MIDI pitches of a chord, ascending: a bass note, then up to four upper voices.

    Args:
        chord: what to play.
        previous: the voicing before it; the upper voices move from it as little as they can.
    """
    bass = BASS_RANGE[0] + (chord.root + chord.bass - BASS_RANGE[0]) % 12
    options = [
        [p for p in range(UPPER_RANGE[0], UPPER_RANGE[1] + 1) if p % 12 == pitch_class]
        for pitch_class in _upper_pitch_classes(chord)
    ]
    before = previous[1:] if previous else None

    def cost(candidate: tuple[int, ...]) -> float:
        notes = sorted(candidate)
        gaps = [high - low for low, high in pairwise(notes)]
        # A second sounds rough, and voices far apart fall apart; either is taken when voice leading
        # asks for it strongly.
        roughness = sum(2.0 for gap in gaps if gap < 3) + sum(6.0 for gap in gaps if gap > 9)
        drift = abs(sum(notes) / len(notes) - _CENTRE)
        return roughness + drift + (_movement(tuple(notes), before) if before else 0.0)

    candidates: list[tuple[int, ...]] = list(product(*options))
    best = min(candidates, key=cost)
    return (bass, *sorted(best))
