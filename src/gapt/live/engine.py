"""The engine: many sessions in one process, whose model steps are made in batches.

The event loop only takes in messages and hands out answers. Steps run in a few worker threads, a
bank of sessions at a time: where there is a decision to make goes first, and what time is left goes
to plans. So how far ahead others plan never makes a chord late, and nobody waits for more than the
banks in work (about 2 ms). When even decisions pile up, nothing blocks: a session that hears its
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

from gapt.live.accompanist import advance
from gapt.live.context import Bank
from gapt.live.protocol import Hello, Melody, ProtocolError, ServerMessage, Set
from gapt.live.session import Session

_log = logging.getLogger(__name__)

_Line = OrderedDict[Bank, set["Seat"]]
"""Who waits for a step, by the bank that it is made in; the first bank is next."""


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
        self.place: tuple[bool, Bank] | None = None
        """Where it waits: in the line for decisions, not for plans; and for which bank's turn."""


class Engine:
    """Makes the steps of all its sessions. Belongs to one event loop.

    Args:
        threads: model steps that may run at the same time.
    """

    def __init__(self, threads: int | None = None) -> None:
        self._free = threads or min(4, os.cpu_count() or 1)
        self._workers = ThreadPoolExecutor(self._free, thread_name_prefix="model")
        self._seats: set[Seat] = set()
        self._lines: dict[bool, _Line] = {True: OrderedDict(), False: OrderedDict()}
        """Of decisions, and of plans."""

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
        self._stand(seat, None)

    def _settle(self, seat: Seat) -> None:
        """Take in what has come, tell what is new, and get in line for the next step."""
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
        step = session.accompanist.due
        self._stand(seat, step and (not session.accompanist.decided, step.context.bank))

    def _stand(self, seat: Seat, place: tuple[bool, Bank] | None) -> None:
        """Let a seat wait at a place; who waits there already keeps the turn."""
        if seat.place == place:
            return
        if seat.place:
            deciding, bank = seat.place
            waiting = self._lines[deciding][bank]
            waiting.remove(seat)
            if not waiting:
                del self._lines[deciding][bank]
        if place:
            deciding, bank = place
            self._lines[deciding].setdefault(bank, set()).add(seat)
        seat.place = place

    def _end(self, seat: Seat, error: ProtocolError) -> None:
        self.leave(seat)
        if seat.say:
            seat.say(error)

    def _dispatch(self) -> None:
        """Give the free workers what is next."""
        loop = asyncio.get_running_loop()
        while self._free and (bank := self._next_bank()):
            self._free -= 1
            batch = [seat for line in self._lines.values() for seat in line.pop(bank, ())]
            for seat in batch:
                seat.busy, seat.place = True, None
            accompanists = [seat.session.accompanist for seat in batch]
            work = loop.run_in_executor(self._workers, advance, accompanists)
            work.add_done_callback(partial(self._done, bank, batch))

    def _next_bank(self) -> Bank | None:
        """Where the longest wait for a decision is, or else for a plan."""
        return next((bank for line in self._lines.values() for bank in line), None)

    def _done(self, bank: Bank, batch: list[Seat], work: asyncio.Future[None]) -> None:
        self._free += 1
        failed = work.exception()
        if failed:
            _log.error("a model step failed", exc_info=failed)
        for seat in batch:
            seat.busy = False
            if failed:
                self._end(seat, ProtocolError("The model failed; the server's log says how.", 1011))
            self._settle(seat)
        plans = self._lines[False]
        if bank in plans:  # what is begun is finished first
            plans.move_to_end(bank, last=False)
        self._dispatch()
