"""The real server over real sockets: what it refuses, what it survives, how it starts and ends."""

import asyncio
import itertools
import json
import re
import signal
import socket
import urllib.request
from contextlib import asynccontextmanager, suppress
from types import SimpleNamespace
from urllib.error import HTTPError

import pytest
import uvicorn
from jam_process import gapt_jam, jam_at
from starlette.websockets import WebSocket
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from gapt.live.line import MAX_BURST, Line
from gapt.live.protocol import MAX_MESSAGE, MAX_STATES, ProtocolError
from gapt.live.server import application, bind

HELLO = {"type": "hello", "version": 2, "seed": 5}


@asynccontextmanager
async def session(url, **options):
    async with connect(url.replace("http", "ws") + "session", **options) as websocket:
        yield websocket


def melody(frame, pitch=60):
    return {"type": "melody", "frame": frame, "states": [{"pitch": pitch, "onset": True}]}


async def ask(websocket, message):
    """The answer to a message: for a melody, the plan that decides the next frame."""
    await websocket.send(json.dumps(message))
    while True:
        answer = json.loads(await websocket.recv())
        if answer["type"] != "plan" or answer["frame"] == message.get("frame"):
            return answer


async def play(websocket, frames, pitch=60):
    """The chords that are decided after each of these frames."""
    answers = [await ask(websocket, melody(t, pitch)) for t in frames]
    return [answer["chords"][0] for answer in answers]


async def refusal(url, *messages):
    """The error and the close code that the last of these messages is answered with."""
    async with session(url) as websocket:
        for message in messages:
            text = json.dumps(message) if isinstance(message, dict) else message
            await websocket.send(text)
        return await last_words(websocket)


async def until_closed(websocket):
    with suppress(ConnectionClosed):
        while True:
            yield await websocket.recv()


async def last_words(websocket):
    """The error and the close code that the server ends a session with."""
    async with asyncio.timeout(10):
        *_, last = [json.loads(text) async for text in until_closed(websocket)]
    assert last["type"] == "error"
    return last["message"], websocket.close_code


def test_a_session(jam):
    async def take():
        async with session(jam) as websocket:
            ready = await ask(websocket, HELLO)
            assert ready["type"] == "ready"
            assert ready["settings"]["model"] in ready["models"]
            assert ready["frames_per_beat"] == 4
            assert ready["plan"]["chords"][0]["frame"] == 0
            chords = await play(websocket, range(16))
            assert [chord["frame"] for chord in chords] == list(range(1, 17))

    asyncio.run(take())


