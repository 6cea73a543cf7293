"""Chords are made worse as said, and only so."""

import numpy as np
import pytest

from gapt.evaluation.corruption import move_onsets, replace_chords, thicken_chords
from gapt.music.chords import CHORD_TONES
from gapt.music.frames import CHORDS

CHORDS_OF_TWO_SONGS = np.array(
    [
        CHORDS.from_spans([(0, 4, 5), (4, 8, 7), (10, 16, 9)], 16),
        CHORDS.from_spans([(3, 9, 11), (9, 16, 11)], 16),
    ]
).astype(int)


def rng():
    return np.random.default_rng(0)


def test_replaced_chords_keep_their_times():
    assert np.array_equal(replace_chords(CHORDS_OF_TWO_SONGS, 0.0, rng()), CHORDS_OF_TWO_SONGS)
    many = np.repeat(CHORDS_OF_TWO_SONGS, 200, axis=0)
    wholly = replace_chords(many, 1.0, rng())
    assert all(CHORDS.is_valid(row) for row in wholly)
    assert np.array_equal(CHORDS.is_on(wholly), CHORDS.is_on(many))
    assert np.array_equal(CHORDS.sounds(wholly), CHORDS.sounds(many))
    assert set(CHORDS.symbol(wholly[CHORDS.is_on(wholly)])) == {5, 7, 9, 11}
    # Of five chords one is a 5: whatever was there, a fifth is now.
    onsets = CHORDS.is_on(wholly)
    assert np.mean(wholly[onsets] == CHORDS.on(5)) == pytest.approx(1 / 5, abs=0.05)
    half = replace_chords(many, 0.5, rng())
    stayed = (half == many)[onsets]
    assert np.array_equal(half[onsets][~stayed], wholly[onsets][~stayed])
    # Half are drawn again, and of these between one and two fifths come out as they were.
    assert stayed.mean() == pytest.approx(0.5 + 0.5 * (3 * 0.2 + 2 * 0.4) / 5, abs=0.05)


def test_thickened_chords_keep_their_times_and_tones():
    # 0..11 are major triads and 36..47 dominant sevenths: each triad's only thicker kin here.
    songs = np.array([CHORDS.from_spans([(0, 4, 5), (4, 8, 7), (10, 16, 36)], 16)] * 200)
    songs = songs.astype(int)
    assert np.array_equal(thicken_chords(songs, 0.0, rng()), songs)
    wholly, half = (thicken_chords(songs, share, rng()) for share in (1.0, 0.5))
    assert np.array_equal(wholly[0], CHORDS.from_spans([(0, 4, 41), (4, 8, 43), (10, 16, 36)], 16))
    assert (wholly == wholly[0]).all()
    for thick in (half, wholly):
        assert (CHORD_TONES[CHORDS.symbol(thick)] >= CHORD_TONES[CHORDS.symbol(songs)]).all()
        assert np.array_equal(CHORDS.is_on(thick), CHORDS.is_on(songs))
    assert (half[:, 0] != songs[:, 0]).mean() == pytest.approx(0.5, abs=0.1)


class Offsets:
    """Moves onsets by what the test says."""

    def __init__(self, *offsets):
        self.offsets = offsets

    def uniform(self, low, high, size):
        assert len(self.offsets) == size
        return np.array(self.offsets)


def test_onsets_are_moved_by_hand():
    assert np.array_equal(move_onsets(CHORDS_OF_TWO_SONGS, 0, rng()), CHORDS_OF_TWO_SONGS)
    # Song 1: first frame, 7 two later, silence one later, 9 one earlier.
    # Song 2: silence, 11 earlier by three, so from frame 0; 11 again, past the end.
    moved = move_onsets(CHORDS_OF_TWO_SONGS, 9, Offsets(9, 2, 1, -1, 9, -3, 9))
    expected = [
        CHORDS.from_spans([(0, 6, 5), (6, 9, 7), (9, 16, 9)], 16),
        CHORDS.from_spans([(0, 15, 11), (15, 16, 11)], 16),
    ]
    assert np.array_equal(moved, expected)


def test_moved_chords_are_as_many_and_valid():
    moved = move_onsets(np.repeat(CHORDS_OF_TWO_SONGS, 50, axis=0), 3, rng())
    assert all(CHORDS.is_valid(row) for row in moved)
    assert not np.array_equal(moved[0], moved[2])
