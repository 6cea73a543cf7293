"""The page and its WebSocket, on one port.

The event loop only moves messages. All model steps run in one worker thread, a step at a time and
first come first served: a session has at most one message in work, so nobody waits for more than
one step (1 to 2 ms) of each other player. Models are loaded in other threads, so that a newcomer
does not hold up those who play. An engine that steps many sessions as one batch would take that
thread's place.

Knows sockets, threads and HTTP; nothing of music.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import ipaddress
import mimetypes
import socket
import threading
import webbrowser
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.routing import Mount, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from gapt.errors import UserError
from gapt.live.models import DEFAULT_MODEL, resolve_model
from gapt.live.protocol import VERSION, Error, Hello, Melody, ProtocolError, decode, encode
from gapt.live.session import Offer, Session
from gapt.weights import shipped_models

PAGE = Path(__file__).parent / "page"
MAX_SESSIONS = 16
HELLO_TIMEOUT = 10.0
"""Seconds that a new connection may stay without a hello."""
IDLE_TIMEOUT = 15 * 60.0
"""Seconds without any message after which a session is closed."""
LOOPBACK_NAMES = ["localhost", "127.0.0.1", "::1", "[::1]"]
_HEADERS = [
    (
        b"content-security-policy",
        b"default-src 'self'; base-uri 'none'; form-action 'none'; "
        b"frame-ancestors 'none'; object-src 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    # The files change with the installed version, not with their names.
    (b"cache-control", b"no-cache"),
]


class Stage:
    """All sessions of one server."""

    def __init__(self, offer: Offer):
        self._offer = offer
        self._model_thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="model")
        self._sessions = 0

    async def endpoint(self, websocket: WebSocket) -> None:
        """Serve one WebSocket until it closes; whatever its player sends stays its own affair."""
        # Any web page may try to open a WebSocket to localhost; only ours may.
        host = websocket.headers.get("host", "")
        if websocket.headers.get("origin") not in (f"http://{host}", f"https://{host}"):
            await websocket.close()  # before acceptance this is HTTP 403
            return
        await websocket.accept()
        self._sessions += 1
        try:
            with contextlib.suppress(WebSocketDisconnect):
                await self._serve(websocket)
        except UserError as error:
            code = error.code if isinstance(error, ProtocolError) else 1011
            await _say_goodbye(websocket, str(error), code)
        finally:
            self._sessions -= 1

    async def _serve(self, websocket: WebSocket) -> None:
        if self._sessions > MAX_SESSIONS:
            raise ProtocolError("All seats are taken: try again later.", 1013)
        hello = decode(await _receive(websocket, HELLO_TIMEOUT))
        if not isinstance(hello, Hello):
            raise ProtocolError("The first message must be a hello.")
        session = await asyncio.to_thread(Session, hello, self._offer)
        await websocket.send_text(encode(session.ready()))
        loop = asyncio.get_running_loop()
        while True:
            message = decode(await _receive(websocket, IDLE_TIMEOUT))
            for answer in await loop.run_in_executor(self._model_thread, session.receive, message):
                await websocket.send_text(encode(answer))


async def _receive(websocket: WebSocket, timeout: float) -> str:
    try:
        message = await asyncio.wait_for(websocket.receive(), timeout)
    except TimeoutError:
        raise ProtocolError("Nothing came for a while: the session is closed.", 1001) from None
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message.get("code", 1005))
    text = message.get("text")
    if text is None:
        raise ProtocolError("Messages are JSON text, not binary.", 1003)
    return text


async def _say_goodbye(websocket: WebSocket, reason: str, code: int) -> None:
    with contextlib.suppress(WebSocketDisconnect, RuntimeError):  # the player left first
        await websocket.send_text(encode(Error(reason)))
        await websocket.close(code)


class _SafeHeaders:
    """Adds `_HEADERS` to every HTTP response."""

    def __init__(self, app: ASGIApp):
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), *_HEADERS]
            await send(message)

        await self._app(scope, receive, send_with_headers)


def application(offer: Offer, hosts: list[str] | None = None) -> Starlette:
    """The web application.

    Args:
        offer: the models that players may choose from.
        hosts: names under which it may be asked for, any if None. Names are checked so that no
            foreign domain that points to this address (DNS rebinding) counts as our own page.
    """
    mimetypes.add_type("text/javascript", ".js")  # some Windows registries say text/plain
    return Starlette(
        routes=[
            WebSocketRoute("/session", Stage(offer).endpoint),
            Mount("/", StaticFiles(directory=PAGE, html=True)),
        ],
        middleware=[
            Middleware(_SafeHeaders),
            Middleware(TrustedHostMiddleware, allowed_hosts=hosts or ["*"], www_redirect=False),
        ],
    )


def make_offer(model: str | None, temperature: float) -> Offer:
    """The shipped models and, if `model` is a file, that one under its own name.

    Raises:
        UserError: no such model, or a file that is no model.
    """
    models = {name: resolve_model(name) for name in shipped_models()}
    name = model or DEFAULT_MODEL
    if name not in models:
        path = resolve_model(name)
        name = path.stem
        models[name] = path
    # Refuse a broken file now, not when the first player arrives; and play one frame, so that the
    # first player's first frame does not pay for what is set up only once.
    offer = Offer(models, name, temperature)
    Session(Hello(VERSION), offer).receive(Melody(frame=0, pitch=None, onset=False))
    return offer


def bind(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes any free one.

    Raises:
        UserError: the address cannot be had.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise UserError(
                f"Port {port} is in use, perhaps by another gapt. "
                f"Choose another with --port, or --port 0 for any free one."
            ) from None
        raise UserError(f"Cannot listen on {host} port {port}: {error.strerror}.") from None


def serve(host: str, port: int, model: str | None, temperature: float, open_browser: bool) -> None:
    """Serve the page until interrupted, and say where.

    Raises:
        UserError: the model cannot be used, or the address cannot be had.
    """
    listener = bind(host, port)
    with listener:
        offer = make_offer(model, temperature)
        address = ipaddress.ip_address(listener.getsockname()[0])
        name = "localhost" if address.is_unspecified else host
        url = f"http://{f'[{name}]' if ':' in name else name}:{listener.getsockname()[1]}/"
        print(f"Play at {url} (Ctrl-C ends)", flush=True)
        if not address.is_loopback:
            print(f"Anyone on your network can connect: you asked for --host {host}.", flush=True)
        if open_browser:
            # A text-mode browser would block; the socket already listens, so none comes too early.
            threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()
        hosts = [*LOOPBACK_NAMES, host] if address.is_loopback else None
        config = uvicorn.Config(
            application(offer, hosts),
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