@pytest.mark.parametrize(
    ("messages", "says", "code"),
    [
        (["{"], "cannot be read", 1002),
        ([{"type": "hello"}], "version", 1002),
        ([{"type": "dance"}], "dance", 1002),
        ([HELLO | {"version": 99}], "version 99", 1002),
        ([HELLO | {"version": 1, "resume": "never was"}], "version 1", 1002),
        ([HELLO | {"model": "nonesuch"}], "no model 'nonesuch'", 1008),
        ([melody(0)], "first message must be a hello", 1002),
        ([HELLO, b"{}"], "not binary", 1003),
        ([HELLO, "x" * (MAX_MESSAGE + 1)], "bytes", 1009),
        ([HELLO, melody(1)], "frame 0 was due", 1002),
        ([HELLO, melody(0), melody(0)], "frame 1 was due", 1002),
        ([HELLO, melody(0, 60.5)], "pitch", 1002),
        ([HELLO, {"type": "set", "model": "nonesuch"}], "no model 'nonesuch'", 1008),
        ([HELLO | {"commit": 9, "lookahead": 8}], "longer lookahead", 1002),
        ([HELLO | {"resume": "never was"}], "session is over", 1008),
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


@pytest.mark.parametrize("origin", ["null", "http://example.com", "http://127.0.0.1:1"])
def test_another_page_may_not_connect(jam, origin):
    async def enter():
        async with session(jam, origin=origin):
            pass

    with pytest.raises(InvalidStatus) as refused:
        asyncio.run(enter())
    assert refused.value.response.status_code == 403


@pytest.mark.parametrize("scheme", ["http", "https"])  # the second where a proxy encrypts
def test_our_own_page_may(jam, scheme):
    async def enter():
        origin = jam.rstrip("/").replace("http", scheme)
        async with session(jam, origin=origin) as websocket:
            return await ask(websocket, HELLO)

    assert asyncio.run(enter())["type"] == "ready"


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
            return await play(websocket, range(32))

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
                said += await play(mine, [t])
            return said

    assert asyncio.run(alone()) == asyncio.run(in_company())


def test_a_ping_is_answered_whenever_it_comes(jam):
    async def measure():
        async with session(jam) as websocket:
            await ask(websocket, HELLO)
            clocks = []
            for t in (2.5, 3.5):
                await websocket.send(json.dumps({"type": "ping", "t": t}))
                while (pong := json.loads(await websocket.recv()))["type"] != "pong":
                    pass
                assert pong["t"] == t
                clocks.append(pong["server_time"])
            assert clocks[0] <= clocks[1]

    asyncio.run(measure())


async def lose(websocket):
    """The line is cut: no farewell."""
    websocket.transport.abort()
    await websocket.wait_closed()


def test_after_a_lost_connection_the_session_goes_on_where_it_was(jam):
    async def unbroken():
        async with session(jam) as websocket:
            await ask(websocket, HELLO)
            return await play(websocket, range(24))

    async def broken():
        async with session(jam) as websocket:
            ready = await ask(websocket, HELLO)
            before = await play(websocket, range(12))
            await lose(websocket)
        async with session(jam) as websocket:
            back = await ask(websocket, HELLO | {"resume": ready["session"]})
            assert (back["type"], back["frame"]) == ("ready", 12)
            assert back["plan"]["chords"][0] == before[-1]
            return before + await play(websocket, range(12, 24))

    assert asyncio.run(unbroken()) == asyncio.run(broken())


def test_a_session_has_one_connection_the_newest(jam):
    async def twice():
        async with session(jam) as old, session(jam) as new:
            ready = await ask(old, HELLO)
            await play(old, range(4))
            assert (await ask(new, HELLO | {"resume": ready["session"]}))["frame"] == 4
            message, code = await last_words(old)
            assert "another connection" in message
            assert code == 1008
            return await play(new, range(4, 8))

    assert len(asyncio.run(twice())) == 4


def test_who_says_farewell_has_left(jam):
    async def leave():
        async with session(jam) as websocket:
            return (await ask(websocket, HELLO))["session"]

    message, _ = asyncio.run(refusal(jam, HELLO | {"resume": asyncio.run(leave())}))
    assert "session is over" in message


def test_too_many_messages_end_the_session(jam):
    async def flood():
        async with session(jam) as websocket:
            await ask(websocket, HELLO)
            states = MAX_STATES * [{"pitch": 60, "onset": True}]
            for index in range(2 * int(MAX_BURST) // MAX_STATES):
                message = {"type": "melody", "frame": MAX_STATES * index, "states": states}
                await websocket.send(json.dumps(message))
            return await last_words(websocket)

    message, code = asyncio.run(flood())
    assert "faster than anybody plays" in message
    assert code == 1008


def test_a_player_may_play_on_for_ever_but_not_save_up_more_than_a_burst(monkeypatch):
    now = 0.0
    monkeypatch.setattr("gapt.live.line.time", SimpleNamespace(monotonic=lambda: now))

    async def speak():
        nonlocal now
        texts = itertools.repeat({"type": "websocket.receive", "text": json.dumps(melody(0))})
        messages = itertools.chain([{"type": "websocket.connect"}], texts)

        async def receive():
            return next(messages)

        async def send(message):
            pass

        async def hear(count, seconds):
            nonlocal now
            for _ in range(count):
                now += seconds
                await line.receive(60)

        websocket = WebSocket({"type": "websocket"}, receive, send)
        await websocket.accept()
        line = Line(websocket)
        await hear(2 * int(MAX_BURST), 1 / 50)  # sixteenths at 750 BPM
        now += 3600
        await hear(int(MAX_BURST), 0)
        with pytest.raises(ProtocolError, match="faster than anybody plays"):
            await hear(1, 0)

    asyncio.run(speak())


@asynccontextmanager
async def small_stage(offer):
    """A server with two seats, in this process."""
    listener = bind("127.0.0.1", 0)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)  # little is on its way
    config = uvicorn.Config(application(offer, max_sessions=2), log_level="error", lifespan="off")
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
    finally:
        server.should_exit = True
        await serving


def test_seats_are_limited_and_freed(offer):
    async def crowd():
        async with small_stage(offer) as url, session(url) as first, session(url) as second:
            lost = await ask(first, HELLO)
            await ask(second, HELLO)
            async with session(url) as third:
                refused = json.loads(await third.recv())
                assert "try again later" in refused["message"]
            await lose(first)
            async with session(url) as third:  # nobody goes for one who cannot be seated
                assert "no model" in (await ask(third, HELLO | {"model": "nobody"}))["message"]
            async with session(url) as back:
                assert (await ask(back, HELLO | {"resume": lost["session"]}))["type"] == "ready"
                await lose(back)
            async with session(url) as third:  # who is here goes before who may come back
                assert (await ask(third, HELLO))["type"] == "ready"
            async with session(url) as back:
                return await ask(back, HELLO | {"resume": lost["session"]})

    assert "session is over" in asyncio.run(crowd())["message"]


@pytest.mark.parametrize(
    ("limit", "first"), [("HELLO_TIMEOUT", []), ("IDLE_TIMEOUT", [HELLO])], ids=["hello", "more"]
)
def test_who_says_nothing_for_long_is_sent_away(offer, monkeypatch, limit, first):
    """Pings do not count; and who does speak stays."""
    monkeypatch.setattr(f"gapt.live.server.{limit}", 0.3)

    async def wait():
        async with small_stage(offer) as url, session(url) as player:
            await ask(player, HELLO)
            async with session(url) as silent:
                for message in first:
                    await ask(silent, message)
                left = asyncio.create_task(last_words(silent))
                for frame in range(200):
                    await play(player, [frame])
                    if left.done():
                        break
                    with suppress(ConnectionClosed):
                        await silent.send(json.dumps({"type": "ping", "t": frame}))
                    await asyncio.sleep(0.01)
                assert left.done()
                return left.result()

    assert asyncio.run(wait()) == ("Nothing came for a while: the session is closed.", 1001)


def test_who_does_not_read_the_answers_is_sent_away(offer, monkeypatch):
    monkeypatch.setattr("gapt.live.line.MAX_UNREAD", 100)
    ping = {"type": "ping", "t": 1.5}

    async def stop_reading():
        async with small_stage(offer) as url:
            with socket.socket() as narrow:  # neither at this end
                narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                narrow.connect(("127.0.0.1", int(re.search(r":(\d+)", url)[1])))
                async with session(url, sock=narrow) as websocket:
                    await ask(websocket, HELLO)
                    for _ in range(200):
                        await ask(websocket, ping)
                    for _ in range(1700):
                        await websocket.send(json.dumps(ping))
                        await asyncio.sleep(0)  # the server answers
                    return await last_words(websocket)

    assert asyncio.run(stop_reading()) == ("Answers are not read.", 1008)


def test_a_session_waits_for_its_player_only_so_long(offer, monkeypatch):
    async def be_late():
        async with small_stage(offer) as url:
            monkeypatch.setattr("gapt.live.server.RESUME_WINDOW", 0.3)
            async with session(url) as websocket:
                resume = HELLO | {"resume": (await ask(websocket, HELLO))["session"]}
                await lose(websocket)
            async with session(url) as websocket:
                assert (await ask(websocket, resume))["type"] == "ready"
                await asyncio.sleep(0.35)
                await play(websocket, range(2))  # who came in time may stay
                monkeypatch.setattr("gapt.live.server.RESUME_WINDOW", 0.01)
                await lose(websocket)
            await asyncio.sleep(0.1)
            async with session(url) as websocket:
                return await ask(websocket, resume)

    answer = asyncio.run(asyncio.wait_for(be_late(), 10))
    assert "That session is over" in answer["message"]


def test_the_page_allows_itself_only(jam):
    with urllib.request.urlopen(jam) as response:
        assert "default-src 'self'" in response.headers["content-security-policy"]
        assert "frame-ancestors 'none'" in response.headers["content-security-policy"]
        assert response.headers["referrer-policy"] == "no-referrer"  # the address may hold the key
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["cache-control"] == "no-cache"
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


def test_interrupting_ends_cleanly_even_while_someone_plays(model_name):
    with jam_at(model_name) as (process, url):

        async def take():
            async with session(url) as websocket:
                await ask(websocket, HELLO)
                process.send_signal(signal.SIGINT)
                [_ async for _ in until_closed(websocket)]

        asyncio.run(take())
        code, errors = finish(process)
    assert (code, errors) == (0, "")


TELLTALE = """
import sys

def watch(event, arguments):
    host = arguments[0] if event == "socket.getaddrinfo" else None
    if event in ("socket.connect", "socket.sendto") or host not in (None, "127.0.0.1"):
        print(event, arguments, file=sys.stderr)

sys.addaudithook(watch)
"""


def test_whatever_players_send_no_crash_is_logged_and_nobody_called(model_name):
    with jam_at(model_name, first=TELLTALE) as (process, url):
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


def test_beyond_this_machine_everybody_needs_the_token(model_name):
    process = gapt_jam("--host", "0.0.0.0", "--port", "0", "--no-browser", "--model", model_name)
    try:
        url = re.search(r"http://\S+", process.stdout.readline())[0]
        page, _, token = url.partition("?token=")
        assert len(token) > 16
        for wrong in (page, page + "main.js", page + "?token=" + token[:-1] + "~"):
            with pytest.raises(HTTPError) as refused:
                urllib.request.urlopen(wrong)
            assert refused.value.code == 403
            assert b"whole link" in refused.value.read()
            refused.value.close()
        with urllib.request.urlopen(url) as response:
            cookie = response.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=Strict" in cookie

        async def enter(query="", **headers):
            socket = page.replace("http", "ws") + "session" + query
            async with connect(socket, additional_headers=headers) as websocket:
                return (await ask(websocket, HELLO))["type"]

        for key in ({"query": "?token=" + token}, {"Cookie": cookie.partition(";")[0]}):
            assert asyncio.run(enter(**key)) == "ready"
        for key in ({}, {"query": "?token=x"}, {"Cookie": "gapt-token=x"}):
            with pytest.raises(InvalidStatus):
                asyncio.run(enter(**key))
    finally:
        process.kill()
        process.communicate()
