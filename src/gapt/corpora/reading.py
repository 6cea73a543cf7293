"""What corpus readers share: opening archives, the items they yield, and giving up on one song.

Knows nothing of any one format.
"""

from __future__ import annotations

import gzip
import hashlib
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from gapt.errors import UserError
from gapt.music.leadsheet import ChordSpan, LeadSheet, Note


class UnreadableSong(Exception):
    """One song cannot be used; the message is the reason listed in `skipped.csv`."""


@dataclass(frozen=True, slots=True)
class Item:
    """One song still in its published format. `split` is the published one, if there is any."""

    song_id: str
    payload: Any
    split: str | None = None


@dataclass(frozen=True, slots=True)
class Reader:
    """How a corpus is read.

    Attributes:
        items: the songs of an archive or folder, cheap to list; raises UserError if it is not
            this corpus.
        parse: one item's payload -> its lead sheet; raises UnreadableSong. Runs in a worker.
    """

    items: Callable[[Path], Iterator[Item]]
    parse: Callable[[Any], LeadSheet]


def read_matching(path: Path, pattern: str, corpus: str, example: str) -> dict[str, bytes]:
    """The files of a zip archive or folder whose path ends as `pattern` says, e.g. `example`.

    Returns:
        The match's group 1 (by which a song is known) -> the file's bytes, sorted by name. Archive
        and folder give the same names wherever the corpus lies inside them.

    Raises:
        UserError: the path is missing, no zip archive, damaged, or holds no such file.
    """
    tail = re.compile(rf"(?:^|/){pattern}$")
    try:
        if path.is_dir():
            found = {
                match[1]: file.read_bytes()
                for file in sorted(path.rglob("*"))
                if (match := tail.search(file.relative_to(path.parent).as_posix()))
            }
        else:
            with zipfile.ZipFile(path) as archive:
                found = {
                    match[1]: archive.read(name)
                    for name in archive.namelist()
                    if (match := tail.search(name))
                }
    except FileNotFoundError as error:
        raise missing(path, corpus) from error
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise damaged(path, f"a readable zip archive ({error})") from error
    except OSError as error:
        raise UserError(f"'{path}' cannot be read: {error.strerror}.") from error
    if not found:
        raise UserError(
            f"'{path}' is not the {corpus} corpus: it holds no file like '{example}'. "
            f"Give the archive as published, or its unpacked folder."
        )
    return dict(sorted(found.items()))


def read_json(path: Path, corpus: str) -> bytes:
    """The bytes of a JSON file, gzipped or not; a folder is searched for the one it holds."""
    if path.is_dir():
        inside = sorted(p for p in path.rglob(f"{corpus}.json*") if p.suffix in (".json", ".gz"))
        if not inside:
            raise UserError(
                f"'{path}' is not the {corpus} corpus: it holds no '{corpus}.json' or "
                f"'{corpus}.json.gz'."
            )
        path = inside[0]
    try:
        data = path.read_bytes()
        return gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
    except FileNotFoundError as error:
        raise missing(path, corpus) from error
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise damaged(path, f"a readable gzip file ({error})") from error
    except OSError as error:
        raise UserError(f"'{path}' cannot be read: {error.strerror}.") from error


def missing(path: Path, corpus: str) -> UserError:
    """The error for a path that is not there."""
    return UserError(
        f"'{path}' does not exist. Get the {corpus} corpus with 'gapt data download', "
        f"or give the path of your copy."
    )


def damaged(path: Path, expected: str) -> UserError:
    """The error for a file that is cut short or no archive at all."""
    return UserError(
        f"'{path}' is not {expected}. If its download was interrupted, fetch it again."
    )


def hash_fraction(song_id: str) -> float:
    """A number in [0, 1) that depends on the song's id alone."""
    return int.from_bytes(hashlib.sha256(song_id.encode()).digest()[:4], "big") / 2**32


def first_onset(sheet: LeadSheet) -> float:
    """The beat on which the first note or chord begins; 0 in an empty sheet."""
    onsets = [note.onset for note in sheet.notes] + [chord.onset for chord in sheet.chords]
    return min(onsets, default=0.0)


def without_leading_bars(sheet: LeadSheet) -> LeadSheet:
    """The sheet without the whole bars at its start in which neither part sounds."""
    cut = first_onset(sheet) // sheet.beats_per_bar * sheet.beats_per_bar
    return replace(
        sheet,
        notes=tuple(Note(n.onset - cut, n.offset - cut, n.pitch) for n in sheet.notes),
        chords=tuple(ChordSpan(c.onset - cut, c.offset - cut, c.chord) for c in sheet.chords),
    )
