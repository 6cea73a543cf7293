"""`gapt bench live`: many players at once on one server, in real time, over real sockets.

The server is a process of its own, as `gapt jam` starts it. Players report a frame half a frame
after its boundary, as the page does; their boundaries are spread evenly over a frame, in another
order than they came in. A chord is missed if it comes after its frame has begun: half a frame after
the report.
"""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import msgspec
import numpy as np
from websockets.asyncio.client import ClientConnection, connect

from gapt.errors import UserError
from gapt.live.protocol import VERSION, Hello, Melody, Plan, ServerMessage, State
from gapt.live.server import MAX_SESSIONS
from gapt.live.session import LOOKAHEAD
from gapt.music.frames import FRAMES_PER_BEAT

_LENGTHS = (1, 2, 2, 4, 4, 8)  # frames
_STEPS = (-4, -2, -2, -1, 0, 1, 2, 2, 3, 5)  # semitones
_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(ServerMessage)


def bench_live(sessions: int, bpm: float, seconds: float, model: str) -> dict[str, float]:
    """Play with `sessions` players for `seconds`.

    Returns:
        `p50_ms`, `p99_ms` and `max_ms` from a report to its chord; `missed`, how many came late or
        never, of `chords`; `planned`, the share of frames whose whole plan had come when the next
        frame was reported; and `memory_per_session_mb`, of the server.

    Raises:
        UserError: more sessions than a server has seats, or the server does not start.
    """
    if sessions > MAX_SESSIONS:
        raise UserError(f"--sessions is {sessions}, but a server seats {MAX_SESSIONS} players")
    with _server(model) as (process, url):
        memory = partial(_memory_mb, process.pid)
        before = memory()
        players, after = asyncio.run(_play(url, sessions, bpm, seconds, memory))
    delays = np.concatenate([player.delays for player in players])
    chords = sum(player.frame for player in players)
    frame_ms = 60_000 / bpm / FRAMES_PER_BEAT
    p50, p99 = np.quantile(delays, [0.5, 0.99])
    late = int((delays > frame_ms / 2).sum())
    return {
        "sessions": sessions,
        "bpm": bpm,
        "seconds": seconds,
        "p50_ms": round(float(p50), 2),
        "p99_ms": round(float(p99), 2),
        "max_ms": round(float(delays.max()), 2),
        "missed": late + chords - len(delays),
        "chords": chords,
        "planned": round(sum(player.planned for player in players) / chords, 3),
        "memory_per_session_mb": round((after - before) / sessions, 2),
    }


class _Player:
    """Plays a melody of its own, and notes when each chord comes.

    Attributes:
        delays: milliseconds from a frame's report to the plan that answers it.
        frame: how many frames have been reported.
        planned: how many of them had a whole plan before the next was reported.
    """

    def __init__(self, seed: int):
        self.delays: list[float] = []
        self.frame = self.planned = 0
        self._random = np.random.default_rng(seed)
        self._reported: dict[int, float] = {}
        self._planned: set[int] = set()
        self._pitch, self._left = 60, 0

    def state(self) -> State:
        """What it plays in the next frame."""
        onset = self._left == 0
        if onset:
            self._pitch = int(np.clip(self._pitch + self._random.choice(_STEPS), 48, 84))
            self._left = int(self._random.choice(_LENGTHS))
        self._left -= 1
        return State(self._pitch, onset)

    async def play(self, socket: ClientConnection, start: float, frame: float, end: float) -> None:
        """Report a frame every `frame` seconds."""
        listening = asyncio.create_task(self._listen(socket))
        while (at := start + self.frame * frame) < end:
            await asyncio.sleep(at - time.perf_counter())
            self.planned += self.frame - 1 in self._planned
            self._reported[self.frame] = time.perf_counter()
            await socket.send(_encoder.encode(Melody(self.frame, (self.state(),))), text=True)
            self.frame += 1
        await asyncio.sleep(frame)
        listening.cancel()

    async def _listen(self, socket: ClientConnection) -> None:
        async for text in socket:
            message = _decoder.decode(text)
            if isinstance(message, Plan):
                reported = self._reported.pop(message.frame, None)
                if reported is not None:
                    self.delays.append(1000 * (time.perf_counter() - reported))
                if message.chords and message.chords[-1].frame == message.frame + LOOKAHEAD:
                    self._planned.add(message.frame)


async def _play(
    url: str, sessions: int, bpm: float, seconds: float, memory: Callable[[], float]
) -> tuple[list[_Player], float]:
    sockets = []
    for seed in range(sessions):
        sockets.append(socket := await connect(url, compression=None))
        hello = Hello(VERSION, seed=seed, lookahead=LOOKAHEAD)
        await socket.send(_encoder.encode(hello), text=True)
        await socket.recv()
    players = [_Player(seed) for seed in range(sessions)]
    frame = 60 / bpm / FRAMES_PER_BEAT
    start = time.perf_counter() + 0.1
    offsets = start + frame * np.random.default_rng(0).permutation(sessions) / sessions
    takes = [
        player.play(socket, offset, frame, start + seconds)
        for player, socket, offset in zip(players, sockets, offsets, strict=True)
    ]
    await asyncio.gather(*takes)
    used = memory()
    for socket in sockets:
        await socket.close()
    return players, used


@contextmanager
def _server(model: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    arguments = ["jam", "--no-browser", "--port", "0", "--model", model]
    process = subprocess.Popen(
        [sys.executable, "-m", "gapt", *arguments], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout
        address = re.search(r"http://(\S+)", process.stdout.readline())
        if address is None:
            raise UserError("the server did not start; its message is above")
        yield process, f"ws://{address[1]}session"
    finally:
        process.terminate()
        process.wait()


def _memory_mb(pid: int) -> float:
    """Resident memory of a process."""
    command = ["ps", "-o", "rss=", "-p", str(pid)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except FileNotFoundError:
        raise UserError("measuring the server's memory needs the program 'ps'") from None
    return int(done.stdout) / 1024


def report(figures: dict[str, float]) -> str:
    """In words."""
    return (
        f"{figures['sessions']} sessions at {figures['bpm']:g} BPM for {figures['seconds']:g} s: "
        f"a chord came {figures['p50_ms']} ms (p50), {figures['p99_ms']} ms (p99), "
        f"{figures['max_ms']} ms (longest) after the frame before it was told; "
        f"{figures['missed']} of {figures['chords']} missed; {figures['planned']:.1%} of plans "
        f"were whole in time; {figures['memory_per_session_mb']} MB a session"
    )
