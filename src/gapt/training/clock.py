"""Where the time of an update goes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import torch


class Stopwatch:
    """Adds up seconds under names.

    A GPU works behind the program's back, and is not to be waited for while it does: it marks the
    times itself, in passing, and `settle` reads them.

    Attributes:
        seconds: so far, by name.
    """

    def __init__(self, device: torch.device) -> None:
        self.seconds: dict[str, float] = {}
        self._device = device
        self._laps: list[tuple[str, torch.cuda.Event, torch.cuda.Event]] = []

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        """Time what is inside; on a GPU, until what is asked of it there is done."""
        if self._device.type == "cuda":
            begin, end = _event(), _event()
            begin.record()
            yield
            end.record()
            self._laps.append((name, begin, end))
        else:
            began = time.perf_counter()
            yield
            self._add(name, time.perf_counter() - began)

    def settle(self) -> None:
        """Wait for the GPU, and add up what it was timed at."""
        for name, begin, end in self._laps:
            end.synchronize()
            self._add(name, begin.elapsed_time(end) / 1000)  # it tells milliseconds
        self._laps.clear()

    def _add(self, name: str, seconds: float) -> None:
        self.seconds[name] = self.seconds.get(name, 0.0) + seconds


def _event() -> torch.cuda.Event:
    return torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
