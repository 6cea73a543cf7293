"""The frame codec: round trips, validity, windows, transposition."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gapt.music.chords import NUM_CHORDS, chord_at
from gapt.music.frames import (
    CHORDS,
    HOLD,
    MELODY,
    SILENCE,
    Frames,
    decode,
    encode,
    transpose_chords,
    transpose_melody,
)
from gapt.music.leadsheet import ChordSpan, LeadSheet, Note


@st.composite
def lead_sheets(draw):
    """Monophonic tunes on the sixteenth grid."""

    def spans(symbols):
        out, now = [], 0
        for gap, length, symbol in draw(
            st.lists(st.tuples(st.integers(0, 5), st.integers(1, 9), symbols), max_size=20)
        ):
            out.append(((now + gap) / 4, (now + gap + length) / 4, symbol))
            now += gap + length
        return out

    return LeadSheet(
        tuple(Note(*s) for s in spans(st.integers(0, 127))),
        tuple(ChordSpan(a, b, chord_at(c)) for a, b, c in spans(st.integers(0, NUM_CHORDS - 1))),
    )


@st.composite
def action_sequences(draw, voice):
    """Random actions, most of them HOLD as in music."""
    struck = st.integers(2, voice.num_actions - 1)
    action = st.one_of(st.just(HOLD), st.just(HOLD), st.just(SILENCE), struck)
    return np.array(draw(st.lists(action, min_size=1, max_size=40)))


def play(voice, actions):
    states, state = [], voice.start
    for action in actions:
        state = int(voice.advance(np.int64(state), np.int64(action)))
        states.append(state)
    return np.array(states)


@given(lead_sheets())
def test_a_sheet_on_the_grid_survives_the_round_trip(sheet):
    frames = encode(sheet)
    assert decode(frames) == sheet
    assert frames.inexact == 0
    assert MELODY.is_valid(frames.melody)
    assert CHORDS.is_valid(frames.chords)


@given(action_sequences(CHORDS))
def test_any_actions_give_valid_states_and_states_give_back_their_actions(actions):
    states = play(CHORDS, actions)
    assert CHORDS.is_valid(states)
    assert np.array_equal(play(CHORDS, CHORDS.actions(states)), states)


@given(lead_sheets(), st.integers(0, 60), st.integers(1, 60))
def test_windows_are_valid_and_begin_cut_notes_anew(sheet, start, length):
    frames = encode(sheet)
    window = frames.window(start, length)
    assert len(window) == min(length, max(0, len(frames) - start))
    assert MELODY.is_valid(window.melody)
    assert CHORDS.is_valid(window.chords)
    if len(window) and MELODY.is_hold(frames.melody[start]):
        assert window.melody[0] == MELODY.on(int(MELODY.symbol(frames.melody[start])))


@given(lead_sheets(), st.integers(-6, 6))
def test_transposition_keeps_rhythm_and_moves_pitch_classes(sheet, k):
    frames = encode(sheet)
    for voice, before, after in (
        (MELODY, frames.melody, transpose_melody(frames.melody, k)),
        (CHORDS, frames.chords, transpose_chords(frames.chords, k)),
    ):
        assert np.array_equal(voice.is_on(before), voice.is_on(after))
        assert np.array_equal(voice.is_hold(before), voice.is_hold(after))
        sounding = voice.sounds(before)
        assert np.all((voice.symbol(before) + k - voice.symbol(after))[sounding] % 12 == 0)
    chords = frames.chords
    assert np.array_equal(transpose_chords(transpose_chords(chords, k), -k), chords)


def test_pitches_at_the_edge_of_midi_fold_by_an_octave():
    states = np.array([MELODY.on(126), MELODY.hold(126), SILENCE])
    assert MELODY.symbol(transpose_melody(states, 6))[:2].tolist() == [120, 120]


def test_states_by_hand():
    sheet = LeadSheet(
        notes=(Note(0, 1.0, 60), Note(0.5, 0.55, 64)),  # a short note cuts the long one
        chords=(ChordSpan(0.25, 0.75, chord_at(0)),),
    )
    frames = encode(sheet)
    assert frames.melody.tolist() == [61, 61 + 128, 65, 0]
    assert frames.chords.tolist() == [0, 1, 1 + NUM_CHORDS, 0]


def test_of_notes_that_begin_together_the_highest_sounds():
    frames = encode(LeadSheet((Note(0, 1, 72), Note(0, 1, 60), Note(0, 1, 67)), ()))
    assert frames.melody.tolist() == [73, 201, 201, 201]


def test_an_empty_sheet_has_no_frames():
    frames = encode(LeadSheet((), ()))
    assert len(frames) == 0
    assert decode(frames) == LeadSheet((), ())


def test_hold_of_another_symbol_is_invalid():
    assert not MELODY.is_valid(np.array([MELODY.on(60), MELODY.hold(61)]))
    assert not MELODY.is_valid(np.array([MELODY.hold(60)]))
    assert not MELODY.is_valid(np.array([MELODY.start]))
    assert len(Frames(np.array([0]), np.array([0]))) == 1


@given(st.lists(st.integers(0, 2 * NUM_CHORDS), max_size=30))
def test_striking_what_cannot_be_held_makes_any_states_valid_and_keeps_what_sounds(states):
    states = np.array(states, dtype=np.int64)
    struck = CHORDS.strike(states)
    assert CHORDS.is_valid(struck)
    assert np.array_equal(CHORDS.sounds(struck), CHORDS.sounds(states))
    assert np.array_equal(CHORDS.symbol(struck), CHORDS.symbol(states))
    assert CHORDS.is_valid(states) == np.array_equal(struck, states)
