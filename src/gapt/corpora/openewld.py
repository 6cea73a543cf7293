"""The OpenEWLD corpus: public-domain Wikifonia lead sheets in compressed MusicXML.

Format: Simonetta et al., "Symbolic Music Similarity through a Graph-Based Representation" (2018).
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

from gapt.corpora.reading import Item, Reader, UnreadableSong, read_matching
from gapt.music.leadsheet import LeadSheet

_FILES = r"dataset/([^/]+/[^/]+)/[^/]+\.mxl"


def items(path: Path) -> Iterator[Item]:
    """The songs of the archive or its unpacked folder."""
    found = read_matching(path, _FILES, "OpenEWLD", "dataset/COMPOSER/SONG/SONG.mxl")
    for name, data in found.items():
        yield Item(f"openewld/{name}", (name.rpartition("/")[2].replace("_", " "), data))


def parse(payload: tuple[str, bytes]) -> LeadSheet:
    """A compressed MusicXML file -> its lead sheet."""
    # music21 takes seconds to import, and only the workers need it.
    from gapt.corpora import scores

    title, data = payload
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            score = next(n for n in archive.namelist() if not n.startswith("META-INF"))
            text = archive.read(score)
    except Exception as error:  # zipfile raises many kinds, each for another way to be broken
        raise UnreadableSong("not a compressed MusicXML file") from error
    return scores.read(text, "musicxml", title)


READER = Reader(items, parse)
