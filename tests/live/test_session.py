"""A session answers every frame with the next one's chord, which no later melody can change."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gapt.errors import UserError
from gapt.live.accompanist import advance
from gapt.live.protocol import (
    VERSION,
    Hello,
    Melody,
    Plan,
    ProtocolError,
    Ready,
    Set,
    Settings,
    Sounded,
    State,
)
from gapt.live.server import make_offer
from gapt.live.session import Session
from gapt.music.chords import CHORD_NAMED, chord_at
from gapt.music.voicing import BASS_RANGE, voice
from gapt.weights import shipped_models

TUNE = [60, 60, 64, 64, 67, 67, None, 72, 71, 69, 67, 65, 65, 64, 62, 60] * 4


def melody(frame, *pitches, **other):
    """A message in which every note begins anew."""
    return Melody(frame, tuple(State(pitch, pitch is not None, **other) for pitch in pitches))


class Player:
    """A player who sees what the page would: for every frame the latest that was said of it.

    `broken` are the chords that were said of frames that had been committed.
    """

    def __init__(self, offer, *hasty, **wishes):
        self.session = Session(Hello(VERSION, **{"seed": 3} | wishes), offer)
        for message in hasty:  # before it is greeted
            self.session.receive(message)
        self.heard = []
        self.chords = {}
        self.committed = 0
        self.broken = []
        self.listen()

    def listen(self):
        """Take in all news, while the engine makes every step that is due."""
        self.take(self.session.news())
        while self.session.accompanist.due:
            self.session.accompanist.think()
            self.take(self.session.news())

    def take(self, news):
        self.heard += news
        for message in news:
            plan = message.plan if isinstance(message, Ready) else message
            if isinstance(plan, Plan):
                for chord in plan.chords:
                    if chord.frame < self.committed:
                        self.broken.append(chord)
                    self.chords[chord.frame] = chord
                self.committed = plan.committed
                assert all(frame in self.chords for frame in range(plan.frame + 1, self.committed))

    def tell(self, message):
        self.session.receive(message)
        self.listen()

    def play(self, pitches, start=0):
        for frame, pitch in enumerate(pitches, start):
            self.tell(melody(frame, pitch))
        return self

    @property
    def line(self):
        """Every committed chord, from frame 0 on."""
        assert not self.broken
        return [self.chords[frame] for frame in range(self.committed)]


def check_chords(said):
    for before, chord in zip([None, *said], said, strict=False):
        if chord.name is None:
            assert not chord.onset
            assert chord.notes == ()
        elif chord.onset:
            wanted = chord_at(CHORD_NAMED[chord.name]).pitch_classes
            assert {note % 12 for note in chord.notes} <= wanted
            assert BASS_RANGE[0] <= chord.notes[0] <= BASS_RANGE[1]
        else:
            assert (chord.name, chord.notes) == (before.name, before.notes)


@pytest.mark.parametrize("wishes", [{}, {"lookahead": 1}, {"lookahead": 16, "commit": 4}])
def test_every_frame_has_its_chord(offer, wishes):
    player = Player(offer, **wishes).play(TUNE)
    said = player.line
    assert [chord.frame for chord in said] == list(range(len(TUNE) + wishes.get("commit", 1)))
    assert any(chord.onset for chord in said)
    check_chords(said)
    furthest = max(player.chords)
    assert furthest == len(TUNE) + wishes.get("lookahead", 8) - 1
    check_chords([player.chords[frame] for frame in range(furthest + 1)])


@pytest.mark.parametrize("lookahead", [1, 16])
def test_every_chord_is_voiced_after_the_one_that_sounded_before_it(tiny_model, lookahead):
    """Not after one that was only imagined there."""
    before = None
    for chord in Player(make_offer(str(tiny_model), 1.0), lookahead=lookahead).play(TUNE).line:
        if chord.onset:
            assert chord.notes == voice(chord_at(CHORD_NAMED[chord.name]), before)
        before = chord.notes or before


def test_who_commits_far_ahead_has_it_planned_so_far(offer):
    player = Player(offer, commit=12)
    assert player.committed == player.session.accompanist.lookahead == 12


def test_a_session_remembers_of_what_it_said_only_what_is_still_to_come(offer):
    """Or it would take more memory the longer it gets."""
    player = Player(offer, lookahead=8).play(TUNE)
    assert set(player.session._said) <= set(range(len(TUNE), len(TUNE) + 8))


def test_what_is_said_before_the_greeting_is_answered_too(offer):
    ready, now, plan, *_ = Player(offer, Set(temperature=0.5), melody(0, 60)).heard
    assert isinstance(ready, Ready)
    assert (type(now), now.temperature) == (Settings, 0.5)
    assert (type(plan), plan.frame) == (Plan, 0)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, len(TUNE) - 1), st.integers(40, 90), st.sampled_from([1, 3]))
def test_no_chord_depends_on_the_melody_after_its_commitment(offer, frame, pitch, commit):
    changed = [*TUNE[:frame], *[pitch] * (len(TUNE) - frame)]
    first, second = (
        Player(offer, lookahead=4, commit=commit).play(tune).line for tune in (TUNE, changed)
    )
    assert first[: frame + commit] == second[: frame + commit]


@pytest.mark.parametrize("lookahead", [1, 3, 16])
def test_what_is_played_does_not_depend_on_how_far_is_planned(offer, lookahead):
    assert Player(offer, lookahead=lookahead).play(TUNE).line == Player(offer).play(TUNE).line


def test_the_chords_do_depend_on_the_melody(offer):
    shifted = [pitch and pitch + 6 for pitch in TUNE]
    assert Player(offer).play(TUNE).line != Player(offer).play(shifted).line


def test_a_seed_repeats_a_session_and_no_seed_does_not(offer):
    assert Player(offer).play(TUNE).line == Player(offer).play(TUNE).line
    assert Player(offer, seed=None).play(TUNE).line != Player(offer, seed=None).play(TUNE).line


def test_listening_is_silent_and_then_a_chord_is_struck(offer):
    said = Player(offer, listen=16).play(TUNE).line
    assert all(chord.name is None for chord in said[:16])
    assert said[16].onset


def test_it_listens_from_the_first_note_on_and_comes_in_on_a_bar(offer):
    """Nobody has found the keys yet: the partner waits for the note, and for the next bar."""
    late_start = [None] * 21 + TUNE[:40]
    player = Player(offer, listen=16, lookahead=8).play(late_start[:21])
    assert all(chord.name is None for chord in player.chords.values()), "nor is any planned"
    said = player.play(late_start[21:], 21).line
    assert all(chord.name is None for chord in said[:32])
    assert said[32].onset


@pytest.mark.parametrize("name", ["mle", "gapt"])
def test_the_first_chord_is_struck_even_if_its_frame_was_lost(name):
    """A line was cut while it listened: the next frame that is decided has the chord."""
    if name not in shipped_models():
        pytest.skip("not shipped")
    for seed in range(4):
        player = Player(make_offer(name, 1.0), listen=16, seed=seed).play(TUNE[:10])
        player.tell(melody(10, *TUNE[10:31]))
        assert player.chords[31].onset


def test_every_melody_is_answered(offer):
    player = Player(offer, lookahead=16, commit=16).play(TUNE[:4])
    player.tell(Set(lookahead=8, commit=1))
    for frame in range(4, 16):
        player.heard.clear()
        player.tell(melody(frame, TUNE[frame]))
        assert player.heard[0].frame == frame


def test_an_answer_commits_first_and_imagines_after(offer):
    player = Player(offer, lookahead=8)
    session = player.session
    session.receive(melody(0, 60))
    for _ in range(8):
        news = session.news()
        if news:
            break
        advance([session.accompanist])
    assert news[0].frame == 0
    assert news[0].committed == 2
    assert news[0].chords[0].frame == 1


def test_settings_change_only_what_follows_the_commitment(offer):
    player = Player(offer, lookahead=8, commit=2).play(TUNE[:32])
    committed = player.line
    player.tell(Set(temperature=2.0, lookahead=12, commit=3))
    assert player.heard[-2] == Settings(34, offer.model, 2.0, 12, 3)
    assert player.committed == 35
    elsewhere = [pitch and pitch + 6 for pitch in TUNE[32:]]  # where no chord is beyond doubt
    player.play(elsewhere, start=32)
    other = Player(offer, lookahead=8, commit=2).play(TUNE[:32] + elsewhere)
    assert player.line[:34] == committed == other.line[:34]
    assert player.line[34:60] != other.line[34:60]


def test_what_is_planned_but_not_final_is_planned_again_as_settings_now_say(offer):
    session = Player(offer, lookahead=16, commit=2).play(TUNE[:8]).session
    assert len(session.accompanist.plan) == 16
    session.receive(Set(temperature=0.5))
    assert len(session.accompanist.plan) == 2


def test_another_model_goes_on_from_the_same_past(offer):
    """The incumbent's chords, committed ones included, are its past too."""
    names = [name for name in offer.models if name != offer.model]
    if not names:
        pytest.skip("only one model is shipped")
    player = Player(offer).play(TUNE[:40])
    before = player.line
    player.tell(Set(model=names[0]))
    assert [message for message in player.heard if isinstance(message, Settings)] == [
        Settings(41, names[0], 1.0, 8, 1)
    ]
    elsewhere = [pitch and pitch + 6 for pitch in TUNE[40:]]  # where no chord is beyond doubt
    player.play(elsewhere, start=40)
    assert player.line[:41] == before
    assert player.line != Player(offer).play(TUNE[:40] + elsewhere).line
    check_chords(player.line)
    player.tell(Set(model=offer.model))
    assert player.session.accompanist.policy is offer.models[offer.model]


