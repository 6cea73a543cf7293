"""What a server must survive: hostile messages, and very long sessions.

python tests/live/hostile.py fuzz --messages 100000     # a `gapt jam` under fire
python tests/live/hostile.py soak --frames 1000000      # one session, played as fast as it goes
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import subprocess
import time

import numpy as np
import typer
from jam_process import jam_at
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from gapt.live.protocol import MAX_MESSAGE, MAX_STATES, VERSION, Hello, Melody, State, encode
from gapt.live.server import make_offer
from gapt.live.session import Session
from gapt.music.frames import HOLD, MELODY
from gapt.weights import DEFAULT_MODEL

app = typer.Typer(pretty_exceptions_enable=False)

HELLO = {"type": "hello", "version": VERSION, "seed": 1}
WORDS = ["", "C", "Am7", "mle", "gapt", "../x", "\x00", "é" * 40, "'; DROP", "NaN", "true", None]
NUMBERS = [0, 1, -1, 2, 8, 64, 65, 127, 128, 2**31, 2**63, 2**64, 1e308, 0.5, -0.0, 10**40]


def junk(rng: random.Random, depth: int = 0) -> object:
    """Any JSON at all."""
    kind = rng.randrange(6 if depth < 4 else 4)
    if kind == 0:
        return rng.choice(WORDS)
    if kind == 1:
        return rng.choice(NUMBERS)
    if kind in (2, 3):
        return rng.choice([True, False, None, rng.random()])
    if kind == 4:
        return [junk(rng, depth + 1) for _ in range(rng.randrange(4))]
    keys = ["type", "version", "frame", "states", "pitch", "onset", "chord", "name", "model"]
    return {rng.choice(keys): junk(rng, depth + 1) for _ in range(rng.randrange(4))}


def sensible(rng: random.Random, frame: int) -> dict:
    """A message that could be right, or nearly."""
    state = {"pitch": rng.choice([None, 60, 62]), "onset": rng.random() < 0.5}
    if rng.random() < 0.3:
        state["chord"] = {"name": rng.choice(["C", "G7", None, "H"]), "onset": rng.random() < 0.5}
    return rng.choice(
        [
            dict(HELLO),
            {
                "type": "melody",
                "frame": frame,
                "states": [state] * rng.choice([1, 1, 2, MAX_STATES]),
            },
            {"type": "set", "temperature": rng.random(), "lookahead": rng.choice([1, 8, 64])},
            {
                "type": "set",
                "model": rng.choice(["mle", "gapt", "x"]),
                "commit": rng.choice([1, 9]),
            },
            {"type": "ping", "t": rng.random()},
            {"type": "hello", "version": VERSION, "resume": rng.choice(["x", "", "A" * 22])},
        ]
    )


def hostile(rng: random.Random, frame: int) -> str | bytes:
    """One message that no page would send, or that it would send at another time."""
    message = sensible(rng, frame)
    way = rng.randrange(8)
    if way == 0:
        return json.dumps(junk(rng))
    if way == 1:
        message[rng.choice(list(message))] = junk(rng)
    elif way == 2:
        message[str(junk(rng))] = junk(rng)
    elif way == 3:
        del message[rng.choice(list(message))]
    elif way == 4:
        text = json.dumps(message)
        at = rng.randrange(len(text))
        return text[:at] + chr(rng.choice([0, 34, 123, 93, 0x2028, 0x10FFFF])) + text[at + 1 :]
    elif way == 5:
        return bytes(rng.randrange(256) for _ in range(rng.randrange(64)))
    elif way == 6:
        return rng.choice(["[", '{"a":', '"']) * rng.choice([1, 1000, MAX_MESSAGE])
    return json.dumps(message)


async def attack(url: str, messages: int, seed: int) -> int:
    """Connect again and again, say hello or not, and send until closed; messages that were sent."""
    rng = random.Random(seed)
    sent = 0
    while sent < messages:
        try:
            async with connect(url, compression=None) as socket:
                frame = 0
                if rng.random() < 0.8:
                    await socket.send(json.dumps(HELLO))
                    await asyncio.wait_for(socket.recv(), 30)
                    if rng.random() < 0.3:  # a decent start
                        for frame in range(rng.randrange(1, 6)):
                            state = {"pitch": 60, "onset": True}
                            message = {"type": "melody", "frame": frame, "states": [state]}
                            await socket.send(json.dumps(message))
                        frame += 1
                while sent < messages:
                    sent += 1
                    await socket.send(hostile(rng, frame))
                    if rng.random() < 0.05:
                        socket.transport.abort()
        except (ConnectionClosed, OSError):
            pass
    return sent


async def witness(url: str, stop: asyncio.Event) -> list[dict]:
    """Somebody plays on meanwhile; what they are told."""
    chords = {}
    async with connect(url, compression=None) as socket:
        await socket.send(json.dumps(HELLO))
        ready = json.loads(await socket.recv())
        chords |= {chord["frame"]: chord for chord in ready["plan"]["chords"]}
        frame = 0
        while not stop.is_set() or frame < 64:
            state = {"pitch": 60 + frame % 12, "onset": True}
            await socket.send(json.dumps({"type": "melody", "frame": frame, "states": [state]}))
            answer = {"frame": -1}
            while answer["frame"] != frame:
                answer = json.loads(await asyncio.wait_for(socket.recv(), 30))
                chords |= {chord["frame"]: chord for chord in answer["chords"]}
            frame += 1
            await asyncio.sleep(0.02)
    return [chords[t] for t in range(frame + 1)]


async def fire(url: str, messages: int, attackers: int = 8, seed: int = 0) -> list[dict]:
    """All attackers at once, and the witness's chords."""
    stop = asyncio.Event()
    watching = asyncio.create_task(witness(url, stop))
    share = messages // attackers
    await asyncio.gather(*(attack(url, share, seed + index) for index in range(attackers)))
    stop.set()
    return await watching


