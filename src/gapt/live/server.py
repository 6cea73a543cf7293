"""The page and its WebSocket, on one port.

A connection decodes messages, keeps to its limits, and leaves the rest to the engine. A session
outlives a lost connection for a while, so that its player can take it up again.

Knows sockets and HTTP; nothing of music, and of models only who offers them.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import ipaddress
import mimetypes
import secrets
import socket
import sys
import threading
import webbrowser
from collections.abc import Coroutine
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.routing import Mount, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.websockets import WebSocket, WebSocketDisconnect

from gapt.errors import UserError
from gapt.live.access import SAFE_HEADERS, Heads, TokenRequired, same_origin
from gapt.live.accompanist import Accompanist
from gapt.live.engine import Engine, Seat
from gapt.live.line import Line
from gapt.live.models import load_model, resolve_model
from gapt.live.protocol import MAX_NAME, Hello, ProtocolError, check_version
from gapt.live.session import Offer, Session
from gapt.weights import shipped_models

PAGE = Path(__file__).parent / "page"
MAX_SESSIONS = 256
HELLO_TIMEOUT = 10.0
"""Seconds that a new connection may stay without a hello."""
IDLE_TIMEOUT = 15 * 60.0
"""Seconds without any message but pings after which a session is closed."""
RESUME_WINDOW = 60.0
"""Seconds that a session waits for its player after its connection was lost."""
LOOPBACK_NAMES = ["localhost", "127.0.0.1", "::1", "[::1]"]
_FAREWELLS = (1000, 1001)
"""Close codes by which a client says that it will not be back (RFC 6455, section 7.4.1)."""


class Sessions:
    """All sessions of one server."""

    def __init__(self, offer: Offer, max_sessions: int):
        self._offer = offer
        self._max_sessions = max_sessions
        self._engine = Engine()
        self._seats: dict[str, Seat] = {}
        self._lost: dict[Seat, asyncio.TimerHandle] = {}
        """Sessions whose players may come back, longest lost first."""
        self._connections = 0

    async def endpoint(self, websocket: WebSocket) -> None:
        """Serve one WebSocket until it closes; whatever its player sends stays its own affair."""
        if not same_origin(websocket):
            await websocket.close()  # before acceptance this is HTTP 403
            return
        await websocket.accept()
        self._connections += 1
        line = Line(websocket)
        try:
            with contextlib.suppress(WebSocketDisconnect):
                await self._serve(line)
        except UserError as error:
            code = error.code if isinstance(error, ProtocolError) else 1011
            await line.say_goodbye(str(error), code)
        finally:
            self._connections -= 1

    async def _serve(self, line: Line) -> None:
        if self._connections > self._max_sessions:
            raise ProtocolError("All seats are taken: try again later.", 1013)
        hello = await line.receive(HELLO_TIMEOUT)
        if not isinstance(hello, Hello):
            raise ProtocolError("The first message must be a hello.")
        seat = self._seat(hello)
        say = seat.say = line.outbox.put_nowait
        self._engine.join(seat)
        lost = False
        try:
            await _first_to_fail(self._read(line, seat), line.write())
        except WebSocketDisconnect as closed:
            lost = closed.code not in _FAREWELLS
        finally:
            if seat.say is say:  # else its player has another connection by now
                seat.say = None
                self._keep_for_return(seat) if lost else self._forget(seat)

    async def _read(self, line: Line, seat: Seat) -> None:
        while True:
            self._engine.receive(seat, await line.receive(IDLE_TIMEOUT))

    def _seat(self, hello: Hello) -> Seat:
        check_version(hello.version)
        if hello.resume is None:
            return self._new_seat(hello)
        seat = self._seats.get(hello.resume)
        if seat is None:
            raise ProtocolError("That session is over; begin another.", 1008)
        if seat.say:
            seat.say(ProtocolError("The session goes on in another connection.", 1008))
        else:
            self._lost.pop(seat).cancel()
        seat.session.resume()
        return seat

    def _new_seat(self, hello: Hello) -> Seat:
        full = len(self._seats) >= self._max_sessions
        if full and not self._lost:
            raise ProtocolError("All seats are taken: try again later.", 1013)
        seat = Seat(Session(hello, self._offer))  # or an error, for which nobody has to go
        if full:
            self._forget(next(iter(self._lost)))
        self._seats[seat.session.id] = seat
        return seat

    def _keep_for_return(self, seat: Seat) -> None:
        loop = asyncio.get_running_loop()
        self._lost[seat] = loop.call_later(RESUME_WINDOW, self._forget, seat)

    def _forget(self, seat: Seat) -> None:
        self._engine.leave(seat)
        del self._seats[seat.session.id]
        if seat in self._lost:
            self._lost.pop(seat).cancel()


async def _first_to_fail(*coroutines: Coroutine[None, None, None]) -> None:
    """Run these, which never return, until one raises; the others end with it."""
    tasks = [asyncio.ensure_future(coroutine) for coroutine in coroutines]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def application(
    offer: Offer,
    hosts: list[str] | None = None,
    token: str | None = None,
    max_sessions: int = MAX_SESSIONS,
) -> Starlette:
    """The web application.

    Args:
        offer: the models that players may choose from.
        hosts: names under which it may be asked for, any if None. Names are checked so that no
            foreign domain that points to this address (DNS rebinding) counts as our own page.
        token: what players must bring, if anything.
        max_sessions: that may be open, or wait for their player to come back.
    """
    mimetypes.add_type("text/javascript", ".js")  # some Windows registries say text/plain
    middleware = [
        Middleware(Heads, headers=SAFE_HEADERS),
        Middleware(TrustedHostMiddleware, allowed_hosts=hosts or ["*"], www_redirect=False),
    ]
    if token:
        middleware.append(Middleware(TokenRequired, token=token))
    return Starlette(
        routes=[
            WebSocketRoute("/session", Sessions(offer, max_sessions).endpoint),
            Mount("/", StaticFiles(directory=PAGE, html=True)),
        ],
        middleware=middleware,
    )


def make_offer(model: str, temperature: float) -> Offer:
    """The shipped models and, if `model` is a file, that one under its own name.

    All are loaded now: a broken file is refused before the first player arrives, and players may
    change from one to another while they play.

    Raises:
        UserError: no such model, a file that is no model, or one with the name of a shipped one.
    """
    paths = {name: resolve_model(name) for name in shipped_models()}
    if model not in paths:
        path = resolve_model(model)
        model = path.stem[:MAX_NAME]
        if model in paths:
            raise UserError(f"{path} has the name of a shipped model; rename the file")
        paths[model] = path
    models = {name: load_model(path) for name, path in paths.items()}
    for policy in models.values():  # so that the first player does not wait for one-time set-up
        Accompanist(policy).think()
    return Offer(models, model, temperature)


def bind(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes any free one.

    Raises:
        UserError: the address cannot be had.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.create_server((host, port), family=family)
    except UnicodeError:  # a name with nothing between two dots, say
        raise UserError(f"'{host}' is no address; give one like 127.0.0.1") from None
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise UserError(
                f"Port {port} is in use, perhaps by another gapt. "
                f"Choose another with --port, or --port 0 for any free one."
            ) from None
        raise UserError(f"Cannot listen on {host} port {port}: {error.strerror}.") from None
    # Two messages in a row must not wait for each other's receipt (40 ms); connections inherit it.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def serve(host: str, port: int, model: str, temperature: float, open_browser: bool) -> None:
    """Serve the page until interrupted, and say where.

    Raises:
        UserError: the model cannot be used, or the address cannot be had.
    """
    listener = bind(host, port)
    # How long a worker whose model step is done may wait for the event loop, or it for a worker:
    # Python's 5 ms are as long as some steps.
    sys.setswitchinterval(0.0005)
    with listener:
        offer = make_offer(model, temperature)
        address = ipaddress.ip_address(listener.getsockname()[0])
        name = "localhost" if address.is_unspecified else host
        url = f"http://{f'[{name}]' if ':' in name else name}:{listener.getsockname()[1]}/"
        token = None if address.is_loopback else secrets.token_urlsafe(16)
        if token:
            url += f"?token={token}"
        print(f"Play at {url} (Ctrl-C ends)", flush=True)
        if token:
            print("Other machines can connect, with this link only: it holds the key.", flush=True)
        if address.is_unspecified:
            print("There, put this machine's name in place of 'localhost'.", flush=True)
        if open_browser:
            # A text-mode browser would block; the socket already listens, so none comes too early.
            threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()
        hosts = [*LOOPBACK_NAMES, host] if address.is_loopback else None
        config = uvicorn.Config(
            application(offer, hosts, token),
            log_level="warning",
            access_log=False,
            lifespan="off",
            ws_max_size=64 * 1024,  # longer than MAX_MESSAGE, which is refused with a reason
            ws_per_message_deflate=False,
            timeout_graceful_shutdown=1,
        )
        # On Ctrl-C uvicorn closes everything, then passes the signal on.
        with contextlib.suppress(KeyboardInterrupt):
            uvicorn.Server(config).run(sockets=[listener])
