"""One player's session: messages in, messages out.

The timing that makes one frame of commitment enough. Time runs in sixteenth-note frames, and a key
press at time tau (in frames) belongs to frame round(tau). So nothing that happens after t + 0.5 can
belong to frame t: half a frame past its boundary the melody of frame t is final. The page reports
it at that moment, this session answers with the chord of frame t + 1 a few milliseconds later, and
the rest of the half frame (62 ms at 120 BPM) is left to put the chord on the audio clock for
t + 1. Nothing is imagined ahead, no plan is thrown away, and no chord comes late:

    frame        t                   t + 1
    boundary     |---------|---------|---------
                           ^         ^
             t is final, told;    its chord
             t + 1 is decided     sounds

Knows no sockets, no threads and no clocks: the same messages give the same answers (given a seed).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gapt.errors import did_you_mean
from gapt.live.accompanist import Accompanist
from gapt.live.protocol import (
    VERSION,
    Chord,
    Hello,
    Melody,
    ProtocolError,
    Ready,
    Temperature,
    check_version,
)
from gapt.music.chords import chord_at, lead_sheet_name
from gapt.music.frames import CHORDS, FRAMES_PER_BEAT, MELODY, SILENCE
from gapt.music.voicing import voice


@dataclass(frozen=True)
class Offer:
    """What a server offers its players.

    Attributes:
        models: files by the names that players may ask for; a player can name no other file.
        model: the one for those who ask for none.
        temperature: for those who ask for none.
    """

    models: Mapping[str, Path]
    model: str
    temperature: float


class Session:
    """One take, from its hello on.

    Raises:
        ProtocolError: another protocol version, or a model that is not offered.
        UserError: the model's file cannot be used.
    """

    def __init__(self, hello: Hello, offer: Offer):
        check_version(hello.version)
        self.model = hello.model or offer.model
        if self.model not in offer.models:
            hint = did_you_mean(self.model, offer.models)
            raise ProtocolError(f"There is no model '{self.model}'. {hint}", 1008)
        self._offer = offer
        temperature = offer.temperature if hello.temperature is None else hello.temperature
        self._accompanist = Accompanist.load(
            str(offer.models[self.model]), temperature=temperature, seed=hello.seed
        )
        self._temperature = temperature
        self._melody = SILENCE
        self._voicing: tuple[int, ...] | None = None
        self._said = self._say(self._accompanist.chord)

    def ready(self) -> Ready:
        """The answer to the hello."""
        return Ready(
            version=VERSION,
            model=self.model,
            models=tuple(self._offer.models),
            temperature=self._temperature,
            frames_per_beat=FRAMES_PER_BEAT,
            chord=self._said,
        )

    def receive(self, message: Hello | Melody | Temperature) -> tuple[Chord, ...]:
        """The answers to any message after the hello.

        Raises:
            ProtocolError: a second hello, a frame out of order, or a melody that cannot be.
        """
        match message:
            case Hello():
                raise ProtocolError("A session has one hello; open another session for another.")
            case Temperature(value):
                self._accompanist.temperature = value
                return ()
            case Melody():
                self._melody = self._melody_state(message)
                self._said = self._say(self._accompanist.step(self._melody))
                return (self._said,)

    def _melody_state(self, message: Melody) -> int:
        expected = self._accompanist.frame
        if message.frame != expected:
            raise ProtocolError(
                f"Frame {message.frame} came where frame {expected} was due: frames are reported "
                "one by one, in order."
            )
        if message.pitch is None:
            if message.onset:
                raise ProtocolError(f"Frame {message.frame} starts a note without a pitch.")
            return SILENCE
        if message.onset:
            return MELODY.on(message.pitch)
        if not (MELODY.sounds(self._melody) and MELODY.symbol(self._melody) == message.pitch):
            raise ProtocolError(
                f"Frame {message.frame} holds pitch {message.pitch}, which was not sounding."
            )
        return MELODY.hold(message.pitch)

    def _say(self, state: int) -> Chord:
        frame = self._accompanist.frame
        if not CHORDS.sounds(state):
            return Chord(frame, onset=False, name=None, notes=())
        index, onset = int(CHORDS.symbol(state)), bool(CHORDS.is_on(state))
        if onset or self._voicing is None:
            self._voicing = voice(chord_at(index), self._voicing)
        return Chord(frame, onset, lead_sheet_name(index), self._voicing)
