"""Measures of an accompaniment, computed from frames alone. Knows no model and no corpus.

Arrays are states as `gapt.music.frames` defines them. A ratio over no frames at all is NaN.
"""

from __future__ import annotations

import numpy as np

from gapt.music.chords import CHORD_TONES
from gapt.music.frames import CHORDS, MELODY


def harmony(melody: np.ndarray, chords: np.ndarray) -> np.ndarray:
    """The note-in-chord ratio: how often the melody's pitch class is in the sounding chord.

    Counted over the frames where a note and a chord sound, so it rewards silence: read it beside
    `harmony_strict`. To pool songs of different lengths, concatenate them.

    Args:
        melody: integer states [..., T].
        chords: integer states [..., T].

    Returns:
        Shares [...]; NaN where no frame counts.
    """
    return _share(_in_chord(melody, chords), MELODY.sounds(melody) & CHORDS.sounds(chords))


def harmony_strict(melody: np.ndarray, chords: np.ndarray) -> np.ndarray:
    """`harmony` over all frames where a note sounds: a silent chord is a miss.

    Args:
        melody: integer states [..., T].
        chords: integer states [..., T].

    Returns:
        Shares [...]; NaN where the melody is silent throughout.
    """
    return _share(_in_chord(melody, chords), MELODY.sounds(melody))


def _in_chord(melody: np.ndarray, chords: np.ndarray) -> np.ndarray:
    """bool [..., T]: a note sounds, and a chord that holds it."""
    both = MELODY.sounds(melody) & CHORDS.sounds(chords)
    return both & CHORD_TONES[CHORDS.symbol(chords), MELODY.symbol(melody) % 12]


def _share(hits: np.ndarray, of: np.ndarray) -> np.ndarray:
    """Hits as a share of counted frames, [..., T] -> [...]."""
    counted = of.sum(-1)
    return np.where(counted > 0, hits.sum(-1) / np.maximum(counted, 1), np.nan)
