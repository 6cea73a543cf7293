"""What the page and the server say to each other: one JSON text message per WebSocket message.

The client says `hello`, the server answers `ready` with the chord of frame 0. From then on the
client reports the melody of every frame, in order, and the server answers each with the chord of
the next frame: a report of frame t is answered by the chord of frame t + 1. `temperature` may come
at any time and is not answered. `error` is the last thing a server says.

Knows message shapes only; what they mean is `gapt.live.session`'s business.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from gapt.errors import UserError

VERSION = 1
MAX_MESSAGE = 1024
"""Bytes; a longer client message is refused (close code 1009)."""

Frame = Annotated[int, Meta(ge=0)]
Pitch = Annotated[int, Meta(ge=0, le=127)]
Heat = Annotated[float, Meta(ge=0, le=2)]


class Hello(msgspec.Struct, tag="hello", frozen=True, forbid_unknown_fields=True):
    """Opens a session, which is one take: it starts cold at frame 0.

    `model` None is the server's default, and so is `temperature` None; `seed` None is random.
    """

    version: int
    model: Annotated[str, Meta(max_length=64)] | None = None
    temperature: Heat | None = None
    seed: Annotated[int, Meta(ge=0, lt=2**32)] | None = None


class Melody(msgspec.Struct, tag="melody", frozen=True, forbid_unknown_fields=True):
    """What the player did in `frame`: a rest (`pitch` None), a note's first frame, or a later one.

    Frames are reported one by one from 0, none left out.
    """

    frame: Frame
    pitch: Pitch | None
    onset: bool


class Temperature(msgspec.Struct, tag="temperature", frozen=True, forbid_unknown_fields=True):
    """Samples the chords that follow at another temperature."""

    value: Heat


class Chord(msgspec.Struct, tag="chord", frozen=True):
    """The chord of `frame`.

    `name` None: silence. `onset`: struck in this frame; otherwise it is held from the one before.
    `name` is written as on a lead sheet; `notes` are MIDI pitches, the bass first.
    """

    frame: int
    onset: bool
    name: str | None
    notes: tuple[int, ...]


class Ready(msgspec.Struct, tag="ready", frozen=True):
    """The session is open; `chord` is that of frame 0."""

    version: int
    model: str
    models: tuple[str, ...]
    temperature: float
    frames_per_beat: int
    chord: Chord


class Error(msgspec.Struct, tag="error", frozen=True):
    """Why the server closes the session, in plain words."""

    message: str


ClientMessage = Hello | Melody | Temperature
ServerMessage = Ready | Chord | Error


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
    data = text.encode()
    if len(data) > MAX_MESSAGE:
        raise ProtocolError(
            f"That message has {len(data)} bytes; at most {MAX_MESSAGE} are read.", 1009
        )
    try:
        return _decoder.decode(data)
    except msgspec.DecodeError as error:
        _refuse_other_version(data)
        raise ProtocolError(f"That message cannot be read: {error}.") from None


def _refuse_other_version(data: bytes) -> None:
    """Another version's hello may have other fields: say that it is the version."""
    try:
        greeting = msgspec.json.decode(data, type=_Greeting)
    except msgspec.DecodeError:
        return
    if greeting.type == "hello":
        check_version(greeting.version)


def check_version(version: int) -> None:
    """Raises ProtocolError unless `version` is ours."""
    if version != VERSION:
        raise ProtocolError(
            f"The page speaks protocol version {version}, this server version {VERSION}. "
            "Reload the page."
        )


def encode(message: ServerMessage) -> str:
    """Write a server's message."""
    return _encoder.encode(message).decode()
