"""What a player and the server say to each other: one JSON text message per WebSocket message.

The client says `hello`, the server answers `ready` with a first plan. From then on the client
reports every frame, in order, once it is final, and the server answers each `melody` with a `plan`:
the chords that are now committed, and those that it would play next if the melody went on as it
imagines. Time is counted in frames, sixteenth notes, from 0; the server knows no tempo.

Knows message shapes only; what they mean is `gapt.live.session`'s business. docs/protocol.md and
the page's types are generated from this file (`tests/live/protocol_page.py`).
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from gapt.errors import UserError

VERSION = 2
MAX_MESSAGE = 16 * 1024
"""Bytes; a longer client message is refused (close code 1009)."""
MAX_STATES = 128
"""Frames that one `melody` may report."""
MAX_LOOKAHEAD = 64
"""Frames that a plan may reach ahead."""

Frame = Annotated[int, Meta(ge=0)]
Pitch = Annotated[int, Meta(ge=0, le=127)]
Heat = Annotated[float, Meta(ge=0, le=2)]
Reach = Annotated[int, Meta(ge=1, le=MAX_LOOKAHEAD)]
MAX_NAME = 64
Name = Annotated[str, Meta(max_length=MAX_NAME)]


class Hello(msgspec.Struct, tag="hello", frozen=True, forbid_unknown_fields=True):
    """Opens a session, which is one take and starts cold at frame 0; or takes one up again.

    A null field leaves the choice to the server; `ready` tells it.

    Attributes:
        version: of this protocol.
        model: one of those that the server offers.
        temperature: how adventurous the chords are, 0 to 2; 0 is always the likeliest chord.
        seed: the same seed answers the same messages with the same chords; null is random.
        lookahead: how many frames ahead to plan, the committed ones included.
        commit: how many of them are final; at most `lookahead`. 1 is the latest that is in time.
        listen: in frames; the model only listens until the first multiple of it after the melody's
            first note. 0: it plays from the start.
        resume: the session to go on with, as `ready` named it; the settings above are then ignored.
            The server keeps a session for a minute after its connection is lost.
    """

    version: int
    model: Name | None = None
    temperature: Heat | None = None
    seed: Annotated[int, Meta(ge=0, lt=2**32)] | None = None
    lookahead: Reach | None = None
    commit: Reach | None = None
    listen: Annotated[int, Meta(ge=0, le=1024)] = 0
    resume: Name | None = None


class Sounded(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a chord player did in one frame: silent (`name` null), struck, or held.

    Attributes:
        name: a chord as a lead sheet names it, or null.
        onset: struck in this frame; otherwise it is held from the one before.
    """

    name: Name | None
    onset: bool


