"""MIDI files: a melody out of one, a melody with its chords into another.

Musical time only: ticks are turned into beats, so tempo changes move nothing. Knows what a melody
looks like among other tracks; knows no model.
"""

from __future__ import annotations

import io
import math
import re
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import mido
import numpy as np

from gapt.errors import UserError
from gapt.files import replacing
from gapt.music.chords import chord_at, lead_sheet_name
from gapt.music.frames import CHORDS, FRAMES_PER_BEAT
from gapt.music.leadsheet import Note
from gapt.music.voicing import voice

MAX_BEATS = 28_800
"""Four hours at 120 BPM. Longer files are refused: they are no tunes, and could fill the memory."""
MAX_BYTES = 2 * 1024 * 1024
NO_CHORD = "N.C."
DRUMS = 9
"""The channel that people call 10."""

_FLUTE, _ELECTRIC_PIANO = 73, 4  # General MIDI programs, from 0
_MELODY_NAME = re.compile("melody|vocal|lead|voice", re.IGNORECASE)
_Span = tuple[float, float, tuple[int, ...]]  # onset and offset in beats, pitches
_KEPT = ("set_tempo", "time_signature", "key_signature")


@dataclass(frozen=True, slots=True)
class MelodyFile:
    """A melody and what a file says about its time.

    Attributes:
        notes: in beats from the file's start, by onset; two or more.
        meta: tempos, time signatures and key signatures, each with its beat.
        ticks_per_beat: the file's resolution.
        title: the name of the sequence, or "".
        source: where in the file the notes were, e.g. "track 2 'Flute'".
    """

    notes: tuple[Note, ...]
    meta: tuple[tuple[float, mido.MetaMessage], ...] = ()
    ticks_per_beat: int = 480
    title: str = ""
    source: str = ""

    @property
    def beats(self) -> float:
        """Where the last note ends."""
        return max(note.offset for note in self.notes)

    @property
    def bars(self) -> int:
        """Bars from the start to the last note's end, by the time signatures."""
        starts = [(0.0, 4.0)]
        starts += [
            (beat, 4 * message.numerator / message.denominator)
            for beat, message in self.meta
            if message.type == "time_signature" and beat < self.beats
        ]
        starts.append((self.beats, 4.0))
        return sum(math.ceil((end - start) / bar) for (start, bar), (end, _) in pairwise(starts))


@dataclass(frozen=True, slots=True)
class _Part:
    """A track, or a channel of a file that has only one track. Notes are (onset, end, pitch)."""

    number: int
    name: str
    notes: list[tuple[int, int, int]]
    has_drums: bool

    def __str__(self) -> str:
        count = len(self.notes)
        what = f"{count} note{'s' * (count != 1)}" if count else "drums" * self.has_drums
        return f"  {self.number}: {self.name or '(no name)'}, {what or 'no notes'}"


# --- reading -------------------------------------------------------------------------------------


def read_melody(path: Path, track: int | None = None) -> MelodyFile:
    """The melody of a MIDI file.

    Without `track`, parts named melody, vocal, lead or voice go first, if there are any. Among
    them, those that sound at least a quarter as long as the longest go before the others, then the
    mostly monophonic ones, then the highest. Drums (channel 10) are left out. A note struck again
    ends there; a note never released ends with its track; the pedal is ignored.

    Args:
        path: a Standard MIDI File of type 0 or 1.
        track: the track to take, from 1. Where one track alone has notes, on several channels, or
            there is only one: the channel, from 1.

    Raises:
        UserError: no such file, no MIDI, no such track, or no melody in it.
    """
    file = _parse(path)
    voiced = [track for track in file.tracks if any(m.type == "note_on" for m in track)]
    alone = file.tracks if len(file.tracks) == 1 else voiced
    channels = _channels(alone[0]) if len(alone) == 1 else []
    split = len(file.tracks) == 1 or len(channels) > 1
    unit = "channel" if split else "track"
    parts = channels if split else _tracks(file)
    listing = f"The file's {unit}s are:\n" + "\n".join(map(str, parts))
    part = _choose(parts, path) if track is None else _numbered(parts, track, path, unit, listing)
    source = f"{unit} {part.number}" + (f" '{part.name}'" if part.name else "")
    if len(part.notes) == 1:
        raise UserError(
            f"{path}: {source} has one note, and one note is no melody to accompany. "
            f"Play a few more, or choose another with --track. {listing}"
        )
    ticks = _ticks_by_voices(part.notes)
    if sum(ticks[n] for n in ticks if n >= 3) > ticks.total() / 3:
        raise UserError(
            f"{path}: {source} has up to {max(ticks)} notes sounding together; a melody has one. "
            f"Choose the track with the melody, counted from 1, with --track. {listing}"
        )
    resolution = file.ticks_per_beat
    return MelodyFile(
        notes=tuple(
            Note(onset / resolution, end / resolution, pitch) for onset, end, pitch in part.notes
        ),
        meta=_kept_meta(file),
        ticks_per_beat=resolution,
        title="" if file.tracks[0] in voiced else _name(file.tracks[0]),
        source=source,
    )


