"""Voicings hold exactly the chord's notes, move little, and leave the melody its room."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gapt.music.chords import CHORD_NAMED, NUM_CHORDS, chord_at
from gapt.music.voicing import BASS_RANGE, UPPER_RANGE, voice

indices = st.integers(0, NUM_CHORDS - 1)


def named(name, previous=None):
    return voice(chord_at(CHORD_NAMED[name]), previous)


@given(indices, indices)
def test_notes_belong_to_the_chord_and_stay_in_range(first, second):
    chord = chord_at(second)
    notes = voice(chord, voice(chord_at(first)))
    assert BASS_RANGE[0] <= notes[0] <= BASS_RANGE[1]
    assert notes[0] % 12 == (chord.root + chord.bass) % 12
    assert all(UPPER_RANGE[0] <= note <= UPPER_RANGE[1] for note in notes[1:])
    assert all(low < high for low, high in pairwise(notes))
    assert {note % 12 for note in notes} <= chord.pitch_classes
    if len(chord.pitch_classes) <= 5:  # a bass and four voices
        assert {note % 12 for note in notes} == chord.pitch_classes


@given(indices)
def test_alone_a_chord_is_neither_torn_apart_nor_a_triad_clustered(index):
    chord = chord_at(index)
    gaps = [high - low for low, high in pairwise(voice(chord)[1:])]
    assert all(gap <= 9 for gap in gaps)
    tones = sorted(chord.intervals)
    if all(high - low >= 3 for low, high in pairwise([*tones, 12])):
        assert all(gap >= 3 for gap in gaps)


def test_of_many_tones_the_upper_voices_leave_out_those_that_say_least():
    """The bass's own first, then the fifth, then the fourth: C13 keeps its third and sevenths."""
    assert {note % 12 for note in named("C13")[1:]} == {2, 4, 9, 10}
    assert {note % 12 for note in named("C11")[1:]} == {2, 4, 5, 10}


def test_common_tones_stay_and_the_rest_move_by_step():
    c = named("C")
    am = named("Am", c)
    assert len(set(c[1:]) & set(am[1:])) == 2
    f = named("F", am)
    assert len(set(am[1:]) & set(f[1:])) == 2


@pytest.mark.parametrize(
    ("chords", "bass"),
    [
        ("C F G C Am", [36, 41, 43, 48, 45]),  # up to the tonic, not back down
        ("C G/B Am", [36, 35, 33]),  # down by step
        ("Bb Eb", [46, 39]),
    ],
)
def test_the_bass_goes_the_shorter_way(chords, bass):
    notes, played = None, []
    for name in chords.split():
        notes = named(name, notes)
        played.append(notes[0])
    assert played == bass


@given(indices, indices)
def test_from_the_middle_of_its_range_the_bass_leaps_no_more_than_a_tritone(first, second):
    before = voice(chord_at(first))
    if 39 <= before[0] <= 44:
        assert abs(voice(chord_at(second), before)[0] - before[0]) <= 6


def test_a_chord_leaves_the_melody_its_room_and_is_not_muddy():
    for index in range(NUM_CHORDS):
        bass, *upper = voice(chord_at(index))
        if len(upper) > 1:
            assert sum(upper) / len(upper) < 61, "about middle C at most, where our keys begin"
        gaps = [(low, high - low) for low, high in pairwise((bass, *upper))]
        assert all(gap >= 3 for low, gap in gaps if low < 52), "no seconds under E3"
        assert all(gap >= 5 for low, gap in gaps if low < 48), "nor thirds under C3"