class State(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What happened in one frame.

    Attributes:
        pitch: the melody's MIDI pitch, or null for a rest.
        onset: whether its note begins in this frame; otherwise it is held from the one before.
        chord: what chord sounded, where it was not the committed one because that came late or
            was lost; the model then goes on from what was really heard. Null: as committed, or
            where nothing was, held.
    """

    pitch: Pitch | None
    onset: bool
    chord: Sounded | None = None


class Melody(msgspec.Struct, tag="melody", frozen=True, forbid_unknown_fields=True):
    """What happened in `frame` and, if there are more `states`, in the frames that follow it.

    Every frame is reported once, in order, as soon as it is final: one at a time while playing,
    many at once after a lost connection.

    Attributes:
        frame: of the first state.
        states: one a frame; at most 128, and more in further messages.
    """

    frame: Frame
    states: Annotated[tuple[State, ...], Meta(min_length=1, max_length=MAX_STATES)]


class Set(msgspec.Struct, tag="set", frozen=True, forbid_unknown_fields=True):
    """Changes what is not null, from the next uncommitted chord on; answered by `settings`, which
    answers all that came meanwhile.

    What cannot be had ends the session with an `error`, so choose from what `ready` offers.

    A new model hears the last frames of the session first, so it goes on where the other stopped.

    Attributes:
        model: one of those that the server offers.
        temperature: of the sampling from now on.
        lookahead: how many frames ahead to plan.
        commit: how many of them are final; what is final already stays so.
    """

    model: Name | None = None
    temperature: Heat | None = None
    lookahead: Reach | None = None
    commit: Reach | None = None


class Ping(msgspec.Struct, tag="ping", frozen=True, forbid_unknown_fields=True):
    """Asks for a `pong`, to measure latency and compare clocks.

    Attributes:
        t: milliseconds on the client's clock, whatever its zero.
    """

    t: float


class Chord(msgspec.Struct, frozen=True):
    """The chord of `frame`.

    Attributes:
        frame: the frame.
        onset: struck in this frame; otherwise it is held from the one before.
        name: as a lead sheet names it; null is silence.
        notes: a voicing, MIDI pitches, the bass first.
    """

    frame: int
    onset: bool
    name: str | None
    notes: tuple[int, ...]


class Plan(msgspec.Struct, tag="plan", frozen=True):
    """The answer to `melody`: what is newly committed, and what is newly imagined.

    Each chord replaces what was said of its frame before; what is not named stays as it was said.
    A committed chord keeps its name. When something else is reported to have sounded before it, a
    committed hold with nothing left to hold becomes a strike, and later voicings may change to lead
    on from it. Every melody is answered. The first plan that answers frame t
    commits everything up to frame t + commit; more plans may follow, as more is imagined.

    Attributes:
        frame: the last frame heard; -1 before the first.
        committed: chords of frames before this one are final.
        chords: in order of frame, perhaps none; those that are left out stay as they were.
    """

    frame: int
    committed: int
    chords: tuple[Chord, ...]


class Settings(msgspec.Struct, tag="settings", frozen=True):
    """The answer to `set`: how chords are decided from `frame` on.

    Attributes:
        frame: the first chord that is decided so.
        model: its name.
        temperature: of the sampling.
        lookahead: frames ahead that are planned.
        commit: how many of them are final.
    """

    frame: int
    model: str
    temperature: float
    lookahead: int
    commit: int


class Ready(msgspec.Struct, tag="ready", frozen=True):
    """The session is open.

    Attributes:
        version: of this protocol.
        session: its secret name, for `hello.resume`.
        frame: the first frame to report: 0, or where a resumed session was interrupted.
        frames_per_beat: what a frame is.
        models: the names that may be asked for.
        settings: how chords are decided.
        plan: what is planned from `frame` on, the committed chords at least; further plans may
            follow before any melody.
    """

    version: int
    session: str
    frame: int
    frames_per_beat: int
    models: tuple[str, ...]
    settings: Settings
    plan: Plan


class Pong(msgspec.Struct, tag="pong", frozen=True):
    """The answer to `ping`.

    Attributes:
        t: as it came.
        server_time: milliseconds on the server's clock, whatever its zero.
    """

    t: float
    server_time: float


class Error(msgspec.Struct, tag="error", frozen=True):
    """Why the server ends the session, which cannot be resumed then.

    Attributes:
        message: in plain words.
    """

    message: str


ClientMessage = Hello | Melody | Set | Ping
ServerMessage = Ready | Plan | Settings | Pong | Error


class ProtocolError(UserError):
    """The client broke the protocol, or asked for what cannot be had.

    Attributes:
        code: the WebSocket close code that says so (RFC 6455, section 7.4.1).
    """

    def __init__(self, message: str, code: int = 1002):
        super().__init__(message)
        self.code = code


class _Greeting(msgspec.Struct):
    type: str
    version: int


_decoder = msgspec.json.Decoder(ClientMessage)
_encoder = msgspec.json.Encoder()


def decode(text: str) -> ClientMessage:
    """Read a client's message.

    Raises:
        ProtocolError: it is too long, no JSON, or none of the messages above.
    """
    data = text.encode(errors="surrogatepass")
    if len(data) > MAX_MESSAGE:
        raise ProtocolError(
            f"That message has {len(data)} bytes; at most {MAX_MESSAGE} are read.", 1009
        )
    try:
        return _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        _refuse_other_version(data)
        raise ProtocolError(f"That message cannot be read: {error}.") from None


def _refuse_other_version(data: bytes) -> None:
    """Another version's hello may have other fields: say that it is the version."""
    try:
        greeting = msgspec.json.decode(data, type=_Greeting)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return
    if greeting.type == "hello":
        check_version(greeting.version)


def check_version(version: int) -> None:
    """Raises ProtocolError unless `version` is ours."""
    if version != VERSION:
        raise ProtocolError(
            f"This server speaks protocol version {VERSION}, not version {version}. If this is "
            "gapt's own page, reload it."
        )


def encode(message: ServerMessage) -> str:
    """Write a server's message."""
    return _encoder.encode(message).decode()
