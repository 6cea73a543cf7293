"""A player's WebSocket, with its limits: how long, how fast, how late messages may be.

Knows messages' sizes and times, not what they mean.
"""

from __future__ import annotations

import asyncio
import contextlib
import time

from starlette.websockets import WebSocket, WebSocketDisconnect

from gapt.live.protocol import (
    Error,
    Hello,
    Melody,
    Ping,
    Pong,
    ProtocolError,
    ServerMessage,
    Set,
    decode,
    encode,
)

MAX_RATE = 100.0
"""Frames and other messages a second that a client may send for long."""
MAX_BURST = 2000.0
"""How many more at once: two minutes at a fast tempo, after a lost connection."""
MAX_UNREAD = 1000
"""Messages that a client may leave unread."""


class Line:
    """One accepted WebSocket.

    Attributes:
        outbox: what is to be said; an error is the last.
    """

    def __init__(self, websocket: WebSocket):
        self.outbox: asyncio.Queue[ServerMessage | ProtocolError] = asyncio.Queue()
        self._websocket = websocket
        self._allowance = MAX_BURST
        self._last = time.monotonic()

    async def receive(self, timeout: float) -> Hello | Melody | Set:
        """The next message but pings, which are answered here: nobody else has a clock.

        Raises:
            ProtocolError: nothing but pings came for `timeout` seconds, or what came is no message,
                or too much.
            WebSocketDisconnect: the client is gone.
        """
        try:
            async with asyncio.timeout(timeout):
                while True:
                    message = decode(await self._text())
                    self._charge(len(message.states) if isinstance(message, Melody) else 1)
                    if not isinstance(message, Ping):
                        return message
                    self.outbox.put_nowait(Pong(message.t, 1000 * time.monotonic()))
        except TimeoutError:
            raise ProtocolError("Nothing came for a while: the session is closed.", 1001) from None

    async def write(self) -> None:
        """Send what comes to the outbox; raises the error that ends it.

        Raises:
            ProtocolError: from the outbox.
            WebSocketDisconnect: the client is gone.
        """
        while True:
            message = await self.outbox.get()
            if isinstance(message, ProtocolError):
                raise message
            try:
                await self._websocket.send_text(encode(message))
            except RuntimeError:  # what uvicorn says when it has just closed a broken socket itself
                raise WebSocketDisconnect(1006) from None

    async def say_goodbye(self, reason: str, code: int) -> None:
        """Say why, and close."""
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):  # the player left first
            await self._websocket.send_text(encode(Error(reason)))
            await self._websocket.close(code)

    async def _text(self) -> str:
        message = await self._websocket.receive()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code", 1005))
        text = message.get("text")
        if text is None:
            raise ProtocolError("Messages are JSON text, not binary.", 1003)
        return text

    def _charge(self, cost: int) -> None:
        now = time.monotonic()
        self._allowance = min(MAX_BURST, self._allowance + MAX_RATE * (now - self._last)) - cost
        self._last = now
        if self._allowance < 0:
            raise ProtocolError("Messages come faster than anybody plays.", 1008)
        if self.outbox.qsize() > MAX_UNREAD:
            raise ProtocolError("Answers are not read.", 1008)