def test_another_model_asked_for_before_the_first_note_plays_from_the_next_chord_on(offer):
    names = [name for name in offer.models if name != offer.model]
    if not names:
        pytest.skip("only one model is shipped")
    player = Player(offer)
    session = player.session
    session.receive(Set(model=names[0]))
    for _ in range(16):
        if session.accompanist.due:
            advance([session.accompanist])
    assert session.accompanist.due is None, "it has heard all there is, and planned"
    player.take(session.news())
    assert session.accompanist.policy is offer.models[names[0]]
    assert Settings(1, names[0], 1.0, 8, 1) in player.heard
    check_chords(player.play(TUNE).line)


def test_a_model_that_takes_over_decides_as_if_it_had_been_there(tiny_model):
    """Within its reach there is nothing it could have missed."""
    offer = make_offer(str(tiny_model), 1.0)
    switched = Player(offer, model=next(name for name in offer.models if name != offer.model))
    switched.play(TUNE[:24])
    played = switched.line[:25]
    switched.tell(Set(model=offer.model))
    switched.play(TUNE[24:], start=24)
    told = Player(offer)
    for frame, pitch in enumerate(TUNE):
        chord = played[frame] if frame < 25 else None
        sounded = chord and Sounded(chord.name, chord.onset)
        told.tell(melody(frame, pitch, chord=sounded))
    assert switched.line[25:] == told.line[25:]