def _parse(path: Path) -> mido.MidiFile:
    if path.is_dir():
        raise UserError(f"{path} is a folder; give a MIDI file")
    if not path.is_file():
        raise UserError(f"no file at {path}; check the name")
    try:
        size = path.stat().st_size
        data = path.read_bytes() if size <= MAX_BYTES else b""
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from None
    if size > MAX_BYTES:
        raise UserError(f"{path} has {size:,} bytes, but a melody fits in {MAX_BYTES:,}")
    # mido would read numbers of any length, in time that grows with the square of it.
    if not data.startswith(b"MThd") or re.search(rb"[\x80-\xff]{65536}", data):
        raise UserError(f"{path} is not a MIDI file; export one (.mid) from your music program")
    try:
        file = mido.MidiFile(file=io.BytesIO(_standard_chunks(data)), clip=True)
    except Exception as error:  # mido raises a dozen kinds, each for another way to be broken
        reason = "it ends too early" if isinstance(error, EOFError) else str(error)
        raise UserError(f"{path} is a damaged MIDI file ({reason}); export it again") from None
    if file.ticks_per_beat <= 0:
        raise UserError(
            f"{path} counts time in film frames (SMPTE), not in beats; "
            "export it with ticks per quarter note (PPQ)"
        )
    if file.type not in (0, 1):
        raise UserError(f"{path} is MIDI of type {file.type}; export it as type 0 or 1")
    longest = max((sum(message.time for message in track) for track in file.tracks), default=0)
    if longest > MAX_BEATS * file.ticks_per_beat:
        raise UserError(
            f"{path} is {longest // file.ticks_per_beat:,} beats long; at most {MAX_BEATS:,} are "
            "read. Cut it, or look for an event that strayed far behind the end."
        )
    return file


def _standard_chunks(data: bytes) -> bytes:
    """A file's header and tracks alone: readers are to skip other chunks, which mido does not."""
    chunks, at = [], 0
    while at < len(data):
        end = at + 8 + int.from_bytes(data[at + 4 : at + 8], "big")
        if data[at : at + 4] in (b"MThd", b"MTrk"):
            chunks.append(data[at:end])
        at = end
    return b"".join(chunks)


def _tracks(file: mido.MidiFile) -> list[_Part]:
    return [
        _Part(number, _name(track), *_notes(track, range(16)))
        for number, track in enumerate(file.tracks, start=1)
    ]


def _channels(track: mido.MidiTrack) -> list[_Part]:
    used = sorted({message.channel for message in track if message.type == "note_on"})
    return [_Part(channel + 1, _name(track), *_notes(track, [channel])) for channel in used]


def _name(track: mido.MidiTrack) -> str:
    """The track's name, safe to print."""
    name = next((message.name for message in track if message.type == "track_name"), "")
    with suppress(UnicodeError):  # mido reads Latin-1; most programs of today write UTF-8
        name = name.encode("latin-1").decode("utf-8")
    return "".join(c for c in name if c.isprintable()).strip()[:60]


def _notes(
    track: mido.MidiTrack, channels: range | list[int]
) -> tuple[list[tuple[int, int, int]], bool]:
    """(onset, end, pitch) in ticks, by onset, of some channels; and whether there are drums."""
    began: dict[int, int] = {}
    again: dict[int, int] = {}
    notes = []
    has_drums = False
    now = 0

    def end(pitch: int) -> None:
        if pitch in began:
            onset = began.pop(pitch)
            notes.append((onset, max(onset + 1, now), pitch))

    for message in track:
        now += message.time
        if message.type not in ("note_on", "note_off") or message.channel not in channels:
            continue
        strikes = message.type == "note_on" and message.velocity > 0
        if message.channel == DRUMS:
            has_drums |= strikes
            continue
        if began.get(message.note) == now and strikes:
            continue  # doubled, as by two channels in unison
        if not strikes and again.get(message.note) == now:
            continue  # the end of the note before, written after the onset of the next
        if strikes and message.note in began:
            again[message.note] = now
        end(message.note)
        if strikes:
            began[message.note] = now
    for pitch in list(began):
        end(pitch)
    return sorted(notes), has_drums


def _ticks_by_voices(notes: list[tuple[int, int, int]]) -> Counter[int]:
    """For how many ticks exactly n notes sound together, for each n from 1 that occurs."""
    changes = [(onset, 1) for onset, _, _ in notes] + [(end, -1) for _, end, _ in notes]
    ticks: Counter[int] = Counter()
    sounding = 0
    for (tick, change), (following, _) in pairwise(sorted(changes)):
        sounding += change
        if sounding and following > tick:
            ticks[sounding] += following - tick
    return ticks


