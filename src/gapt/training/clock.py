"""Where the time of an update goes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import torch


class Stopwatch:
    """Adds up seconds under names.

    CUDA kernels run asynchronously, and waiting for them would slow training: so events record the
    times, and `settle` reads them.

    Attributes:
        seconds: so far, by name.
    """

    def __init__(self, device: torch.device) -> None:
        self.seconds: dict[str, float] = {}
        self._device = device
        self._laps: list[tuple[str, torch.cuda.Event, torch.cuda.Event]] = []

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        """Time what is inside; on a GPU, until the kernels that it launches have ended."""
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
        """Wait for the GPU, and add up what the events have recorded."""
        for name, begin, end in self._laps:
            end.synchronize()
            self._add(name, begin.elapsed_time(end) / 1000)  # it is in milliseconds
        self._laps.clear()

    def _add(self, name: str, seconds: float) -> None:
        self.seconds[name] = self.seconds.get(name, 0.0) + seconds


def _event() -> torch.cuda.Event:
    return torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