def test_what_really_sounded_is_what_the_model_goes_on_from(offer):
    player = Player(offer, commit=3).play(TUNE[:16])
    planned = player.chords[16]
    player.tell(melody(16, 60, chord=Sounded("F#" if planned.name != "F#" else "C", True)))
    # A committed chord that has nothing to hold any more is struck, in a voicing that follows what
    # sounded, and is held so; nothing else is changed.
    for chord in player.broken:
        assert chord.onset == (chord.frame == 17)
        assert (chord.name, chord.notes) == (player.broken[0].name, player.broken[0].notes)
        assert chord.name == planned.name
    after = [player.chords[frame] for frame in range(17, player.committed)]
    assert after[0].onset or after[0].name is None
    check_chords(after)
    player.broken.clear()
    player.play(TUNE[17:], start=17)
    assert player.line[19:] != Player(offer, commit=3).play(TUNE).line[19:]


def test_frames_told_at_once_are_heard_like_those_told_one_by_one(offer):
    """After a lost connection: what was committed sounded, and then its last chord was held."""
    at_once, one_by_one = (Player(offer).play(TUNE[:16]) for _ in range(2))
    held = Sounded(one_by_one.chords[16].name, False)
    told = [melody(16, TUNE[16])]
    told += [melody(frame, TUNE[frame], chord=held) for frame in range(17, 40)]
    at_once.tell(Melody(16, tuple(state for message in told for state in message.states)))
    for message in told:
        one_by_one.tell(message)
    after = range(40, at_once.committed + 7)
    assert [at_once.chords[frame] for frame in after] == [
        one_by_one.chords[frame] for frame in after
    ]


