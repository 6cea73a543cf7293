"""Chord names, the vocabulary's closure under transposition, and the nearest member."""

import mir_eval
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gapt.music.chords import (
    CHORD_NAMED,
    CHORD_TONES,
    NUM_CHORDS,
    QUALITIES,
    Chord,
    chord_at,
    harte_name,
    lead_sheet_name,
    nearest,
    parse_harte,
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
    assert len(CHORD_NAMED) == NUM_CHORDS


@pytest.mark.parametrize("index", range(NUM_CHORDS))
def test_members_are_their_own_nearest_and_their_names_read_back(index):
    assert nearest(chord_at(index)) == (index, True)
    assert parse_harte(harte_name(index)) == chord_at(index)


@pytest.mark.parametrize(
    ("name", "harte"),
    [
        ("Bb", "Bb:maj"),
        ("Am7", "A:min7"),
        ("G#m7", "G#:min7"),
        ("F/C", "F:maj/5"),
        ("F#m/A", "F#:min/b3"),
        ("E7/G#", "E:7/3"),
        ("Gsus4", "G:sus4"),
        ("Bm7b5", "B:hdim7"),
        ("Ab7#9", "G#:7(#2)"),  # its third is major, for all its raised ninth
    ],
)
def test_names_on_lead_sheets(name, harte):
    assert harte_name(CHORD_NAMED[name]) == harte


def test_the_bass_is_spelled_as_the_note_it_is():
    for name, index in CHORD_NAMED.items():
        if bass := name.partition("/")[2]:
            chord = chord_at(index)
            assert mir_eval.chord.pitch_class_to_semitone(bass) == (chord.root + chord.bass) % 12


@pytest.mark.parametrize("text", ["", "H:maj", "C:foo", "C/", "C:maj/x", "c:maj"])
def test_what_is_no_label_is_refused(text):
    with pytest.raises(ValueError, match="not a chord label in Harte syntax"):
        parse_harte(text)


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
    moved, moved_exact = nearest(Chord.of(chord.root + semitones, chord.intervals, chord.bass))
    assert moved == 12 * (index // 12) + (index + semitones) % 12
    assert moved_exact == exact


@given(chords)
def test_exact_means_the_same_pitch_classes(chord):
    index, exact = nearest(chord)
    same = set(np.flatnonzero(CHORD_TONES[index])) == chord.pitch_classes
    assert exact == same


def test_the_vocabulary_is_of_a_size_people_can_read():
    assert 40 <= len(QUALITIES) <= 60
