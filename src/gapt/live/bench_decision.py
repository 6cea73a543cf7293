"""`gapt bench decision`: how long the accompanist takes to decide a chord, and whether that grows.

One core, one session, as in live play. The same session is timed at its start and again after many
frames, side by side in one run, so the ratio holds on any machine. Another session is timed while
it plans: a whole plan is made again when the melody goes another way.
"""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

from gapt.live.accompanist import Accompanist
from gapt.music.frames import FRAMES_PER_BEAT, MELODY

_SCALE = (60, 62, 64, 65, 67, 69, 71, 72)
_WARM_UP = 50
PLAN = 16
"""Frames of the plan that is made again, after `_PAST` frames of session."""
_PAST = 200
_REPLANS = 50


def bench_decision(model: str | Path, frames: int) -> dict[str, float]:
    """Time `frames` decisions at a session's start and `frames` more after 20 times as many.

    Returns:
        Milliseconds a decision: `p50_ms` and `p99_ms` of the first stretch, `late_p50_ms` and
        `late_p99_ms` of the second; `late_over_early`, the ratio of the medians; and
        `replan_p50_ms`, from a melody that nobody expected to a whole new plan of `PLAN` frames.
    """
    accompanist = Accompanist.load(model, seed=0)
    _play(accompanist, _WARM_UP)
    early = _play(accompanist, frames)
    _play(accompanist, 20 * frames)
    late = _play(accompanist, frames)
    p50, p99 = np.percentile(early, [50, 99])
    late_p50, late_p99 = np.percentile(late, [50, 99])
    return {
        "p50_ms": float(p50),
        "p99_ms": float(p99),
        "late_p50_ms": float(late_p50),
        "late_p99_ms": float(late_p99),
        "late_over_early": float(late_p50 / p50),
        "replan_p50_ms": float(np.median(_replans(model))),
        "frames": frames,
    }


def _replans(model: str | Path) -> list[float]:
    """Milliseconds that each of several whole plans took."""
    accompanist = Accompanist.load(model, seed=0, lookahead=PLAN)
    _play(accompanist, _PAST)
    times = []
    for step in range(_REPLANS):
        start = time.perf_counter()
        # Notes two octaves up that begin every frame are no way to go on with this tune.
        accompanist.step(MELODY.on(_SCALE[-1] + 24 + step % 12))
        times.append(1000 * (time.perf_counter() - start))
    return times


def _play(accompanist: Accompanist, frames: int) -> list[float]:
    """Play a scale, a note a beat; milliseconds that each decision took."""
    times = []
    for _ in range(frames):
        note, beat_frame = divmod(accompanist.frame, FRAMES_PER_BEAT)
        pitch = _SCALE[note % len(_SCALE)]
        state = MELODY.hold(pitch) if beat_frame else MELODY.on(pitch)
        start = time.perf_counter()
        accompanist.step(state)
        times.append(1000 * (time.perf_counter() - start))
    return times


def report(figures: dict[str, float]) -> str:
    """In words."""
    return (
        f"a decision takes {figures['p50_ms']:.2f} ms (p50), {figures['p99_ms']:.2f} ms (p99) at "
        f"the start, {figures['late_p50_ms']:.2f} and {figures['late_p99_ms']:.2f} ms after "
        f"{21 * figures['frames']:.0f} frames: {figures['late_over_early']:.2f} times as long; "
        f"a new plan of {PLAN} frames takes {figures['replan_p50_ms']:.1f} ms (p50)"
    )
