"""The duet by MIDI clocks: what is heard when, what is played when; and the command with ports."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path
from queue import Empty

import mido
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gapt.live.accompanist import Accompanist
from gapt.live.duet import Duet, _Clocks
from gapt.music.chords import CHORD_NAMED, chord_at, lead_sheet_name
from gapt.music.frames import CHORDS, MELODY, SILENCE
from gapt.music.voicing import voice


class Played:
    """A duet, with what it sent at each clock."""

    def __init__(self, model):
        self.sent = []
        self.names = {}
        self.clocks = 0
        self.duet = Duet(
            lambda: Accompanist.load(model, seed=0),
            lambda message: self.sent.append((self.clocks, message.type, message.note)),
        )

    def run(self, clocks, notes=(), **how):
        """Notes are (press clock, release clock, pitch): they come just after that clock."""
        for clock in range(self.clocks, self.clocks + clocks):
            self.clocks = clock
            name = self.duet.clock(**how)
            if name:
                self.names[clock] = name
            for on, off, pitch in notes:
                if on == clock:
                    self.duet.press(pitch)
                if off == clock:
                    self.duet.release(pitch)
        self.clocks += 1
        return self


NOTES = [(0, 20, 60), (26, 44, 64), (48, 70, 67), (93, 97, 72), (118, 119, 71), (130, 190, 65)]


def test_it_plays_what_the_accompanist_decides(model):
    """The same melody in frames, worked out by hand: a press belongs to the nearest frame."""
    spans = [(0, 3), (4, 7), (8, 12), (16, 17), (20, 21), (22, 32)]
    pitches = [pitch for *_, pitch in NOTES]
    states = [SILENCE] * 32
    for (first, end), pitch in zip(spans, pitches, strict=True):
        states[first:end] = [MELODY.on(pitch)] + [MELODY.hold(pitch)] * (end - first - 1)
    accompanist = Accompanist.load(model, seed=0)
    expected = {}
    for frame, state in enumerate(states):
        if CHORDS.is_on(accompanist.chord):
            expected[6 * frame] = lead_sheet_name(CHORDS.symbol(accompanist.chord))
        accompanist.step(state)
    assert Played(model).run(6 * 32, NOTES).names == expected


def test_every_note_ends_before_the_next_chord_and_at_the_stop(tiny_model):
    played = Played(tiny_model).run(6 * 64, NOTES)
    played.duet.stop()
    sounding = set()
    for clock, kind, note in played.sent:
        if kind == "note_on":
            assert clock % 6 == 0
            assert note not in sounding
            sounding.add(note)
        else:
            sounding.remove(note)
    assert not sounding
    assert len(played.names) > 4


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 6 * 24), st.integers(40, 80))
def test_no_chord_depends_on_what_comes_after_the_middle_of_the_frame_before(
    tiny_model, clock, pitch
):
    first = Played(tiny_model).run(6 * 32, NOTES)
    second = Played(tiny_model).run(6 * 32, [*NOTES, (clock, clock + 12, pitch)])
    deadline = (clock + 3) // 6 * 6 + 6
    before = [
        {at: name for at, name in played.names.items() if at < deadline}
        for played in (first, second)
    ]
    assert before[0] == before[1]


def test_what_a_machine_that_stood_still_has_missed_is_not_played_all_at_once(model):
    notes = [(24 * beat, 24 * beat + 20, 60 + beat % 5) for beat in range(16)]
    steady, stalled = Played(model).run(24 * 16, notes), Played(model).run(24 * 4, notes)
    before = len(stalled.sent)
    stalled.run(24 * 4, notes, stale=True)
    assert {kind for _, kind, _ in stalled.sent[before:]} == {"note_off"}
    stalled.run(24 * 8, notes)
    # It has heard all the same. The chord that it came back to is struck at once.
    first, *rest = [clock for clock in stalled.names if clock >= 24 * 8]
    assert first == 24 * 8
    assert {stalled.names[clock] for clock in rest} == {
        name for clock, name in steady.names.items() if clock > 24 * 8
    }
    assert rest == [clock for clock in steady.names if clock > 24 * 8]


def test_a_new_take_begins_cold(tiny_model):
    again = Played(tiny_model).run(6 * 32, NOTES)
    again.duet.stop()
    first, again.sent = again.sent, []
    again.duet.start()
    again.clocks = 0
    again.run(6 * 32, NOTES).duet.stop()
    assert again.sent == first


def test_after_a_stop_the_chord_that_is_held_sounds_again(model):
    played = Played(model).run(6 * 16, NOTES)
    while not played.duet._sounding or CHORDS.is_on(played.duet._accompanist.chord):
        played.run(6)
    chord = played.duet._sounding
    played.duet.stop()
    assert not played.duet._sounding
    played.run(6)
    assert played.duet._sounding[0] % 12 == chord[0] % 12


@pytest.mark.parametrize("sixteenth", range(4))
def test_from_another_place_in_the_song_a_take_begins_with_its_next_beat(tiny_model, sixteenth):
    straight = Played(tiny_model).run(6 * 32)
    moved = Played(tiny_model)
    moved.duet.start(sixteenth)
    later = 6 * (-sixteenth % 4)
    moved.run(later + 6 * 32)
    assert moved.names == {clock + later: name for clock, name in straight.names.items()}


def test_a_note_that_ends_long_before_the_first_beat_is_not_in_it(tiny_model):
    for release, heard in (5, SILENCE), (16, MELODY.on(60)), (40, MELODY.on(60)):
        played = Played(tiny_model)
        played.duet.start(1)  # 18 clocks to the beat
        played.run(18 + 4, [(2, release, 60)])
        assert played.duet._melody == heard


def test_a_key_let_go_of_after_the_next_was_pressed_ends_no_note(tiny_model):
    played = Played(tiny_model).run(16, [(0, 9, 60), (6, 30, 64)])
    assert played.duet._melody == MELODY.hold(64)


def test_every_chord_is_voiced_after_the_one_before_it(tiny_model):
    played = Played(tiny_model).run(6 * 64, NOTES)
    before = None
    for at, name in played.names.items():
        notes = tuple(note for clock, kind, note in played.sent if (clock, kind) == (at, "note_on"))
        assert notes == voice(chord_at(CHORD_NAMED[name]), before)
        before = notes
    assert before


def test_a_key_that_is_down_when_a_take_begins_is_heard_from_its_first_frame(tiny_model):
    played = Played(tiny_model)
    played.duet.press(60)
    played.duet.start()
    assert played.run(4).duet._melody == MELODY.on(60)
    assert played.run(6).duet._melody == MELODY.hold(60)


@pytest.mark.parametrize("clocks", [48, 50, 52])
def test_a_take_goes_on_where_it_stopped_even_if_it_is_told_where_that_is(tiny_model, clocks):
    """As after two bars in one go, but for the clocks that are made again."""
    straight = Played(tiny_model).run(6 * 32)
    stopped = Played(tiny_model).run(clocks)
    before, stopped.names = stopped.names, {}
    stopped.duet.stop()
    stopped.duet.press(72)
    stopped.duet.release(72)  # to nobody
    stopped.duet.move(clocks // 6)
    stopped.duet.resume()
    stopped.clocks = 48  # where the sixteenth began
    stopped.run(6 * 24)
    assert stopped.duet._accompanist.frame == 32
    assert MELODY.on(72) not in stopped.duet._accompanist._melody[:32]
    again = {clock: name for clock, name in straight.names.items() if clock > 53}
    assert {clock: name for clock, name in stopped.names.items() if clock > 53} == again
    assert before == {clock: name for clock, name in straight.names.items() if clock < clocks}


def test_a_key_pressed_in_a_pause_and_still_down_is_heard_when_the_take_goes_on(tiny_model):
    played = Played(tiny_model).run(48)
    played.duet.stop()
    played.duet.press(72)
    played.duet.resume()
    assert played.run(4).duet._melody == MELODY.on(72)


def test_at_another_place_in_the_song_a_take_begins_anew(tiny_model):
    played = Played(tiny_model).run(48)
    played.duet.move(4)
    assert played.duet._accompanist.frame == 0


START, STOP, CONTINUE, CLOCK = map(mido.Message, ("start", "stop", "continue", "clock"))
NOTHING = None
LATER = object()  # what follows comes a second and a half later
"""For a second."""


class Device:
    """What `_Clocks` reads: messages, and then Ctrl-C."""

    def __init__(self, messages):
        self.clocks = -1
        self._messages = iter(messages)
        self._later = 0.0

    def get(self, timeout):
        try:
            message = next(self._messages)
        except StopIteration:
            raise KeyboardInterrupt from None
        if message is NOTHING:
            raise Empty
        if message is LATER:
            self._later += 1.5
            return self.get(timeout)
        self.clocks += message.type == "clock"
        return time.perf_counter() + self._later, message


def follow(model, messages):
    """What is sent to a device that sends these messages: as `Played.sent`."""
    device, sent = Device(messages), []
    duet = Duet(
        lambda: Accompanist.load(model, seed=0),
        lambda message: sent.append((device.clocks, message.type, message.note)),
    )
    with pytest.raises(KeyboardInterrupt):
        _Clocks(duet).follow(device)
    return sent


def struck(sent, first, shift=0):
    """Which notes begin from a clock on, and when."""
    return [
        (clock + shift, note) for clock, kind, note in sent if kind == "note_on" and clock >= first
    ]


def test_another_device_has_its_notes_and_clocks_heard_from_its_start_on(tiny_model):
    messages = [CLOCK, mido.Message("note_on", note=50), mido.Message("note_off", note=50), START]
    for clock in range(6 * 32):
        messages.append(CLOCK)
        for on, off, pitch in NOTES:
            if on == clock:
                messages.append(mido.Message("note_on", note=pitch))
                messages.append(mido.Message("note_on", note=36, channel=9))  # a drum
                messages.append(mido.Message("note_off", note=pitch, channel=9))  # another
            if off == clock:
                messages.append(mido.Message("note_on", note=pitch, velocity=0))
    sent = [(clock - 1, kind, note) for clock, kind, note in follow(tiny_model, messages)]
    assert sent == Played(tiny_model).run(6 * 32, NOTES).sent


@pytest.mark.parametrize(
    "pause",
    [
        [STOP, *[CLOCK] * 50, CONTINUE],
        [STOP, mido.Message("songpos", pos=15), CONTINUE],  # where it is
        [NOTHING],
        [LATER, mido.Message("control_change")],
    ],
    ids=["stop", "the same place", "no clocks", "a pedal, but no clocks"],
)
def test_a_pause_silences_the_chord_and_then_the_take_goes_on(tiny_model, pause):
    straight = Played(tiny_model).run(6 * 32).sent
    sent = follow(tiny_model, [START, *[CLOCK] * 90, *pause, *[CLOCK] * 102])
    later = sum(message is CLOCK for message in pause)
    played = [event for event in sent if event[0] < 90]
    ended = played[len([event for event in straight if event[0] < 90]) :]
    assert ended, "a chord sounds"
    assert {kind for _, kind, _ in ended} == {"note_off"}
    assert [kind for _, kind, _ in played].count("note_on") == len(played) / 2
    assert all(event[0] >= 90 + later for event in sent[len(played) :])
    # In the first sixteenth a chord may be struck again that had been held.
    assert struck(sent, 96 + later) == struck(straight, 96, later)


def test_a_pedal_ends_no_chord_as_long_as_clocks_come(tiny_model):
    pedal = mido.Message("control_change")
    straight = follow(tiny_model, [START, *[CLOCK] * 192])
    assert (
        follow(tiny_model, [START, *[CLOCK] * 90, LATER, CLOCK, pedal, *[CLOCK] * 101]) == straight
    )


@pytest.mark.parametrize(
    ("jump", "to_beat"),
    [
        ([START], 0),
        ([STOP, mido.Message("songpos", pos=40), CONTINUE], 0),
        ([STOP, mido.Message("songpos", pos=7), CONTINUE], 6),
        ([mido.Message("songpos", pos=7)], 6),
    ],
    ids=["start", "on a beat", "between beats", "while it runs"],
)
def test_after_a_start_or_a_jump_a_take_begins_anew_on_a_beat(tiny_model, jump, to_beat):
    straight = Played(tiny_model).run(6 * 32).sent
    sent = follow(tiny_model, [START, *[CLOCK] * 90, *jump, *[CLOCK] * (to_beat + 6 * 32)])
    assert struck(sent, 90) == struck(straight, 0, 90 + to_beat)


def jam(tmp_path, ends, *arguments):
    record = tmp_path / "sent.txt"
    environment = {
        **os.environ,
        "MIDO_BACKEND": "loopback",
        "PYTHONPATH": str(Path(__file__).parent),
        "LOOPBACK": str(record),
        "LOOPBACK_ENDS": ends,
    }
    done = subprocess.run(
        [sys.executable, "-m", "gapt", *arguments],
        capture_output=True, text=True, env=environment, check=False, timeout=60,
    )  # fmt: skip
    return done, record.read_text().splitlines() if record.exists() else []


@pytest.mark.parametrize(("clock", "ends"), [("in", "SIGINT"), ("internal", "SIGTERM")])
def test_from_port_to_port(tmp_path, model, clock, ends):
    """All of it but the hardware, much faster than anybody plays; however it is ended."""
    tempo = ["--bpm", "400"] if clock == "internal" else []
    done, sent = jam(
        tmp_path, ends, "jam", "--midi-in", "keys", "--midi-out", "SYN", "--clock", clock, *tempo,
        "--model", str(model),
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    struck = int(re.search(r"(\d+) chords, \d+ of them late", done.stdout)[1])
    assert struck > 0
    assert "Notes from keys, chords to synth" in done.stdout
    on = [line.split()[1] for line in sent if line.startswith("note_on")]
    off = [line.split()[1] for line in sent if line.startswith("note_off")]
    assert len(on) >= 4 * struck
    assert sorted(on) == sorted(off)


@pytest.fixture
def gapt(gapt, monkeypatch, tmp_path):
    """The same, with one of mido's backends."""
    monkeypatch.setenv("LOOPBACK", str(tmp_path / "sent.txt"))
    before = mido.backend

    def run(*arguments, backend="loopback"):
        mido.set_backend(backend)
        return gapt(*arguments)

    yield run
    mido.set_backend(before)


@pytest.mark.parametrize(
    ("midi_in", "midi_out", "says"),
    [
        ("flute", "synth", "--midi-in: no port is called 'flute'. Ports: keys; keys 2."),
        ("key", "synth", "--midi-in: more than one port is called 'key'. Ports: keys; keys 2."),
        ("keys", "drums", "--midi-out: no port is called 'drums'. Ports: synth."),
    ],
)
def test_a_port_that_is_not_there_says_which_are(gapt, midi_in, midi_out, says):
    code, said, errors = gapt("jam", "--midi-in", midi_in, "--midi-out", midi_out)
    assert (code, said, errors) == (2, "", f"gapt: {says}\n")


def test_ports_are_listed(gapt):
    code, said, _ = gapt("ports")
    assert code == 0
    assert said.split() == ["in", "keys", "in", "keys", "2", "out", "synth"]


def test_without_a_midi_system_the_reason_is_said(gapt):
    code, _, errors = gapt("ports", backend="mido.backends.no_such_backend")
    assert code == 2
    assert "pip install 'gapt[midi]'" in errors
