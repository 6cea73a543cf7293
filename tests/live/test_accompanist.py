"""The accompanist: causal, seeded, valid, and as cheap after an hour as at the start."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gapt.corpora.store import Corpus
from gapt.live.accompanist import Accompanist, advance
from gapt.live.models import load_model
from gapt.music.frames import CHORDS, FRAMES_PER_BEAT, HOLD, MELODY


def random_melody(frames, seed):
    rng = np.random.default_rng(seed)
    states, state = [], MELODY.start
    for _ in range(frames):
        action = HOLD if rng.random() < 0.6 else int(rng.integers(0, MELODY.num_actions))
        state = int(MELODY.advance(state, action))
        states.append(state)
    return states


def play(model, melody, **options):
    accompanist = Accompanist.load(model, **options)
    chords = []
    for state in melody:
        chords.append(accompanist.chord)
        accompanist.step(state)
    return chords


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 79), st.integers(0, 10**6))
def test_the_melody_at_a_frame_changes_no_chord_at_or_before_it(tiny_model, frame, seed):
    melody = random_melody(80, seed)
    other = melody[:frame] + random_melody(80 - frame, seed + 1)
    first, second = play(tiny_model, melody, seed=seed), play(tiny_model, other, seed=seed)
    assert first[: frame + 1] == second[: frame + 1]


def test_settings_that_cannot_be_are_refused_and_nothing_changes(tiny_model):
    accompanist = Accompanist.load(tiny_model, lookahead=4, commit=2)
    for wrong in ({"commit": 5}, {"lookahead": 1}, {"lookahead": 600}, {"temperature": -1.0}):
        with pytest.raises(ValueError, match=f"^{next(iter(wrong))}|^commit"):
            accompanist.set(**wrong)
    assert (accompanist.temperature, accompanist.lookahead, accompanist.commit) == (1.0, 4, 2)
    with pytest.raises(ValueError, match=r"melody state 61\.5 is no whole number"):
        accompanist.step(61.5)


def test_of_several_accompanists_those_go_on_that_have_something_to_decide(tiny_model):
    policy = load_model(tiny_model)
    one, other = Accompanist(policy, seed=0), Accompanist(policy, seed=1)
    one.think()
    advance([one, other])
    assert other.decided
    assert other.chord == Accompanist(policy, seed=1).chord


def test_the_melody_is_heard(tiny_model):
    """Causality would be cheap for a deaf player: later chords do depend on the melody."""
    melody, other = random_melody(80, 0), random_melody(80, 1)
    assert play(tiny_model, melody, seed=0) != play(tiny_model, other, seed=0)


@settings(deadline=None, max_examples=10)
@given(st.integers(0, 10**6), st.floats(0.0, 3.0))
def test_chords_are_always_valid(tiny_model, seed, temperature):
    chords = play(tiny_model, random_melody(60, seed), seed=seed, temperature=temperature)
    assert CHORDS.is_valid(np.array(chords))


def test_after_minutes_chords_change_as_they_did_at_first(model, tunes):
    """They all but stopped, once the start had slid out of reach: one chord in five bars."""
    songs = Corpus.load(tunes).songs
    melody = np.concatenate([MELODY.strike(song.frames.melody) for song in songs])
    symbols = CHORDS.symbol(np.array(play(model, melody.tolist(), seed=0)))
    changes = symbols[1:] != symbols[:-1]
    assert len(changes) > 1500
    assert changes[-768:].mean() > changes[:160].mean() / 2


def test_a_decision_costs_as_much_after_2000_frames_as_after_50(tiny_model, monkeypatch):
    """In model steps, and in bytes that they are fed."""
    accompanist = Accompanist.load(tiny_model, seed=0)
    decide, fed = accompanist.policy.decide, []

    def weighed(*inputs):
        *arrays, caches = inputs
        fed.append(sum(array.nbytes for array in (*arrays, *caches)))
        return decide(*inputs)

    monkeypatch.setattr(accompanist.policy, "decide", weighed)
    costs = []
    for state in random_melody(2010, 0):
        fed.clear()
        accompanist.step(state)
        costs.append(tuple(fed))
    assert len(costs[50]) == 1
    assert set(costs[50:60]) == set(costs[2000:]) == {costs[50]}


def test_it_keeps_no_more_of_what_it_imagined_after_200_frames_than_it_plans(tiny_model):
    """Or a session would take more memory the longer it gets."""
    accompanist = Accompanist.load(tiny_model, seed=0, lookahead=8)
    for frame in range(200):
        accompanist.think()
        accompanist.hear(accompanist._melody[frame])  # as imagined: nothing is taken back
    assert len(accompanist._context._overwritten) < 8


def test_what_was_imagined_right_is_not_planned_again(tiny_model):
    accompanist = Accompanist.load(tiny_model, seed=0, lookahead=8)

    def plan():
        """How many steps it takes, and the melody that is imagined: by frame."""
        steps, imagined = 0, {}
        while step := accompanist.due:
            imagined[step.context.frame - 1] = step.melody
            advance([accompanist])
            steps += 1
        return steps, imagined

    steps, imagined = plan()
    assert steps == 8
    for frame in range(5):
        accompanist.hear(imagined[frame])
        assert plan()[0] == 1, "one frame further"
    accompanist.hear(MELODY.on(60 if MELODY.symbol(imagined[5]) != 60 else 61))
    steps, imagined = plan()
    assert steps == 8
    # Nor is the plan good if another chord sounded than it went on from.
    lost = CHORDS.on(5 if CHORDS.symbol(accompanist.chord) != 5 else 6)
    accompanist.hear(imagined[6], lost)
    assert plan()[0] == 8


def test_a_plan_is_as_long_as_the_lookahead_is_now(tiny_model):
    accompanist = Accompanist.load(tiny_model, seed=0, lookahead=8)
    accompanist.think()
    whole = accompanist.plan
    assert len(whole) == 8
    accompanist.lookahead = 3
    assert accompanist.plan == whole[:3]


def test_the_same_seed_plays_the_same(model):
    melody = random_melody(100, 3)
    assert play(model, melody, seed=5) == play(model, melody, seed=5)
    assert play(model, melody, seed=5, temperature=2) != play(model, melody, seed=6, temperature=2)


def test_sessions_share_nothing(tiny_model):
    melody, other = random_melody(60, 0), random_melody(60, 1)
    alone = play(tiny_model, melody, seed=0)
    first, second = Accompanist.load(tiny_model, seed=0), Accompanist.load(tiny_model, seed=1)
    together = []
    for mine, theirs in zip(melody, other, strict=True):
        together.append(first.chord)
        first.step(mine)
        second.step(theirs)
    assert together == alone


def test_wrong_melody_states_are_refused_and_change_nothing(tiny_model):
    accompanist = Accompanist.load(tiny_model, seed=0)
    for wrong in (-1, MELODY.start, MELODY.hold(60)):
        with pytest.raises(ValueError, match="melody"):
            accompanist.step(wrong)
    accompanist.step(MELODY.on(60))
    with pytest.raises(ValueError, match="melody holds pitch 62"):
        accompanist.step(MELODY.hold(62))
    assert accompanist.frame == 1


def test_however_much_it_is_told_at_once_it_reads_what_it_was_told(tiny_model):
    accompanist = Accompanist.load(tiny_model, seed=0)
    melody = random_melody(3000, 0)
    accompanist.hear(melody[0])
    accompanist.switch(load_model(tiny_model))
    for state in melody[1:]:
        accompanist.hear(state)
    read = {True: {}, False: {}}  # by the present policy, and by the next
    while step := accompanist.due:
        read[accompanist.decided][step.context.frame - 1] = step.melody
        advance([accompanist])
    for heard in read.values():
        (_, first), *rest = heard.items()
        assert first == MELODY.start
        assert rest[-1][0] == 2999
        assert all(state == melody[frame] for frame, state in rest)


def test_what_cannot_be_is_refused():
    with pytest.raises(ValueError, match=r"commit is 4, which is not in 1\.\.1"):
        Accompanist.load("mle", commit=4)
    with pytest.raises(ValueError, match=r"lookahead is 1100, which is not in 1\.\.512"):
        Accompanist.load("mle", lookahead=1100)
    for temperature in (-1, math.nan):
        with pytest.raises(ValueError, match="temperature is"):
            Accompanist.load("mle", temperature=temperature)


def test_who_takes_over_knows_where_the_beat_is(tiny_model, on_the_beat_model):
    accompanist = Accompanist.load(tiny_model, seed=0)
    chords = []
    for frame, state in enumerate(random_melody(320, 0)):
        if frame == 203:  # more than it can reach back, and not a whole number of beats
            accompanist.switch(load_model(on_the_beat_model))
            begins = accompanist.due.context.first
            assert (
                -(-(203 - accompanist.policy.reach) // FRAMES_PER_BEAT) * FRAMES_PER_BEAT == begins
            )
        chords.append(accompanist.chord)
        accompanist.step(state)
    assert not accompanist.switching
    # From silence it may strike at any time.
    struck = [
        t for t in range(220, 320) if CHORDS.is_on(chords[t]) and CHORDS.sounds(chords[t - 1])
    ]
    assert len(struck) > 5
    assert all(t % FRAMES_PER_BEAT == 0 for t in struck)
    assert any(CHORDS.is_on(chords[t]) and t % FRAMES_PER_BEAT for t in range(203))
