"""Writing files so that a crash leaves the old one or the new one, never half of one."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from gapt.errors import UserError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success it replaces `path`, on failure it goes.

    Raises:
        UserError: the file cannot be written.
    """
    if not path.name:
        raise UserError(f"{path} is a folder; give a file name")
    target = path.resolve()  # a link stays one
    if target.exists() and not target.is_file():
        raise UserError(f"cannot write {path}: it is there, and is no file; give another name")
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())  # or a power cut might leave the new name and no content
        os.replace(temporary, target)
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        with suppress(OSError):  # what went wrong is on its way
            temporary.unlink()


def make_folder(path: Path) -> None:
    """Make a folder to write to, and those above it, unless it is there.

    Raises:
        UserError: it cannot be had.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot write to {path}: {error.strerror or error}") from None


def write_json(path: Path, value: Any) -> None:
    """Replace `path` by a value as JSON, which has no NaN.

    Raises:
        UserError: the file cannot be written.
    """
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(value, indent=1, allow_nan=False) + "\n")
