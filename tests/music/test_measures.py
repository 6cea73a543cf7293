"""Measures over songs, against cases worked out by hand."""

import numpy as np
import pytest

from gapt.music.chords import CHORD_NAMED
from gapt.music.frames import CHORDS, MELODY
from gapt.music.measures import (
    MEASURES,
    Play,
    changes_by_bar,
    harmony_by_beat,
    onset_emd,
    recoveries,
)

C, G7 = CHORD_NAMED["C"], CHORD_NAMED["G7"]


def bar(chord):
    return [CHORDS.on(chord)] + [CHORDS.hold(chord)] * 15


def notes(pitch, frames):
    return [MELODY.on(pitch)] + [MELODY.hold(pitch)] * (frames - 1)


# Song 1: a bar of C under an E, a bar of G7 under a C (not in G7).
# Song 2: a silent bar, then a bar of C under eight frames of G and silence; then 0 real frames.
PLAY = Play(
    melody=np.array([notes(64, 16) + notes(72, 16), [0] * 16 + notes(67, 8) + [0] * 8]),
    chords=np.array([bar(C) + bar(G7), [0] * 16 + bar(C)]),
    real=np.ones((2, 32), dtype=bool),
)


@pytest.mark.parametrize(
    ("measure", "expected"),
    [
        ("harmony", (0.5 + 1.0) / 2),
        ("harmony_strict", (0.5 + 1.0) / 2),
        # Song 1: the note is E or C in half the frames each; E is in C alone, C too, which has half
        # of them. By chance 1/2, as played. Song 2: always the same.
        ("harmony_above_chance", 0),
        ("chord_entropy", -(2 / 3 * np.log(2 / 3) + 1 / 3 * np.log(1 / 3))),
        ("distinct_chords", 2),
        ("pitch_classes_per_chord", (3 + 3 + 4) / 3),
        ("changes_per_bar", 3 / 4),
        ("onsets_on_beat", 1),
        # Songs 1 and 2: of 16 and 8 frames over a fitting C one is left; of 15 over G7 none.
        ("moves_when_fitting", 1 / 24),
        ("moves_when_clashing", 0 / 15),
        ("silent_share", 1 / 4),
        ("duration_entropy", 0),
    ],
)
def test_by_hand(measure, expected):
    assert MEASURES[measure].of(PLAY) == pytest.approx(expected)


@pytest.mark.parametrize("measure", MEASURES)
def test_frames_after_the_end_count_for_nothing(measure):
    padded = Play(
        np.concatenate([PLAY.melody, np.full((2, 5), MELODY.on(61))], axis=1),
        np.concatenate([PLAY.chords, np.full((2, 5), CHORDS.on(G7))], axis=1),
        np.concatenate([PLAY.real, np.zeros((2, 5), dtype=bool)], axis=1),
    )
    assert MEASURES[measure].of(padded) == pytest.approx(MEASURES[measure].of(PLAY))


def test_a_silent_player_scores_nothing_and_is_seen_to_be_silent():
    silent = PLAY._replace(chords=np.zeros_like(PLAY.chords))
    figures = {name: measure.of(silent) for name, measure in MEASURES.items()}
    assert np.isnan(figures["harmony"])
    assert figures["harmony_strict"] == 0
    assert figures["silent_share"] == 1
    assert figures["changes_per_bar"] == 0


def test_three_chords_of_which_one_comes_just_after_the_beat():
    chords = np.array([[*bar(C)[:5], *bar(G7)[:7], *bar(C)[:4]]])
    played = Play(np.zeros_like(chords), chords, np.ones_like(chords, dtype=bool))
    assert MEASURES["onsets_on_beat"].of(played) == pytest.approx(2 / 3)


def test_songs_without_a_melody_do_not_count_as_misses():
    mute = PLAY._replace(melody=PLAY.melody * np.array([[1], [0]]))
    assert MEASURES["harmony"].of(mute) == 0.5


def test_who_listens_moves_when_it_clashes():
    # G7 clashes with the C and is left for C, which is struck again (no move) and then kept.
    melody = np.array([notes(72, 8)])
    chords = np.array([[*bar(G7)[:2], *bar(C)[:3], *bar(C)[:3]]])
    play = Play(melody, chords, np.ones_like(chords, dtype=bool))
    assert MEASURES["moves_when_clashing"].of(play) == 1 / 2
    assert MEASURES["moves_when_fitting"].of(play) == 0
    assert np.isnan(MEASURES["moves_when_clashing"].of(play._replace(chords=chords * 0)))