async def peace(url: str) -> list[dict]:
    """The same witness's first chords when nobody else is there."""
    stop = asyncio.Event()
    stop.set()
    return await witness(url, stop)


def memory_mb(pid: int) -> float:
    """Resident memory of a process."""
    done = subprocess.run(["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, check=True)
    return int(done.stdout) / 1024


def stretch(session, frames: int, rng: np.random.Generator) -> np.ndarray:
    """Play a random melody for so many frames; milliseconds that each answer took."""
    times = np.empty(frames)
    state = MELODY.start
    for index in range(frames):
        action = HOLD if rng.random() < 0.7 else int(rng.integers(0, MELODY.num_actions))
        state = int(MELODY.advance(state, action))
        pitch = int(MELODY.symbol(state)) if MELODY.sounds(state) else None
        heard = State(pitch, bool(MELODY.is_on(state)))
        start = time.perf_counter()
        session.receive(Melody(session.accompanist.frame, (heard,)))
        while session.accompanist.due:
            session.accompanist.think()
            for message in session.news():
                encode(message)
        times[index] = 1000 * (time.perf_counter() - start)
    return times


@app.command()
def soak(frames: int = 1_000_000, model: str = DEFAULT_MODEL) -> None:
    """One session, a tenth at a time: memory and latency must stay where they are."""
    offer = make_offer(model, 1.0)
    session = Session(Hello(VERSION, seed=0, lookahead=2), offer)
    rng = np.random.default_rng(0)
    session.accompanist.think()
    session.news()
    for _ in range(10):
        p50, p99 = np.quantile(stretch(session, frames // 10, rng), [0.5, 0.99])
        frame, memory = session.accompanist.frame, memory_mb(os.getpid())
        print(f"{frame:9,} frames: p50 {p50:.2f} ms, p99 {p99:.2f} ms, {memory:.0f} MB", flush=True)


@app.command()
def fuzz(messages: int = 100_000, seed: int = 0) -> None:
    """Hostile messages at a server of its own: it lives, and nobody else hears of it."""
    with jam_at(DEFAULT_MODEL) as (process, url):
        socket = url.replace("http", "ws") + "session"
        for part in range(10):
            said = asyncio.run(fire(socket, messages // 10, seed=seed + 100 * part))
            alone = asyncio.run(peace(socket))
            common = min(len(said), len(alone))
            same = said[:common] == alone[:common]
            print(
                f"{(part + 1) * messages // 10:7,} messages: {memory_mb(process.pid):.0f} MB, "
                f"the witness's {common} chords {'are its own' if same else 'CHANGED'}",
                flush=True,
            )
            assert process.poll() is None, "the server is gone"
            assert same
        process.terminate()
        _, errors = process.communicate()
        assert not errors, errors


if __name__ == "__main__":
    app()
