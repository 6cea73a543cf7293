"""Scenarios: what is played, and what counts."""

import pytest

from gapt.corpora.store import Song
from gapt.errors import UserError
from gapt.evaluation.scenarios import SCENARIOS, a_beat_late
from gapt.music.chords import CHORD_NAMED
from gapt.music.frames import CHORDS, MELODY, SILENCE, Frames
from gapt.music.measures import MEASURES, harmony

C, F_SHARP = CHORD_NAMED["C"], CHORD_NAMED["F#"]


def song(frames, pitch=60):
    """One note and one chord, held throughout."""
    melody = MELODY.from_spans([(0, frames, pitch)], frames)
    return Song(
        "s", "c", None, "test", 4.0, Frames(melody, CHORDS.from_spans([(0, frames, C)], frames))
    )


def test_the_jump_moves_all_that_comes_after_it_by_six_semitones():
    scenario = SCENARIOS["perturbed"]
    play = scenario.play([song(160), song(160, pitch=125)], 2)
    assert play.melody[0, 63] == MELODY.hold(60)
    assert play.melody[0, 64] == MELODY.on(66)  # a note that is cut in two begins anew
    assert (play.melody[0, 65:160] == MELODY.hold(66)).all()
    assert play.chords[0, 64] == CHORDS.on(F_SHARP)
    assert play.melody[1, 64] == MELODY.on(119)  # folded back: MIDI ends at 127
    assert (play.melody[:, 160:] == 0).all()
    assert harmony(play.melody[0], play.chords[0]) == 1  # the true chords jump too
    assert all(CHORDS.is_valid(row) for row in play.chords)


def test_given_frames_are_not_measured():
    scenario = SCENARIOS["primed"]
    play = scenario.play([song(64)], 1)
    measured = scenario.measured(play)
    assert measured.real.sum() == 32
    assert measured.chords[0, 0] == CHORDS.on(C)
    assert measured.melody[0, 0] == MELODY.on(60)
    assert (measured.chords[0, 1:32] == CHORDS.hold(C)).all()
    assert MEASURES["changes_per_bar"].of(measured) == 1 / 2


def test_a_beat_late_is_right_from_a_beat_after_each_change_on():
    melody = MELODY.from_spans([(0, 8, 60), (8, 16, 66)], 16)
    chords = CHORDS.from_spans([(0, 8, C), (8, 16, F_SHARP)], 16)
    song = Song("s", "c", None, "test", 4.0, Frames(melody, chords))
    late = a_beat_late(SCENARIOS["cold"].play([song], 1))
    assert (late.chords[0, :4] == SILENCE).all()
    assert (late.chords[0, 4:16] == CHORDS.from_spans([(0, 8, C), (8, 12, F_SHARP)], 12)).all()
    assert MEASURES["harmony"].of(late) == 8 / 12
    assert MEASURES["harmony_strict"].of(late) == 8 / 16


def test_short_songs_are_left_out():
    songs = [song(100), song(600), song(511), song(512)]
    play = SCENARIOS["long"].play(songs, 10)
    assert play.real.shape == (2, 512)
    assert play.real.all()
    assert len(SCENARIOS["cold"].play(songs, 3).real) == 3
    with pytest.raises(UserError, match=r"none of the 1 songs .* 512 frames"):
        SCENARIOS["long"].play(songs[:1], 10)