def test_durations_by_hand():
    # Durations 1, 3 and 3 in one song, 2 in the other: entropy of (1, 1, 2) / 4.
    on, hold = CHORDS.on(C), CHORDS.hold(C)
    chords = np.array([[on, on, hold, hold, 0, on, hold, hold], [0, on, hold, 0, 0, 0, 0, 0]])
    play = Play(np.zeros_like(chords), chords, np.ones_like(chords, dtype=bool))
    expected = -(2 * 0.25 * np.log(0.25) + 0.5 * np.log(0.5))
    assert MEASURES["duration_entropy"].of(play) == pytest.approx(expected)


def test_synchronisation_by_hand():
    # Truth: chords begin with the notes. Played: one does, one comes 3 frames late.
    melody = np.array([[MELODY.on(60), MELODY.hold(60)] * 2 + [MELODY.hold(60)] * 4])
    real = np.ones_like(melody, dtype=bool)
    together = np.array([[CHORDS.on(C), CHORDS.hold(C), CHORDS.on(G7)] + [CHORDS.hold(G7)] * 5])
    late = np.array(
        [[CHORDS.on(C)] + [CHORDS.hold(C)] * 4 + [CHORDS.on(G7)] + [CHORDS.hold(G7)] * 2]
    )
    measure = onset_emd(Play(melody, together, real))
    assert measure.of(Play(melody, together, real)) == 0
    assert measure.of(Play(melody, late, real)) == pytest.approx(3 / 2)
    assert np.isnan(measure.of(Play(melody, np.zeros_like(melody), real)))
    assert np.isnan(onset_emd(Play(melody, np.zeros_like(melody), real)).of(PLAY))


@pytest.mark.parametrize(
    ("onset", "apart"), [(0, 16), (3, 16), (4, 0), (5, 1), (19, 15), (20, 16), (39, 16)]
)
def test_a_chord_before_any_note_or_long_after_the_last_answers_none(onset, apart):
    """The one note begins in frame 4; in truth its chord does too."""
    melody = np.array([[0] * 4 + notes(60, 36)])

    def play(onset):
        chords = CHORDS.from_spans([(onset, 40, C)], 40)[None]
        return Play(melody, chords, np.ones_like(melody, dtype=bool))

    assert onset_emd(play(4)).of(play(onset)) == pytest.approx(apart)


def test_harmony_by_beat_by_hand():
    # Four beats of C under E, four of G7 under C; four silent, two of C under G, two without notes.
    expected = [[(4, 4)] * 4 + [(0, 4)] * 4, [(0, 0)] * 4 + [(4, 4)] * 2 + [(0, 0)] * 2]
    assert np.array_equal(harmony_by_beat(PLAY), expected)
    ended = PLAY._replace(real=PLAY.real & (np.arange(32) < 6))
    assert np.array_equal(harmony_by_beat(ended)[0], [(4, 4), (2, 2)] + [(0, 0)] * 6)


def test_changes_by_bar_by_hand():
    assert np.array_equal(changes_by_bar(PLAY), [[(1, 1), (1, 1)], [(0, 1), (1, 1)]])
    ended = PLAY._replace(real=PLAY.real & (np.arange(32) < 20))
    assert np.array_equal(changes_by_bar(ended)[0], [(1, 1), (1, 0.25)])


def test_recovery_by_hand():
    # A jump after eight beats that half fit. Then four beats do not, of four one frame in four
    # does, and eight all do.
    on = CHORDS.on(C)
    fits, clashes = MELODY.on(64), MELODY.on(66)
    before, hardly = [fits, fits, clashes, clashes] * 8, [fits, clashes, clashes, clashes] * 4
    melody = np.array([before + [clashes] * 16 + hardly + [fits] * 32])
    play = Play(melody, np.full_like(melody, on), np.ones_like(melody, dtype=bool))
    found = {name: measure.of(play) for name, measure in recoveries(8).items()}
    assert found == {"recovered_1_to_4": 0, "recovered_5_to_8": 0.5, "recovered_9_to_16": 2}
    unheard = play._replace(melody=np.zeros_like(melody))
    assert all(np.isnan(measure.of(unheard)) for measure in recoveries(8).values())
