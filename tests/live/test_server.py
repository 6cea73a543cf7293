"""The real server over real sockets: what it refuses, what it survives, how it starts and ends."""

import asyncio
import json
import signal
import socket
import urllib.request
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from urllib.error import HTTPError

import pytest
from jam_process import gapt_jam, jam_at
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from gapt.live.protocol import MAX_MESSAGE
from gapt.live.server import MAX_SESSIONS

HELLO = {"type": "hello", "version": 1, "seed": 5}


@asynccontextmanager
async def session(url, **options):
    options.setdefault("origin", url.rstrip("/"))
    async with connect(url.replace("http", "ws") + "session", **options) as websocket:
        yield websocket


def melody(frame, pitch=60):
    return {"type": "melody", "frame": frame, "pitch": pitch, "onset": True}


async def ask(websocket, message):
    await websocket.send(json.dumps(message))
    return json.loads(await websocket.recv())


async def refusal(url, *messages):
    """The error and the close code that the last of these messages is answered with."""
    async with session(url) as websocket:
        for message in messages:
            text = json.dumps(message) if isinstance(message, dict) else message
            await websocket.send(text)
        *_, answer = [json.loads(text) async for text in until_closed(websocket)]
        assert answer["type"] == "error"
        return answer["message"], websocket.close_code


async def until_closed(websocket):
    with suppress(ConnectionClosed):
        while True:
            yield await websocket.recv()


def test_a_session(jam):
    async def play():
        async with session(jam) as websocket:
            ready = await ask(websocket, HELLO)
            assert ready["type"] == "ready"
            assert ready["model"] in ready["models"]
            assert ready["frames_per_beat"] == 4
            assert ready["chord"]["frame"] == 0
            for frame in range(16):
                chord = await ask(websocket, melody(frame))
                assert (chord["type"], chord["frame"]) == ("chord", frame + 1)

    asyncio.run(play())


@pytest.mark.parametrize(
    ("messages", "says", "code"),
    [
        (["{"], "cannot be read", 1002),
        ([{"type": "hello"}], "version", 1002),
        ([{"type": "dance"}], "dance", 1002),
        ([HELLO | {"version": 99}], "version 99", 1002),
        ([HELLO | {"model": "nonesuch"}], "no model 'nonesuch'", 1008),
        ([melody(0)], "first message must be a hello", 1002),
        ([HELLO, b"{}"], "not binary", 1003),
        ([HELLO, "x" * (MAX_MESSAGE + 1)], "bytes", 1009),
        ([HELLO, melody(1)], "frame 0 was due", 1002),
        ([HELLO, melody(0), melody(0)], "frame 1 was due", 1002),
        ([HELLO, melody(0) | {"pitch": 60.5}], "pitch", 1002),
        ([HELLO, HELLO], "one hello", 1002),
    ],
)
def test_broken_messages_are_answered_and_the_session_closed(jam, messages, says, code):
    message, closed_with = asyncio.run(refusal(jam, *messages))
    assert says in message
    assert "Traceback" not in message
    assert closed_with == code


def test_a_flood_beyond_the_transport_limit_is_closed(jam):
    async def flood():
        async with session(jam) as websocket:
            await ask(websocket, HELLO)
            await websocket.send("x" * 200_000)
            with pytest.raises(ConnectionClosed) as closed:
                await websocket.recv()
            return closed.value.rcvd.code

    assert asyncio.run(flood()) == 1009


@pytest.mark.parametrize("origin", [None, "null", "http://example.com", "http://127.0.0.1:1"])
def test_another_page_may_not_connect(jam, origin):
    async def enter():
        async with session(jam, origin=origin):
            pass

    with pytest.raises(InvalidStatus) as refused:
        asyncio.run(enter())
    assert refused.value.response.status_code == 403


def test_a_foreign_name_for_this_machine_is_refused(jam):
    request = urllib.request.Request(jam, headers={"Host": "rebound.example.com"})
    with pytest.raises(HTTPError) as refused:
        urllib.request.urlopen(request)
    assert refused.value.code == 400
    refused.value.close()


def test_sessions_do_not_affect_each_other(jam):
    async def alone():
        async with session(jam) as websocket:
            await ask(websocket, HELLO)
            return [await ask(websocket, melody(t)) for t in range(32)]

    async def in_company():
        async with session(jam) as mine, session(jam) as other:
            await ask(mine, HELLO)
            await ask(other, HELLO | {"seed": 6, "temperature": 2.0})
            said = []
            for t in range(32):
                if t < 16:
                    await ask(other, melody(t, 50 + t))
                elif t == 16:
                    await other.send("nonsense")
                said.append(await ask(mine, melody(t)))
            return said

    assert asyncio.run(alone()) == asyncio.run(in_company())


def test_seats_are_limited_and_freed(jam):
    async def crowd():
        async with AsyncExitStack() as seats:
            for _ in range(MAX_SESSIONS):
                websocket = await seats.enter_async_context(session(jam))
                assert (await ask(websocket, HELLO))["type"] == "ready"
            return await refusal(jam)

    message, closed_with = asyncio.run(crowd())
    assert "try again later" in message
    assert closed_with == 1013
    test_a_session(jam)


def test_the_page_allows_itself_only(jam):
    with urllib.request.urlopen(jam) as response:
        assert "default-src 'self'" in response.headers["content-security-policy"]
        html = response.read().decode()
    assert "<style" not in html
    assert "http" not in html.replace("http-equiv", "")
    with urllib.request.urlopen(jam + "main.js") as response:
        assert response.headers["content-type"].startswith("text/javascript")


def finish(process):
    """Exit code and standard error of a process that ends by itself."""
    _, errors = process.communicate(timeout=30)
    return process.returncode, errors


def test_a_busy_port_says_so(model_name):
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = str(busy.getsockname()[1])
        code, errors = finish(gapt_jam("--port", port, "--no-browser", "--model", model_name))
    assert code == 2
    assert port in errors
    assert "--port" in errors
    assert "Traceback" not in errors


def test_an_unknown_model_says_so():
    code, errors = finish(gapt_jam("--port", "0", "--no-browser", "--model", "mel"))
    assert code == 2
    assert "'mel'" in errors
    assert "Traceback" not in errors


def test_interrupting_ends_cleanly_even_while_someone_plays(model_name):
    with jam_at(model_name) as (process, url):

        async def play():
            async with session(url) as websocket:
                await ask(websocket, HELLO)
                process.send_signal(signal.SIGINT)
                with pytest.raises(ConnectionClosed):
                    await websocket.recv()

        asyncio.run(play())
        code, errors = finish(process)
    assert (code, errors) == (0, "")


def test_nothing_that_players_send_is_logged_as_a_crash(model_name):
    with jam_at(model_name) as (process, url):
        for messages in (["{"], [HELLO, b""], [HELLO, melody(7)], [HELLO | {"model": "x"}]):
            asyncio.run(refusal(url, *messages))

        async def leave_at_once():
            async with session(url) as websocket:
                await ask(websocket, HELLO)
                for t in range(8):
                    await websocket.send(json.dumps(melody(t)))
                websocket.transport.abort()

        asyncio.run(leave_at_once())
        test_a_session(url)
        process.send_signal(signal.SIGINT)
        assert finish(process) == (0, "")
