"""`gapt data prepare`: published corpora -> lead sheets -> frames -> the cached corpus.

Songs that cannot be used are left out with a reason. Nothing is written until all is read, so a
failed or interrupted run leaves the folder as it was.
"""

from __future__ import annotations

import csv
import hashlib
import json
import math
import multiprocessing
import os
import signal
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from gapt.corpora import hooktheory, openewld, pop909, store, tunebooks
from gapt.corpora.reading import (
    Item,
    Reader,
    UnreadableSong,
    first_onset,
    hash_fraction,
    without_leading_bars,
)
from gapt.errors import UserError
from gapt.music.frames import CHORDS, NUM_PITCHES, encode
from gapt.music.leadsheet import ChordSpan, Note
from gapt.music.measures import harmony

READERS: dict[str, Reader] = {
    "hooktheory": hooktheory.READER,
    "pop909": pop909.READER,
    "nottingham": tunebooks.NOTTINGHAM,
    "openewld": openewld.READER,
    "tunes": tunebooks.BUILTIN,
}

TUNES = Path(__file__).with_name("tunes.abc")
"""The built-in corpus."""

# A worker process pays off from about this many songs on.
_SONGS_PER_WORKER = 32


def prepare(sources: Mapping[str, Path], out: Path) -> dict[str, Any]:
    """Read corpora and write `corpus.parquet`, `stats.json` and `skipped.csv` into `out`.

    Args:
        sources: names in `READERS` -> archive or folder.
        out: the folder to write to; made if needed.

    Returns:
        What `stats.json` says: per corpus its songs, frames, splits and ground-truth harmony.

    Raises:
        UserError: no source is given, a source cannot be read, or `out` cannot be written.
    """
    if not sources:
        raise UserError(
            "No corpus is named. Give at least one, for example '--hooktheory FILE' or '--tunes'."
        )
    listed = {name: list(READERS[name].items(path)) for name, path in sources.items()}
    try:
        out.mkdir(parents=True, exist_ok=True)
        # Beside their destination, so that renaming them is atomic.
        with tempfile.TemporaryDirectory(prefix=".prepare-", dir=out) as staging:
            stats = _prepare(sources, listed, Path(staging))
            for file in sorted(Path(staging).iterdir()):
                os.replace(file, out / file.name)
    except OSError as error:
        raise UserError(
            f"'{out}' cannot be written: {error.strerror}. Choose another folder with --out."
        ) from error
    return stats


def _prepare(
    sources: Mapping[str, Path], listed: Mapping[str, list[Item]], staging: Path
) -> dict[str, Any]:
    songs: list[store.Song] = []
    skipped: list[tuple[str, str]] = []
    stats: dict[str, Any] = {}
    console = Console(stderr=True)
    with Progress(console=console) as progress:
        for name, items in listed.items():
            split_of = _splits(name, items)
            read, reasons = [], []
            results = _parse_all(READERS[name], items)
            for item, result in progress.track(
                zip(items, results, strict=True), total=len(items), description=name
            ):
                if isinstance(result, str):
                    reasons.append((item.song_id, result))
                else:
                    frames, bar, title = result
                    split = split_of[item.song_id]
                    read.append(store.Song(item.song_id, name, title or None, split, bar, frames))
            stats[name] = _stats(read, len(reasons), sources[name])
            songs += read
            skipped += reasons
    if not songs:
        why = f"The first reason: {skipped[0][1]}" if skipped else "The sources hold none."
        raise UserError(f"There are no songs that can be used. {why}")
    _report(stats, skipped, console)
    store.write(songs, staging / store.FILE)
    (staging / "stats.json").write_text(json.dumps(stats, indent=2) + "\n")
    with (staging / "skipped.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("song_id", "reason"), *skipped])
    return stats


def _parse_all(reader: Reader, items: list[Item]) -> Iterator[Any]:
    """Results in the order of the items, from worker processes if there are many."""
    one = partial(_parse_one, reader)
    workers = min(os.cpu_count() or 1, len(items) // _SONGS_PER_WORKER)
    if workers < 2:
        yield from map(one, items)
        return
    # Workers ignore Ctrl-C: the parent sees it and ends them.
    ignore = (signal.SIGINT, signal.SIG_IGN)
    with multiprocessing.get_context("spawn").Pool(workers, signal.signal, ignore) as pool:
        yield from pool.imap(one, items, chunksize=8)


def _parse_one(reader: Reader, item: Item) -> Any:
    """(frames, beats per bar, title), or the reason why there are none."""
    try:
        sheet = reader.parse(item.payload)
    except UnreadableSong as error:
        return str(error)
    if not sheet.notes or not sheet.chords:
        return f"no {'chords' if sheet.notes else 'melody'}"
    if not all(0 <= note.pitch < NUM_PITCHES for note in sheet.notes):
        return "a pitch outside MIDI's range"
    spans: list[Note | ChordSpan] = [*sheet.notes, *sheet.chords]
    times = [time for span in spans for time in (span.onset, span.offset)]
    if not all(map(math.isfinite, times)):
        return "a time that is no number"
    if first_onset(sheet) < 0 or sheet.beats_per_bar <= 0:
        return "a negative time"
    return encode(without_leading_bars(sheet)), sheet.beats_per_bar, sheet.title


def _splits(corpus: str, items: list[Item]) -> dict[str, str]:
    """Song id -> split, from the ids alone: neither order nor skipped songs matter."""
    if corpus == "openewld":
        return {item.song_id: "ood" for item in items}
    if corpus == "tunes":
        ranked = sorted((hash_fraction(item.song_id), item.song_id) for item in items)
        held_out = ["valid", "valid", "test", "test"] + ["train"] * len(ranked)
        return {song_id: split for (_, song_id), split in zip(ranked, held_out, strict=False)}
    return {item.song_id: item.split or _hashed_split(item.song_id) for item in items}


def _hashed_split(song_id: str) -> str:
    fraction = hash_fraction(song_id)
    return "train" if fraction < 0.8 else "valid" if fraction < 0.9 else "test"


def _stats(songs: list[store.Song], skipped: int, path: Path) -> dict[str, Any]:
    none = np.zeros(0, dtype=np.int16)
    melody = np.concatenate([none, *(song.frames.melody for song in songs)])
    chords = np.concatenate([none, *(song.frames.chords for song in songs)])
    splits = Counter(song.split for song in songs)
    inexact = sum(song.frames.inexact for song in songs)
    return {
        "songs": len(songs),
        "skipped": skipped,
        "frames": len(melody),
        "harmony": round(float(harmony(melody, chords)), 4) if songs else None,
        "inexact_chord_share": round(inexact / max(1, int(CHORDS.sounds(chords).sum())), 5),
        "splits": {split: splits[split] for split in store.SPLITS if splits[split]},
        "sha256": None if path.is_dir() else hashlib.sha256(path.read_bytes()).hexdigest(),
    }


def _report(stats: dict[str, Any], skipped: list[tuple[str, str]], console: Console) -> None:
    table = Table("corpus", "songs", "skipped", "frames", "harmony", "inexact", "splits")
    for name, row in stats.items():
        splits = ", ".join(f"{count} {split}" for split, count in row["splits"].items())
        numbers = ("songs", "skipped", "frames", "harmony", "inexact_chord_share")
        table.add_row(name, *(str(row[number]) for number in numbers), splits)
    console.print(table)
    reasons = Counter((song_id.partition("/")[0], reason) for song_id, reason in skipped)
    for (corpus, reason), count in reasons.most_common(10):
        console.print(f"Skipped in {corpus}: {count} songs: {reason}", markup=False)
