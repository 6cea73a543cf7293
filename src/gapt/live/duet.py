"""`gapt jam --midi-in --midi-out`: the duet without a page, for DAWs and hardware.

Time is counted in MIDI clocks, 24 a beat and 6 a frame, wherever they come from. A note that comes
after clock n, counted from 0, belongs to the frame whose start is nearest, (n + 3) // 6. So frame t
is final at clock 6t + 3, where its melody is heard; the chord of frame t + 1 goes out at 6t + 6.

`Duet` knows no time but the clocks it is given; `play` gives it the clocks of another device, or
its own.
"""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue

import mido

from gapt.errors import UserError
from gapt.live.accompanist import Accompanist
from gapt.live.models import load_model, resolve_model
from gapt.live.ports import open_input, open_output
from gapt.music.chords import chord_at, lead_sheet_name
from gapt.music.frames import CHORDS, FRAMES_PER_BEAT, MELODY, SILENCE
from gapt.music.midi import DRUMS
from gapt.music.voicing import voice

CLOCKS_PER_BEAT = 24
_CLOCKS = CLOCKS_PER_BEAT // FRAMES_PER_BEAT
_VELOCITY = 80
_AWAY = 1.0
"""Seconds without a clock after which the other device has stopped."""
_STALE = 0.25
"""Seconds after which a clock is still counted, but no longer played."""

Send = Callable[[mido.Message], None]
Event = tuple[float, mido.Message]
"""A message from the port, and when it came."""


class Duet:
    """A player of notes, and the accompanist's chords to them.

    Args:
        accompanist: makes one that begins cold, for each take.
        send: where the chords' notes go.
    """

    def __init__(self, accompanist: Callable[[], Accompanist], send: Send) -> None:
        self._begin = accompanist
        self._send = send
        self._sounding: tuple[int, ...] = ()
        self._held: int | None = None
        self.start()

    def start(self, sixteenth: int = 0) -> None:
        """A take begins with the next clock, which is that of a song's sixteenth: on its next beat.

        Args:
            sixteenth: from the song's beginning, as a song position pointer counts.
        """
        self._silence()
        self._accompanist = self._begin()
        self._voicing: tuple[int, ...] | None = None
        to_beat = -sixteenth % FRAMES_PER_BEAT
        self._first = sixteenth + to_beat
        """The song's sixteenth that is frame 0."""
        self._clocks = -1 - _CLOCKS * to_beat
        self._melody = SILENCE
        self._struck = self._held  # a key that is down already is played from beat 1 on

    def stop(self) -> None:
        """The chords end; with the next clock the same take goes on."""
        self._silence()

    def move(self, sixteenth: int) -> None:
        """The next clock is that of this sixteenth of the song; elsewhere a take begins anew."""
        clocks = _CLOCKS * (sixteenth - self._first) - 1
        # Devices stop within a sixteenth, but name only where it began.
        if clocks <= self._clocks < clocks + _CLOCKS:
            self._clocks = clocks
        else:
            self.start(sixteenth)

    def resume(self) -> None:
        """The take goes on after a stop; what was played meanwhile was not to it."""
        if self._struck != self._held:
            self._struck = None

    def press(self, pitch: int) -> None:
        """A note begins; it ends the one before."""
        self._held = self._struck = pitch

    def release(self, pitch: int) -> None:
        """A note ends. However short, it is heard for a frame."""
        if self._held == pitch:
            self._held = None

    def clock(self, *, stale: bool = False) -> str | None:
        """One clock passes; the name of the chord that it strikes, if any.

        A clock is `stale` if it was due long ago, because the machine stood still: what is missed
        is not made up for, and the next clock that is not strikes the chord as it is by then.
        """
        self._clocks += 1
        if self._clocks < 0:
            if self._clocks < -_CLOCKS // 2:  # let go of before beat 1 is near
                self._struck = self._held
            return None
        frame, phase = divmod(self._clocks, _CLOCKS)
        if frame < self._accompanist.frame:
            return None  # heard, perhaps before a stop
        if phase == _CLOCKS // 2:
            self._accompanist.step(self._hear())
        if stale:
            self._silence()
            return None
        return self._play() if phase == 0 else None

    def _hear(self) -> int:
        """The melody's state in the frame that is now final."""
        if self._struck is not None:
            self._melody = MELODY.on(self._struck)
        elif self._held is not None:
            self._melody = MELODY.hold(self._held)
        else:
            self._melody = SILENCE
        self._struck = None
        return self._melody

    def _play(self) -> str | None:
        state = self._accompanist.chord
        if not CHORDS.sounds(state):
            self._silence()
            return None
        if self._sounding and not CHORDS.is_on(state):
            return None  # it is held; after a stop, which has silenced it, it is struck again
        chord = int(CHORDS.symbol(state))
        self._silence()
        self._voicing = self._sounding = voice(chord_at(chord), self._voicing)
        for note in self._sounding:
            self._send(mido.Message("note_on", note=note, velocity=_VELOCITY))
        return lead_sheet_name(chord)

    def _silence(self) -> None:
        for note in self._sounding:
            self._send(mido.Message("note_off", note=note))
        self._sounding = ()


