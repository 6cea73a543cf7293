"""The note-in-chord ratio, against counts made by hand."""

from itertools import permutations

import numpy as np
import pytest

from gapt.music.chords import CHORD_NAMED
from gapt.music.frames import CHORDS, MELODY
from gapt.music.measures import harmony, harmony_above_chance, harmony_strict

C_MAJOR, A_MINOR = CHORD_NAMED["C"], CHORD_NAMED["Am"]


def test_counts_frames_where_both_sound():
    # C4 struck and held, D4, silence, E5, C4; the chord is silent at first, and at the end.
    melody = np.array([MELODY.on(60), MELODY.hold(60), MELODY.on(62), 0, MELODY.on(76), 61])
    chords = np.array(
        [0, CHORDS.on(C_MAJOR), CHORDS.hold(C_MAJOR), CHORDS.hold(C_MAJOR), CHORDS.on(A_MINOR), 0]
    )
    assert harmony(melody, chords) == 2 / 3
    assert harmony_strict(melody, chords) == 2 / 5


def test_above_chance_counts_what_the_chords_order_earns():
    c, am = CHORDS.on(C_MAJOR), CHORDS.on(A_MINOR)
    g, a, e = MELODY.on(67), MELODY.on(69), MELODY.on(76)
    # G is in C only, A in Am only: all fit, and in a random order half would.
    assert harmony_above_chance(np.array([g, g, a, a]), np.array([c, c, am, am])) == 0.5
    assert harmony_above_chance(np.array([g, g, a, a]), np.array([am, am, c, c])) == -0.5
    # What is held counts as what is struck: three frames of the four have the G and its C.
    held = np.array([c, CHORDS.hold(C_MAJOR), CHORDS.hold(C_MAJOR), am])
    assert harmony_above_chance(np.array([g, g, g, a]), held) == 1 - (9 / 16 + 1 / 16)
    # One chord for ever, and a note that is in both, earn nothing.
    assert harmony_above_chance(np.array([g, e, g, a]), np.array([c, c, c, c])) == 0
    assert harmony_above_chance(np.array([e, e]), np.array([c, am])) == 0


def test_chance_is_the_mean_over_all_orders_of_the_chords():
    rng = np.random.default_rng(0)
    melody = MELODY.on(rng.integers(60, 72, size=6))
    chords = CHORDS.on(rng.integers(0, CHORDS.symbols, size=6))
    shuffled = [harmony(melody, np.array(order)) for order in permutations(chords)]
    expected = harmony(melody, chords) - np.mean(shuffled)
    assert harmony_above_chance(melody, chords) == pytest.approx(expected)


def test_is_computed_along_the_last_axis():
    on, hit = CHORDS.on(C_MAJOR), MELODY.on(67)
    melody = np.array([[hit, hit], [hit, MELODY.on(66)], [0, hit], [0, 0]])
    chords = np.array([[on, on], [on, on], [on, 0], [on, on]])
    np.testing.assert_array_equal(harmony(melody, chords), [1.0, 0.5, np.nan, np.nan])
    np.testing.assert_array_equal(harmony_strict(melody, chords), [1.0, 0.5, 0.0, np.nan])


def test_nothing_at_all_is_nan():
    empty = np.zeros(0, dtype=np.int16)
    assert np.isnan(harmony(empty, empty))
    assert np.isnan(harmony_strict(empty, empty))
    assert np.isnan(harmony_above_chance(empty, empty))
