"""Tunebooks in ABC notation: the Nottingham corpus, and the tunes that come with gapt.

Nottingham's chord suffixes are its own (`Cd` diminished, `Ca` augmented, `C/e` with a lower-case
bass, `f+` for F sharp); of two chords on one note the second is for the repeat and is dropped.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from gapt.corpora.reading import Item, Reader, missing, read_matching
from gapt.music.leadsheet import LeadSheet

_TUNE = re.compile(r"^X:\s*(\d+).*?(?=^X:|\Z)", re.MULTILINE | re.DOTALL)
_TITLE = re.compile(r"^T:\s*(.*?)\s*$", re.MULTILINE)
_CHORD = re.compile(r'"([A-G][#b]?)([^"/]*)(?:/([A-Ga-g])([#b+]?))?"')
_SUFFIXES = {"d": "dim", "a": "aug", "a7": "7#5"}


def nottingham(path: Path) -> Iterator[Item]:
    """The tunes of the repository's `ABC_cleaned`."""
    found = read_matching(path, r"ABC_cleaned/(.*)\.abc", "Nottingham", "ABC_cleaned/jigs.abc")
    for name, data in found.items():
        yield from _tunes(f"nottingham/{name}", data)


def builtin(path: Path) -> Iterator[Item]:
    """The tunes of one ABC file."""
    try:
        yield from _tunes("tunes", path.read_bytes())
    except FileNotFoundError as error:
        raise missing(path, "tunes") from error


def _tunes(prefix: str, data: bytes) -> Iterator[Item]:
    text = data.decode("utf-8", errors="replace")
    for match in _TUNE.finditer(text.replace("\r\n", "\n")):
        yield Item(f"{prefix}/{match[1]}", match[0])


def parse(payload: str) -> LeadSheet:
    """The ABC text of one tune -> its lead sheet."""
    # music21 takes seconds to import, and only the workers need it.
    from gapt.corpora import scores

    title = _TITLE.search(payload)
    return scores.read(_CHORD.sub(_plain_chord, payload), "abc", title[1] if title else "")


def _plain_chord(match: re.Match[str]) -> str:
    root, suffix, bass, accidental = match.groups()
    over = f"/{bass.upper()}{(accidental or '').replace('+', '#')}" if bass else ""
    return f'"{root}{_SUFFIXES.get(suffix.strip(), suffix)}{over}"'


NOTTINGHAM = Reader(nottingham, parse)
BUILTIN = Reader(builtin, parse)