def play(
    midi_in: str,
    midi_out: str,
    *,
    clock: str,
    bpm: float,
    model: str,
    temperature: float,
    listen: int,
) -> None:
    """Play with the notes of one port, chords to another, until interrupted.

    Args:
        midi_in, midi_out: names of ports, or parts of names.
        clock: "in", and the take runs from the other device's start to its stop; or "internal", and
            time starts with the first note.
        bpm: of the internal clock.
        model: a shipped model's name or an exported model's path.
        temperature: of the sampling.
        listen: in beats; the first chord comes at the first multiple of it after the first note.

    Raises:
        UserError: any of these cannot be used.
    """
    policy = load_model(resolve_model(model))

    def begin() -> Accompanist:
        accompanist = Accompanist(policy, temperature=temperature, listen=listen * FRAMES_PER_BEAT)
        accompanist.think()
        return accompanist

    begin()  # so that the first chord does not wait for one-time set-up
    events: SimpleQueue[Event] = SimpleQueue()
    with (
        open_output(midi_out) as chords,
        open_input(midi_in, lambda message: events.put((time.perf_counter(), message))) as notes,
    ):
        print(f"Notes from {notes.name}, chords to {chords.name} (Ctrl-C ends)", flush=True)

        def send(message: mido.Message) -> None:
            try:
                chords.send(message)
            except Exception as error:  # each system's MIDI has exceptions of its own
                raise UserError(f"the MIDI port '{chords.name}' is gone: {error}") from None

        duet = Duet(begin, send)
        clocks = _Clocks(duet)
        _end_as_by_ctrl_c()
        with contextlib.suppress(KeyboardInterrupt):
            try:
                if clock == "in":
                    print("Waiting for the other device to start", flush=True)
                    clocks.follow(events)
                else:
                    print(f"Play: your first note is beat 1, at {bpm:g} BPM", flush=True)
                    clocks.run(events, 60 / bpm / CLOCKS_PER_BEAT)
            finally:
                with contextlib.suppress(UserError):  # the port may be what failed
                    duet.stop()
        print(f"\n{clocks.struck} chords, {clocks.late} of them late by more than a MIDI clock")


def _end_as_by_ctrl_c() -> None:
    """When the process is to end or its terminal closes: no note may be left sounding."""
    for name in ("SIGTERM", "SIGHUP"):
        if hasattr(signal, name):  # Windows has but the first
            signal.signal(getattr(signal, name), signal.default_int_handler)


class _Clocks:
    """Gives a duet its notes and clocks, in the order in which they happened.

    Attributes:
        struck: chords so far.
        late: those that went out more than a clock after their time.
    """

    def __init__(self, duet: Duet) -> None:
        self.struck = self.late = 0
        self._duet = duet
        self._last = time.perf_counter()

    def follow(self, events: SimpleQueue[Event]) -> None:
        """By another device's clock, start, stop and continue."""
        running = False
        while True:
            at, message = _wait(events, self._duet.stop)  # a device that says no more has stopped
            if message.type != "clock" and at - self._last > _AWAY:  # it only plays on
                self._duet.stop()
            match message.type:
                case "clock":
                    if running:
                        self._clock(at, at - self._last)
                    self._last = at
                case "start":
                    self._duet.start()
                    running = True
                case "songpos":
                    self._duet.move(message.pos)
                case "continue":
                    self._duet.resume()
                    running = True
                case "stop":
                    self._duet.stop()
                    running = False
                case _:
                    self._note(message)

    def run(self, events: SimpleQueue[Event], seconds: float) -> None:
        """By our own clock, a clock every `seconds`, from the first note on."""
        at, message = _wait(events)
        while not _is_press(message):
            at, message = _wait(events)
        self._note(message)
        due = at
        while True:
            try:
                happened, message = events.get(timeout=max(0.0, due - time.perf_counter()))
            except Empty:
                happened, message = time.perf_counter(), None
            while due <= happened:
                self._clock(due, seconds)
                due += seconds
            if message is not None:
                self._note(message)

    def _clock(self, due: float, tolerance: float) -> None:
        name = self._duet.clock(stale=time.perf_counter() > due + _STALE)
        if name is not None:
            self.struck += 1
            self.late += time.perf_counter() > due + tolerance
            print(name, end=" ", flush=True)

    def _note(self, message: mido.Message) -> None:
        if _is_press(message):
            self._duet.press(message.note)
        elif message.type in ("note_on", "note_off") and message.channel != DRUMS:
            self._duet.release(message.note)


def _is_press(message: mido.Message) -> bool:
    return message.type == "note_on" and message.velocity > 0 and message.channel != DRUMS


def _wait(events: SimpleQueue[Event], nothing: Callable[[], None] = lambda: None) -> Event:
    """The next event; `nothing` is called whenever none has come for `_AWAY` seconds."""
    while True:  # with a timeout, because a wait without can not be interrupted on Windows
        try:
            return events.get(timeout=_AWAY)
        except Empty:
            nothing()
