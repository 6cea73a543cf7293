"""Chord names, the vocabulary's closure under transposition, and the nearest member."""

import mir_eval
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gapt.music.chords import (
    CHORD_TONES,
    NUM_CHORDS,
    QUALITIES,
    Chord,
    chord_at,
    harte_name,
    lead_sheet_name,
    nearest,
    parse_harte,
    parse_lead_sheet,
)

chords = st.builds(
    Chord.of,
    st.integers(0, 11),
    st.sets(st.integers(1, 11), max_size=6),
    st.integers(0, 11),
)


def test_harte_names_mean_to_mir_eval_what_they_mean_to_us():
    for index in range(NUM_CHORDS):
        root, bitmap, bass = mir_eval.chord.encode(harte_name(index))
        chord = chord_at(index)
        assert root == chord.root
        assert set(np.flatnonzero(bitmap)) == set(chord.intervals), harte_name(index)
        assert bass == chord.bass


def test_no_two_members_are_the_same_chord():
    assert len({chord_at(index) for index in range(NUM_CHORDS)}) == NUM_CHORDS
    assert len({lead_sheet_name(index) for index in range(NUM_CHORDS)}) == NUM_CHORDS


@pytest.mark.parametrize("index", range(NUM_CHORDS))
def test_members_are_their_own_nearest_and_their_names_read_back(index):
    assert nearest(chord_at(index)) == (index, True)
    assert parse_lead_sheet(lead_sheet_name(index)) == chord_at(index)
    assert parse_harte(harte_name(index)) == chord_at(index)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Am7", "Am7"),
        ("F/C", "F/C"),
        ("D/F#", "D/F#"),
        ("F#m/A", "F#m/A"),
        ("Bb", "Bb"),
        ("A#", "Bb"),
        ("Cmaj7", "Cmaj7"),
        ("CM7", "Cmaj7"),
        ("Gsus", "Gsus4"),
        ("Bø", "Bm7b5"),
        ("E7/G#", "E7/G#"),
        ("C6/9", "C6(9)"),
        ("Ab-7", "G#m7"),
        ("Ab7#9", "Ab7#9"),  # its third is major, for all its raised ninth
    ],
)
def test_symbols_as_people_write_them(text, name):
    index, exact = nearest(parse_lead_sheet(text))
    assert (lead_sheet_name(index), exact) == (name, True)


@pytest.mark.parametrize("text", ["", "H", "Cfoo", "c", "N.C.", "/C"])
def test_what_is_no_chord_is_refused(text):
    with pytest.raises(ValueError, match="not a chord symbol"):
        parse_lead_sheet(text)


def test_nearest_by_hand():
    # C E G Bb D F# A (C13#11) is not in the vocabulary; C13 has F for F#, C7(13) lacks D and F#.
    index, exact = nearest(Chord.of(0, (4, 7, 10, 2, 6, 9)))
    assert not exact
    assert len(chord_at(index).pitch_classes ^ {0, 2, 4, 6, 7, 9, 10}) <= 2
    # E G in the upper voices over C in the bass, written as E(b3, no fifth)/C, is C major's set.
    index, exact = nearest(Chord.of(4, (3,), bass=8))
    assert exact
    assert lead_sheet_name(index) == "C"


@given(chords, st.integers(-12, 12))
def test_nearest_commutes_with_transposition(chord, semitones):
    index, exact = nearest(chord)
    moved, moved_exact = nearest(chord.transposed(semitones))
    assert chord_at(moved) == chord_at(index).transposed(semitones)
    assert moved_exact == exact


@given(chords)
def test_exact_means_the_same_pitch_classes(chord):
    index, exact = nearest(chord)
    same = set(np.flatnonzero(CHORD_TONES[index])) == chord.pitch_classes
    assert exact == same


def test_the_vocabulary_is_of_a_size_people_can_read():
    assert 40 <= len(QUALITIES) <= 60