def _choose(parts: list[_Part], path: Path) -> _Part:
    with_notes = [part for part in parts if part.notes]
    if not with_notes:
        if any(part.has_drums for part in parts):
            raise UserError(f"{path} has only drums (channel 10); a melody needs pitched notes")
        raise UserError(f"{path} has no notes; give a file with a melody")
    tuneful = [part for part in with_notes if len(part.notes) > 1] or with_notes
    candidates = [part for part in tuneful if _MELODY_NAME.search(part.name)] or tuneful
    ticks = {part.number: _ticks_by_voices(part.notes) for part in candidates}
    longest = max(t.total() for t in ticks.values())

    def plausible(part: _Part) -> tuple[bool, bool, float]:
        total = ticks[part.number].total()
        monophonic = ticks[part.number][1] >= 0.75 * total
        mean_pitch = sum(pitch for _, _, pitch in part.notes) / len(part.notes)
        return total >= longest / 4, monophonic, mean_pitch

    return max(candidates, key=plausible)


def _numbered(parts: list[_Part], number: int, path: Path, unit: str, listing: str) -> _Part:
    part = next((part for part in parts if part.number == number), None)
    if part is None:
        raise UserError(f"{path} has no {unit} {number} (--track counts from 1). {listing}")
    if not part.notes:
        what = "only drums" if part.has_drums else "no notes"
        raise UserError(f"{path}: {unit} {number} has {what}. Choose another. {listing}")
    return part


def _kept_meta(file: mido.MidiFile) -> tuple[tuple[float, mido.MetaMessage], ...]:
    """The messages that say what time and key mean, from all tracks, by beat."""
    kept = []
    for track in file.tracks:
        now = 0
        for message in track:
            now += message.time
            # A signature without beats, or of 2^-200 notes, would make bars without length.
            readable = message.type != "time_signature" or (
                message.numerator > 0 and message.denominator <= 64
            )
            if message.type in _KEPT and readable:
                kept.append((now / file.ticks_per_beat, message.copy(time=0)))
    return tuple(sorted(kept, key=lambda timed: timed[0]))


# --- writing -------------------------------------------------------------------------------------


def write(path: Path, melody: MelodyFile, chords: np.ndarray) -> None:
    """Write a melody and its chords as a type 1 file of three tracks.

    The first holds the tempo map, the signatures, and a marker with each chord's lead-sheet name
    where it is struck ("N.C." where the chords stop); then the melody; then the chords, voiced so
    that each leads to the next.

    Args:
        path: the file; replaced if it is there.
        melody: as `read_melody` gives it.
        chords: states [T] of `gapt.music.frames.CHORDS`.

    Raises:
        UserError: the file cannot be written.
    """
    # Frames must fall on ticks, unless the resolution is odd and already the finest there is.
    exact = math.lcm(melody.ticks_per_beat, FRAMES_PER_BEAT)
    resolution = exact if exact < 2**15 else melody.ticks_per_beat
    markers: list[tuple[float, mido.MetaMessage]] = []
    played: list[_Span] = []
    voicing: tuple[int, ...] | None = None
    for first, end, index in CHORDS.to_spans(chords):
        voicing = voice(chord_at(index), voicing)
        played.append((first / FRAMES_PER_BEAT, end / FRAMES_PER_BEAT, voicing))
        markers.append((first / FRAMES_PER_BEAT, _marker(lead_sheet_name(index))))
        if end < len(chords) and not CHORDS.sounds(chords[end]):
            markers.append((end / FRAMES_PER_BEAT, _marker(NO_CHORD)))
    sung: list[_Span] = [(note.onset, note.offset, (note.pitch,)) for note in melody.notes]
    file = mido.MidiFile(
        type=1,
        charset="utf-8",
        ticks_per_beat=resolution,
        tracks=[
            _track(melody.title, [*melody.meta, *markers], resolution),
            _track("Melody", _performed(sung, _FLUTE, channel=0, velocity=88), resolution),
            _track(
                "Chords", _performed(played, _ELECTRIC_PIANO, channel=1, velocity=60), resolution
            ),
        ],
    )
    with replacing(path) as temporary:
        file.save(temporary)


def _marker(text: str) -> mido.MetaMessage:
    return mido.MetaMessage("marker", text=text)


def _performed(
    spans: list[_Span], program: int, channel: int, velocity: int
) -> list[tuple[float, mido.Message]]:
    """The spans' messages, each with its beat."""
    events = [(0.0, mido.Message("program_change", program=program, channel=channel))]
    for onset, offset, pitches in spans:
        for pitch in pitches:
            about = {"note": pitch, "channel": channel}
            events.append((onset, mido.Message("note_on", velocity=velocity, **about)))
            events.append((offset, mido.Message("note_off", velocity=0, **about)))
    return events


def _track(name: str, events: list, resolution: int) -> mido.MidiTrack:
    """A track of (beat, message) in any order; what ends at a tick ends before what begins."""
    timed = [(round(beat * resolution), message) for beat, message in events]
    timed.sort(key=lambda event: (event[0], event[1].type == "note_on"))
    track = mido.MidiTrack([mido.MetaMessage("track_name", name=name)])
    before = 0
    for tick, message in timed:
        track.append(message.copy(time=tick - before))
        before = tick
    return track
