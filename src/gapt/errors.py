"""The one exception that users are meant to see."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """Something the user gave us cannot be used.

    The message says what was wrong, where, and what to do. The command line prints it and exits
    with code 2; the server sends it and closes the session. Anything else that is raised is a bug.
    """


def did_you_mean(word: str, choices: Iterable[str]) -> str:
    """A closing sentence for "no such name" messages: the nearest choice, else all of them."""
    known = sorted(choices)
    near = difflib.get_close_matches(word, known, n=1)
    return f"Did you mean '{near[0]}'?" if near else f"Known: {', '.join(known)}."
