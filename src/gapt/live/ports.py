"""MIDI ports: which there are, and opening them by name. `gapt ports` lists them.

mido talks to them through python-rtmidi, which not every player has. Knows no music.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TypeVar

import mido
from mido.ports import BaseInput, BaseOutput

from gapt.errors import UserError

Port = TypeVar("Port")


def input_names() -> list[str]:
    """Ports that can be listened to.

    Raises:
        UserError: this machine has no MIDI system that can be used.
    """
    return _names("get_input_names")


def output_names() -> list[str]:
    """Ports that can be played to; raises as `input_names` does."""
    return _names("get_output_names")


def open_input(name: str, receive: Callable[[mido.Message], None]) -> BaseInput:
    """Listen to a port: `receive` is called from a thread of its own.

    Args:
        name: the port's name, or a part of it that no other has.
        receive: takes each message.

    Raises:
        UserError: there is no such port, or more than one, or it cannot be opened.
    """
    return _opened(mido.open_input, _find("--midi-in", name, input_names()), callback=receive)


def open_output(name: str) -> BaseOutput:
    """Play to a port; arguments and errors as in `open_input`."""
    return _opened(mido.open_output, _find("--midi-out", name, output_names()))


def list_ports() -> None:
    """Print the names of all ports."""
    for title, names in (("in", input_names()), ("out", output_names())):
        for name in names:
            print(f"{title:4}{name}")
        if not names:
            print(f"{title:4}(none)")


def _names(which: str) -> list[str]:
    try:
        return list(dict.fromkeys(getattr(mido, which)()))
    except ModuleNotFoundError as error:
        raise UserError(
            f"MIDI ports need '{error.name}'. Run: {sys.executable} -m pip install 'gapt[midi]'"
        ) from None
    except Exception as error:  # each system's MIDI has exceptions of its own
        raise UserError(f"this machine's MIDI cannot be used: {error}") from None


def _find(option: str, name: str, names: Sequence[str]) -> str:
    if name in names:
        return name
    found = [known for known in names if name.lower() in known.lower()]
    if len(found) == 1:
        return found[0]
    listed = "; ".join(found or names) or "there are none"
    what = "more than one port is" if found else "no port is"
    raise UserError(f"{option}: {what} called '{name}'. Ports: {listed}.")


def _opened(open_port: Callable[..., Port], name: str, **options: object) -> Port:
    try:
        return open_port(name, **options)
    except Exception as error:
        raise UserError(f"the MIDI port '{name}' cannot be opened: {error}") from None
