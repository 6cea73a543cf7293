"""Who may talk to the server: ASGI layers around the application.

Any web page may try to open a socket to localhost, so browsers are let in only from our own page;
beyond this machine everybody needs the token that `gapt jam` prints. Knows nothing of sessions.
"""

from __future__ import annotations

import hmac

from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketClose

SAFE_HEADERS = [
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
"""They tell browsers to load nothing from elsewhere, and not to guess what our files are."""


def same_origin(websocket: WebSocket) -> bool:
    """Whether a socket comes from our own page, or from no browser at all: those name an origin."""
    host = websocket.headers.get("host", "")
    return websocket.headers.get("origin") in (None, f"http://{host}", f"https://{host}")


class Heads:
    """Adds headers to every HTTP response."""

    def __init__(self, app: ASGIApp, headers: list[tuple[bytes, bytes]]):
        self._app = app
        self._headers = headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: D102
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), *self._headers]
            await send(message)

        await self._app(scope, receive, send_with_headers)


class TokenRequired:
    """Lets in who brings the token: once in the address (`?token=`), from then on as a cookie."""

    _COOKIE = "gapt-token"

    def __init__(self, app: ASGIApp, token: str):
        self._token = token.encode()
        self._app = app
        cookie = f"{self._COOKIE}={token}; Path=/; HttpOnly; SameSite=Strict"
        self._app_that_remembers = Heads(app, [(b"set-cookie", cookie.encode())])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: D102
        connection = HTTPConnection(scope)
        if self._is_token(connection.query_params.get("token", "")):
            await self._app_that_remembers(scope, receive, send)
        elif self._is_token(connection.cookies.get(self._COOKIE, "")):
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await WebSocketClose()(scope, receive, send)
        else:
            refusal = PlainTextResponse(
                "Open the whole link that 'gapt jam' printed: what follows ?token= is the key.\n",
                403,
            )
            await refusal(scope, receive, send)

    def _is_token(self, offered: str) -> bool:
        return hmac.compare_digest(offered.encode(), self._token)
