"""The cached corpus: `corpus.parquet`, one row a song, in frames.

Written by `gapt.corpora.prepare`, read by training and evaluation. Knows no published format.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from gapt.errors import UserError
from gapt.music.chords import VOCABULARY_ID
from gapt.music.frames import Frames

FILE = "corpus.parquet"
SPLITS = ("train", "valid", "test", "ood")

_SCHEMA = pa.schema(
    [
        ("song_id", pa.string()),
        ("corpus", pa.string()),
        ("title", pa.string()),
        ("split", pa.string()),
        ("beats_per_bar", pa.float64()),
        ("melody", pa.list_(pa.int16())),
        ("chords", pa.list_(pa.int16())),
        ("inexact_frames", pa.int64()),
    ],
    metadata={"vocabulary": VOCABULARY_ID},
)


@dataclass(frozen=True, slots=True)
class Song:
    """One song of the cached corpus.

    Attributes:
        id: unique, "corpus/…".
        corpus: the name of the corpus it comes from.
        title: None if the corpus has none.
        split: one of `SPLITS`.
        beats_per_bar: quarter notes in most bars.
        frames: melody and chord states, int16 [T]; frame 0 is a downbeat.
    """

    id: str
    corpus: str
    title: str | None
    split: str
    beats_per_bar: float
    frames: Frames


@dataclass(frozen=True, slots=True)
class Corpus:
    """All songs of a prepared folder, in the order in which they were read."""

    songs: tuple[Song, ...]

    def fingerprint(self) -> str:
        """Twelve hexadecimal digits that are others for other songs, splits or frames."""
        digest = hashlib.blake2b(digest_size=6)
        for song in self.songs:
            about = song.id, song.split, song.beats_per_bar, len(song.frames)
            digest.update(repr(about).encode())
            digest.update(song.frames.melody.tobytes() + song.frames.chords.tobytes())
        return digest.hexdigest()

    @staticmethod
    def load(folder: Path | str) -> Corpus:
        """Read a folder that `gapt data prepare` wrote.

        Raises:
            UserError: there is no corpus there, it is not ours, or of another chord vocabulary.
        """
        path = Path(folder) / FILE
        try:
            table = pq.read_table(path)
        except FileNotFoundError as error:
            raise UserError(
                f"There is no corpus in '{folder}'. Make one with 'gapt data prepare'."
            ) from error
        except (pa.ArrowInvalid, OSError) as error:
            raise UserError(
                f"'{path}' cannot be read: {error}. Prepare the corpus again."
            ) from error
        found = (table.schema.metadata or {}).get(b"vocabulary", b"").decode()
        if not found or table.schema.names != _SCHEMA.names:
            raise UserError(f"'{path}' was not written by 'gapt data prepare'. Prepare it again.")
        if found != VOCABULARY_ID:
            raise UserError(
                f"'{path}' is of chord vocabulary {found}, this version's is {VOCABULARY_ID}. "
                f"Prepare the corpus again."
            )
        melodies, chords = _arrays(table["melody"]), _arrays(table["chords"])
        names = ("song_id", "corpus", "title", "split", "beats_per_bar", "inexact_frames")
        columns = [table[name].to_pylist() for name in names]
        return Corpus(
            tuple(
                Song(song_id, corpus, title, split, bar, Frames(melody, chord, inexact))
                for song_id, corpus, title, split, bar, inexact, melody, chord in zip(
                    *columns, melodies, chords, strict=True
                )
            )
        )

    def select(self, split: str, corpora: Collection[str] | None = None) -> list[Song]:
        """The songs of a split and of some corpora; None means all."""
        return [
            song
            for song in self.songs
            if song.split == split and (corpora is None or song.corpus in corpora)
        ]

    def split(self, name: str) -> list[Song]:
        """The songs of a split.

        Raises:
            UserError: it has none.
        """
        songs = self.select(name)
        if not songs:
            raise UserError(f"no songs of split '{name}' in this corpus folder")
        return songs


def write(songs: Sequence[Song], path: Path) -> None:
    """Write songs to a Parquet file that `Corpus.load` reads."""
    columns = {
        "song_id": [song.id for song in songs],
        "corpus": [song.corpus for song in songs],
        "title": [song.title for song in songs],
        "split": [song.split for song in songs],
        "beats_per_bar": [song.beats_per_bar for song in songs],
        "melody": [song.frames.melody for song in songs],
        "chords": [song.frames.chords for song in songs],
        "inexact_frames": [song.frames.inexact for song in songs],
    }
    pq.write_table(pa.table(columns, schema=_SCHEMA), path, compression="zstd")


def _arrays(column: pa.ChunkedArray) -> list[np.ndarray]:
    """A column of lists -> one int16 array a row, without a Python list in between."""
    joined = column.combine_chunks()
    values = joined.flatten().to_numpy()
    ends = np.cumsum(joined.value_lengths().to_numpy(zero_copy_only=False))
    return np.split(values, ends[:-1])