def test_a_chord_that_comes_late_is_held_and_counted(offer):
    player = Player(offer, lookahead=1).play(TUNE[:16])
    player.session.receive(melody(16, 60))
    player.session.receive(melody(17, 62))  # nobody has made the step that decides frame 17
    player.listen()
    assert player.session.accompanist.late == 1
    assert player.committed == 19
    told = Player(offer, lookahead=1).play(TUNE[:16])
    told.tell(melody(16, 60))
    told.tell(melody(17, 62, chord=Sounded(told.chords[16].name, False)))
    assert player.chords[18] == told.chords[18]


def test_a_resumed_session_is_told_all_that_it_needs(offer):
    player = Player(offer, lookahead=6, commit=2).play(TUNE[:20])
    player.session.resume()
    (ready,) = player.session.news()
    assert isinstance(ready, Ready)
    assert ready.frame == 20
    assert ready.session == player.session.id
    assert ready.plan == Plan(19, 22, tuple(player.chords[frame] for frame in range(20, 26)))


def test_a_resumed_session_is_told_all_that_is_committed_even_beyond_what_is_planned_now(offer):
    player = Player(offer, lookahead=16, commit=16).play(TUNE[:4])
    player.tell(Set(lookahead=8, commit=1))
    player.session.resume()
    (ready,) = player.session.news()
    assert ready.plan.committed == 20
    assert ready.plan.chords == tuple(player.chords[frame] for frame in range(4, 20))


@pytest.mark.parametrize(
    ("message", "says"),
    [
        (melody(1, 60), "Frame 1 came where frame 2 was due"),
        (melody(3, 60), "Frame 3 came where frame 2 was due"),
        (Melody(2, (State(None, True),)), "without a pitch"),
        (Melody(2, (State(61, False),)), "holds pitch 61"),
        (melody(2, 60, chord=Sounded("H", True)), "'H' is not a chord"),
        (melody(2, 60, chord=Sounded(None, True)), "without a name"),
        (melody(2, 60, chord=Sounded("Gb6sus4", False)), "not a chord"),
        (Set(model="nonesuch"), "no model 'nonesuch'"),
        (Set(commit=9), "longer lookahead"),
        (Hello(VERSION), "one hello"),
    ],
)
def test_what_cannot_be_is_refused(offer, message, says):
    player = Player(offer)
    player.tell(Melody(0, (State(60, True), State(60, False))))
    with pytest.raises(ProtocolError, match=says):
        player.session.receive(message)
    player.tell(Melody(2, (State(60, False),)))  # and the session is none the worse
    assert player.committed == 4


def test_only_offered_models_can_be_had(offer):
    for name in ("nonesuch", "../mle", "/etc/passwd"):
        with pytest.raises(ProtocolError, match="no model"):
            Session(Hello(VERSION, model=name), offer)


def test_a_file_that_is_no_model_is_refused_at_once(tmp_path):
    path = tmp_path / "broken.onnx"
    path.write_bytes(b"not a model")
    with pytest.raises(UserError, match=r"broken\.onnx"):
        make_offer(str(path), 1.0)


def test_a_file_is_offered_under_a_name_that_can_be_asked_for(tmp_path, tiny_model):
    for stem in ("long" * 20, "gapt"):
        (tmp_path / f"{stem}.onnx").write_bytes(tiny_model.read_bytes())
    offer = make_offer(str(tmp_path / f"{'long' * 20}.onnx"), 1.0)
    assert offer.model == "long" * 16
    if "gapt" in shipped_models():
        with pytest.raises(UserError, match="name of a shipped model"):
            make_offer(str(tmp_path / "gapt.onnx"), 1.0)
