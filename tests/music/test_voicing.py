"""Voicings hold exactly the chord's notes and move little."""

from hypothesis import given
from hypothesis import strategies as st

from gapt.music.chords import CHORD_NAMED, NUM_CHORDS, chord_at
from gapt.music.voicing import BASS_RANGE, UPPER_RANGE, voice

indices = st.integers(0, NUM_CHORDS - 1)


@given(indices, indices)
def test_notes_belong_to_the_chord_and_stay_in_range(first, second):
    chord = chord_at(second)
    notes = voice(chord, voice(chord_at(first)))
    assert BASS_RANGE[0] <= notes[0] <= BASS_RANGE[1]
    assert notes[0] % 12 == (chord.root + chord.bass) % 12
    assert all(UPPER_RANGE[0] <= note <= UPPER_RANGE[1] for note in notes[1:])
    assert {note % 12 for note in notes} <= chord.pitch_classes
    if len(chord.pitch_classes) <= 5:  # a bass and four voices
        assert {note % 12 for note in notes} == chord.pitch_classes


def test_common_tones_stay_and_the_rest_move_by_step():
    def named(name, previous=None):
        return voice(chord_at(CHORD_NAMED[name]), previous)

    c = named("C")
    am = named("Am", c)
    assert len(set(c[1:]) & set(am[1:])) == 2
    f = named("F", am)
    assert len(set(am[1:]) & set(f[1:])) == 2
