"""The POP909 corpus: pop songs as MIDI files with chord and beat annotations beside them.

Format: Wang et al., "POP909: A Pop-song Dataset for Music Arrangement Generation" (ISMIR 2020).
Of each song it reads the MELODY track, `beat_midi.txt` and `chord_midi.txt`. Times there are in
seconds; the annotated beats turn them into beats, so tempo is forgotten here.
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import mido
import numpy as np

from gapt.corpora.reading import Item, Reader, UnreadableSong, read_matching
from gapt.music.chords import parse_harte
from gapt.music.leadsheet import ChordSpan, LeadSheet, Note

# Other versions of a song lie one folder deeper, in `versions`, and are not read.
_FILES = r"POP909/(\d{3}/(?:\d{3}\.mid|beat_midi\.txt|chord_midi\.txt))"


def items(path: Path) -> Iterator[Item]:
    """The songs of the archive or its unpacked folder, each with the three files that we read."""
    songs: dict[str, dict[str, bytes]] = {}
    for name, data in read_matching(path, _FILES, "POP909", "POP909/001/001.mid").items():
        number, _, file = name.partition("/")
        songs.setdefault(number, {})[file] = data
    for number, files in songs.items():
        yield Item(f"pop909/{number}", (number, files))


def parse(payload: tuple[str, dict[str, bytes]]) -> LeadSheet:
    """One song's files -> its lead sheet."""
    number, files = payload
    try:
        needed = f"{number}.mid", "beat_midi.txt", "chord_midi.txt"
        midi, *annotations = (files[name] for name in needed)
    except KeyError as error:
        raise UnreadableSong(f"no {error.args[0]}") from error
    try:
        notes = _melody(midi)
    except Exception as error:  # mido raises a dozen kinds, each for another way to be broken
        raise UnreadableSong(f"bad MIDI file: {error}") from error
    try:
        beats, rows = (
            [line.split() for line in text.decode().splitlines() if line] for text in annotations
        )
        times = np.array([float(beat[0]) for beat in beats])
        # Columns: seconds, downbeat of a simple metre, downbeat of a compound metre (the bar).
        downbeats = [i for i, beat in enumerate(beats) if float(beat[2]) == 1.0]
        chords = [(float(start), float(end), parse_harte(label)) for start, end, label in rows]
    except (ValueError, IndexError) as error:
        raise UnreadableSong(f"bad annotation: {error}") from error
    if len(times) < 2 or np.any(np.diff(times) <= 0) or not downbeats:
        raise UnreadableSong("no usable beats")

    beats_per_bar = Counter(b - a for a, b in pairwise(downbeats)).most_common(1)
    bar = beats_per_bar[0][0] if beats_per_bar else 4
    sounding = [start for start, _, _ in notes] + [c[0] for c in chords if c[2] is not None]
    first = _to_beats(times, min(sounding, default=0.0))
    # Beat 0 is the last downbeat before anything sounds. Bars of other lengths are rare, and the
    # tune only keeps step with its downbeats from there on.
    before = [d for d in downbeats if d <= first + 0.125]
    zero = before[-1] if before else downbeats[0] - bar * np.ceil((downbeats[0] - first) / bar)

    def beat(seconds: float) -> float:
        return max(0.0, _to_beats(times, seconds) - zero)

    return LeadSheet(
        notes=tuple(Note(beat(start), beat(end), pitch) for start, end, pitch in notes),
        chords=tuple(ChordSpan(beat(a), beat(b), c) for a, b, c in chords if c is not None),
        beats_per_bar=float(bar),
    )


def _to_beats(times: np.ndarray, seconds: float) -> float:
    """Beats by linear interpolation between annotated ones; the end intervals go on beyond."""
    i = int(np.clip(np.searchsorted(times, seconds, side="right") - 1, 0, len(times) - 2))
    return float(i + (seconds - times[i]) / (times[i + 1] - times[i]))


def _melody(data: bytes) -> list[tuple[float, float, int]]:
    """Notes of the MELODY track: (start, end) in seconds and pitch."""
    midi = mido.MidiFile(file=io.BytesIO(data))
    # Tempo changes lie in another track. mido merges tracks to tell the time in seconds, so the
    # melody is marked by a channel of its own first.
    for track in midi.tracks:
        for message in track:
            if message.type in ("note_on", "note_off"):
                message.channel = int(track.name.strip() == "MELODY")
    notes = []
    sounding: dict[int, float] = {}
    now = 0.0
    for message in midi:
        now += message.time
        if message.type in ("note_on", "note_off") and message.channel == 1:
            start = sounding.pop(message.note, None)
            if start is not None and now > start:
                notes.append((start, now, message.note))
            if message.type == "note_on" and message.velocity > 0:
                sounding[message.note] = now
    return notes


READER = Reader(items, parse)
