"""One player's session: messages in, messages out.

The timing that makes one frame of commitment enough. Time runs in sixteenth-note frames, and a key
press at time tau (in frames) belongs to frame round(tau). So nothing that happens after t + 0.5 can
belong to frame t: half a frame past its boundary the melody of frame t is final. The page reports
it at that moment, this session answers with the chord of frame t + 1 a few milliseconds later, and
the rest of the half frame (62 ms at 120 BPM) is left to put the chord on the audio clock for
t + 1. What is committed is not imagined, and no chord comes late:

    frame        t                   t + 1
    boundary     |---------|---------|---------
                           ^         ^
             t is final, told;    its chord
             t + 1 is decided     sounds

Knows no sockets, no threads and no clocks: it says what to tell the player, somebody else makes the
accompanist's steps.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from gapt.errors import did_you_mean
from gapt.live.accompanist import Accompanist
from gapt.live.models import OnnxPolicy
from gapt.live.protocol import (
    VERSION,
    Chord,
    Hello,
    Melody,
    Plan,
    ProtocolError,
    Ready,
    ServerMessage,
    Set,
    Settings,
    Sounded,
    State,
)
from gapt.music.chords import CHORD_NAMED, chord_at, lead_sheet_name
from gapt.music.frames import CHORDS, FRAMES_PER_BEAT, MELODY, SILENCE
from gapt.music.voicing import voice

LOOKAHEAD = 8
"""Frames, for those who ask for no other."""

Notes = tuple[int, ...]


@dataclass(frozen=True)
class Offer:
    """What a server offers its players.

    Attributes:
        models: by the names that players may ask for.
        model, temperature: used where the hello names none.
    """

    models: Mapping[str, OnnxPolicy]
    model: str
    temperature: float


class _Said(NamedTuple):
    """What the player was told of a frame: a state, voiced after the voicing before."""

    state: int
    before: Notes | None
    chord: Chord


class Session:
    """One take, from its hello on.

    Attributes:
        id: a secret that lets its player take it up again.
        accompanist: who plays; its steps are the engine's to make.

    Raises:
        ProtocolError: it asks for what is not offered.
    """

    def __init__(self, hello: Hello, offer: Offer):
        self.id = secrets.token_urlsafe(16)
        self._offer = offer
        self._model = hello.model or offer.model
        commit = hello.commit or 1
        self.accompanist = Accompanist(
            self._policy(self._model),
            temperature=offer.temperature if hello.temperature is None else hello.temperature,
            seed=hello.seed,
            lookahead=_lookahead(hello.lookahead or max(LOOKAHEAD, commit), commit),
            commit=commit,
            listen=hello.listen,
        )
        self._voicing: Notes | None = None
        self._greet = True
        self._confirm = False
        self._said: dict[int, _Said] = {}
        self._committed = 0
        self._answered = 0

    def resume(self) -> None:
        """The player is back after a lost connection: greet again, and tell the whole plan."""
        self._greet = True

    def receive(self, message: Hello | Melody | Set) -> None:
        """Take in a message that follows the hello.

        Raises:
            ProtocolError: a second hello, a frame out of order, what cannot be, or is not offered.
        """
        match message:
            case Hello():
                raise ProtocolError("A session has one hello; open another session for another.")
            case Melody():
                for frame, state in enumerate(message.states, message.frame):
                    self._hear(frame, state)
            case Set():
                self._set(message)

    def news(self) -> list[ServerMessage]:
        """What there is to tell the player: after a message, and after every step."""
        accompanist = self.accompanist
        news: list[ServerMessage] = []
        if self._greet:
            if not accompanist.decided:
                return []
            self._greet = False
            news.append(self._ready())
        if self._confirm and not accompanist.switching:
            self._confirm = False
            news.append(self._settings())
        # Every melody is answered, if only by a plan with nothing new in it.
        unanswered = accompanist.decided and accompanist.frame > self._answered
        committing = accompanist.decided and accompanist.committed > self._committed
        if unanswered or committing or accompanist.due is None:
            chords = self._tell(every=False)
            if chords or unanswered:
                self._answered = accompanist.frame
                news.append(self._plan(chords))
        return news

    def _hear(self, frame: int, state: State) -> None:
        due = self.accompanist.frame
        if frame != due:
            raise ProtocolError(
                f"Frame {frame} came where frame {due} was due: frames are reported once, in order."
            )
        sounded = None if state.chord is None else _chord_state(state.chord)
        try:
            chord = self.accompanist.hear(_melody_state(state), sounded)
        except ValueError as error:
            raise ProtocolError(f"That cannot be: {error}.") from None
        said = self._said.pop(frame, None)
        if said is None or said.state != chord:
            said = _say(frame, chord, self._voicing)
        self._voicing = said.chord.notes or self._voicing

    def _set(self, change: Set) -> None:
        accompanist = self.accompanist
        commit = change.commit or accompanist.commit
        lookahead = _lookahead(change.lookahead or accompanist.lookahead, commit)
        accompanist.set(temperature=change.temperature, lookahead=lookahead, commit=commit)
        if change.model is not None and change.model != self._model:
            accompanist.switch(self._policy(change.model))
            self._model = change.model
        accompanist.replan()
        self._confirm = True

    def _policy(self, name: str) -> OnnxPolicy:
        if name not in self._offer.models:
            hint = did_you_mean(name, self._offer.models)
            raise ProtocolError(f"There is no model '{name}'. {hint}", 1008)
        return self._offer.models[name]

    def _ready(self) -> Ready:
        return Ready(
            version=VERSION,
            session=self.id,
            frame=self.accompanist.frame,
            frames_per_beat=FRAMES_PER_BEAT,
            models=tuple(self._offer.models),
            settings=self._settings(),
            plan=self._plan(self._tell(every=True)),
        )

    def _settings(self) -> Settings:
        accompanist = self.accompanist
        return Settings(
            frame=accompanist.committed,
            model=self._model,
            temperature=accompanist.temperature,
            lookahead=accompanist.lookahead,
            commit=accompanist.commit,
        )

    def _plan(self, chords: tuple[Chord, ...]) -> Plan:
        return Plan(self.accompanist.frame - 1, self.accompanist.committed, chords)

    def _tell(self, every: bool) -> tuple[Chord, ...]:
        """The planned chords that are new to the player, or newly committed."""
        chords = []
        known, voicing = self._committed, self._voicing
        self._committed = self.accompanist.committed
        for frame, state in enumerate(self.accompanist.plan, self.accompanist.frame):
            said = self._said.get(frame)
            new = said is None or (said.state, said.before) != (state, voicing)
            if said is None or new:
                said = self._said[frame] = _say(frame, state, voicing)
            if every or new or known <= frame < self._committed:
                chords.append(said.chord)
            voicing = said.chord.notes or voicing
        return tuple(chords)


def _lookahead(lookahead: int, commit: int) -> int:
    if commit > lookahead:
        raise ProtocolError(
            f"{commit} frames cannot be committed where only {lookahead} are planned: "
            "ask for a longer lookahead or a shorter commit."
        )
    return lookahead


def _melody_state(state: State) -> int:
    if state.pitch is None:
        if state.onset:
            raise ProtocolError("A note cannot begin without a pitch.")
        return SILENCE
    return MELODY.on(state.pitch) if state.onset else MELODY.hold(state.pitch)


def _chord_state(sounded: Sounded) -> int:
    if sounded.name is None:
        if sounded.onset:
            raise ProtocolError("A chord cannot be struck without a name.")
        return SILENCE
    if sounded.name not in CHORD_NAMED:
        raise ProtocolError(f"'{sounded.name}' is not a chord that a plan could name.")
    index = CHORD_NAMED[sounded.name]
    return CHORDS.on(index) if sounded.onset else CHORDS.hold(index)


def _say(frame: int, state: int, before: Notes | None) -> _Said:
    if not CHORDS.sounds(state):
        return _Said(state, before, Chord(frame, onset=False, name=None, notes=()))
    index, onset = int(CHORDS.symbol(state)), bool(CHORDS.is_on(state))
    notes = _voiced(index, before) if onset or before is None else before
    return _Said(state, before, Chord(frame, onset, lead_sheet_name(index), notes))


@lru_cache(maxsize=1 << 14)
def _voiced(index: int, before: Notes | None) -> Notes:
    return voice(chord_at(index), before)
