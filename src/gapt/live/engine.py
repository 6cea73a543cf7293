"""The engine: many sessions in one process, whose model steps are made in batches.

The event loop only takes in messages and hands out answers. Steps run in a few worker threads, some
sessions at a time: those with a decision to make go first, and what room is left goes to plans. So
how far ahead others plan never makes a chord late, and nobody waits for more than the steps that
are being made (about 2 ms). When even decisions pile up, nothing blocks: a session that hears its
frame's melody before the frame's chord was decided holds the chord before (`Accompanist.late`).

Knows no sockets, and of music only that there are sessions.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections import OrderedDict, deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice

from gapt.live.accompanist import advance
from gapt.live.models import OnnxPolicy
from gapt.live.protocol import Hello, Melody, ProtocolError, ServerMessage, Set
from gapt.live.session import Session

_log = logging.getLogger(__name__)

_Queue = OrderedDict["Seat", OnnxPolicy]
"""Seats that wait for a model step, longest first, and the policy that each needs."""


class Seat:
    """A session's place in an engine.

    Attributes:
        session: whose.
        say: where its messages go, and the error that ends it. None while nobody listens.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self.say: Callable[[ServerMessage | ProtocolError], None] | None = None
        self.inbox: deque[Hello | Melody | Set] = deque()
        self.busy = False
        """Whether a worker has the session, so that nobody else may touch it."""
        self.queue: _Queue | None = None
        """Where it waits for a step."""


class Engine:
    """Makes the steps of all its sessions. Belongs to one event loop.

    Args:
        threads: model steps that may run at the same time.
    """

    def __init__(self, threads: int | None = None) -> None:
        self._free = threads or min(4, os.cpu_count() or 1)
        self._workers = ThreadPoolExecutor(self._free, thread_name_prefix="model")
        self._seats: set[Seat] = set()
        self._decisions: _Queue = OrderedDict()
        self._plans: _Queue = OrderedDict()

    def join(self, seat: Seat) -> None:
        """A session begins, or its player is back: what there is to say is said."""
        self._seats.add(seat)
        self._settle(seat)
        self._dispatch()

    def receive(self, seat: Seat, message: Hello | Melody | Set) -> None:
        """Give a message to a session."""
        seat.inbox.append(message)
        self._settle(seat)
        self._dispatch()

    def leave(self, seat: Seat) -> None:
        """A session is over."""
        self._seats.discard(seat)
        self._unqueue(seat)

    def _settle(self, seat: Seat) -> None:
        """Take in what has come, tell what is new, and queue for the next step."""
        if seat.busy or seat not in self._seats:
            return
        session = seat.session
        try:
            while seat.inbox:
                session.receive(seat.inbox.popleft())
        except ProtocolError as error:
            self._end(seat, error)
            return
        if seat.say:
            for message in session.news():
                seat.say(message)
        if step := session.accompanist.due:
            queue = self._plans if session.accompanist.decided else self._decisions
            self._enqueue(seat, queue, step.context.policy)
        else:
            self._unqueue(seat)

    def _enqueue(self, seat: Seat, queue: _Queue, policy: OnnxPolicy) -> None:
        """Let a seat wait in a queue; one that waits there already keeps its turn."""
        if seat.queue is not queue:
            self._unqueue(seat)
        seat.queue = queue
        queue[seat] = policy

    @staticmethod
    def _unqueue(seat: Seat) -> None:
        if seat.queue is not None:
            del seat.queue[seat]
            seat.queue = None

    def _end(self, seat: Seat, error: ProtocolError) -> None:
        self.leave(seat)
        if seat.say:
            seat.say(error)

    def _dispatch(self) -> None:
        """Give the free workers what is next."""
        loop = asyncio.get_running_loop()
        while self._free and (batch := self._next()):
            self._free -= 1
            for seat in batch:
                self._unqueue(seat)
                seat.busy = True
            accompanists = [seat.session.accompanist for seat in batch]
            work = loop.run_in_executor(self._workers, advance, accompanists)
            work.add_done_callback(partial(self._done, batch))

    def _next(self) -> list[Seat]:
        """Who has waited longest for a decision, or else for a plan, and who can share the step."""
        waiting = [*self._decisions.items(), *self._plans.items()]
        if not waiting:
            return []
        policy = waiting[0][1]
        sharing = (seat for seat, wanted in waiting if wanted is policy)
        return list(islice(sharing, policy.slots))

    def _done(self, batch: list[Seat], work: asyncio.Future[None]) -> None:
        self._free += 1
        failed = work.exception()
        if failed:
            _log.error("a model step failed", exc_info=failed)
        for seat in batch:
            seat.busy = False
            if failed:
                self._end(seat, ProtocolError("The model failed; the server's log says how.", 1011))
            try:
                self._settle(seat)
            except Exception:  # a fault in one session is no other's affair
                _log.exception("a session failed")
                self._end(
                    seat, ProtocolError("The session failed; the server's log says how.", 1011)
                )
            if seat.queue is self._plans:  # what is begun is finished first
                self._plans.move_to_end(seat, last=False)
        self._dispatch()
