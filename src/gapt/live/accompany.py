"""`gapt accompany`: chords for a melody from a file, played as if it came live.

The accompanist hears the file frame by frame, and the chord of frame t is decided before the
melody of frame t is read: what is written is what it would have played on stage. Beat 0 of the
file is frame 0, rests and pickup as they are.
"""

from __future__ import annotations

import math
import os
import secrets
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import numpy as np
from rich.console import Console
from rich.progress import Progress

from gapt.errors import UserError
from gapt.files import write_json
from gapt.live.accompanist import Accompanist, first_chord
from gapt.music.chords import lead_sheet_name
from gapt.music.frames import CHORDS, FRAMES_PER_BEAT, encode
from gapt.music.leadsheet import LeadSheet
from gapt.music.measures import harmony, harmony_strict
from gapt.music.midi import MelodyFile, read_melody, write
from gapt.weights import DEFAULT_MODEL

MAX_TEMPERATURE = 2.0


@dataclass(frozen=True, slots=True)
class Accompaniment:
    """What was heard, what was played, and how long each decision took.

    Attributes:
        melody: states [T] of `gapt.music.frames.MELODY`.
        chords: states [T] of `gapt.music.frames.CHORDS`.
        decision_ms: [T]; entry t is the time from hearing frame t to the chord of frame t + 1.
    """

    melody: np.ndarray
    chords: np.ndarray
    decision_ms: np.ndarray

    @property
    def names(self) -> list[str | None]:
        """The chord of each frame as a lead sheet names it; None where there is none."""
        return [
            lead_sheet_name(int(CHORDS.symbol(state))) if CHORDS.sounds(state) else None
            for state in self.chords
        ]

    def measures(self) -> dict[str, object]:
        """Harmony (None where undefined) and the decision times' quantiles, ready for JSON."""
        scores = {"harmony": harmony, "harmony_strict": harmony_strict}
        values = {name: float(score(self.melody, self.chords)) for name, score in scores.items()}
        p50, p99 = np.quantile(self.decision_ms, [0.5, 0.99])
        return {
            **{name: None if math.isnan(value) else value for name, value in values.items()},
            "decision_ms": {"p50": round(float(p50), 3), "p99": round(float(p99), 3)},
        }


def accompany(melody: MelodyFile, accompanist: Accompanist) -> Accompaniment:
    """Play a whole melody to a fresh accompanist; a progress bar appears if it takes long."""
    heard = encode(LeadSheet(notes=melody.notes, chords=())).melody
    chords = np.empty_like(heard)
    decision_ms = np.empty(len(heard))
    for frame in _with_progress(len(heard)):
        chords[frame] = accompanist.chord
        began = perf_counter()
        accompanist.step(int(heard[frame]))
        decision_ms[frame] = 1000 * (perf_counter() - began)
    return Accompaniment(heard, chords, decision_ms)


def _with_progress(frames: int, patience: float = 2.0) -> Iterator[int]:
    console = Console(stderr=True)
    progress = Progress(console=console, transient=True)
    task = progress.add_task("Playing", total=frames)
    began = perf_counter()
    try:
        for frame in range(frames):
            waiting = console.is_terminal and not progress.live.is_started
            if waiting and perf_counter() - began > patience:
                progress.start()
            yield frame
            progress.advance(task)
    finally:
        if progress.live.is_started:  # stopping prints a line even if nothing was shown
            progress.stop()


def accompany_file(
    source: Path,
    out: Path,
    *,
    model: str = DEFAULT_MODEL,
    track: int | None = None,
    temperature: float = 1.0,
    listen: int = 0,
    seed: int | None = None,
    report: Path | None = None,
) -> None:
    """Read a melody, accompany it, write the result, and print what was played.

    Args:
        source: a MIDI file.
        out: the MIDI file to write.
        model: a shipped model's name or an exported model's path.
        track: the melody's track, from 1; chosen by `read_melody` if None.
        temperature: of the sampling, 0 to 2; 0 always plays the likeliest chord.
        listen: in beats; the first chord comes at the first multiple of it after the first note.
        seed: the same seed plays the same chords; drawn, and told, if None.
        report: where to write a JSON report; see docs/accompany.md.

    Raises:
        UserError: any of these cannot be used.
    """
    if not 0 <= temperature <= MAX_TEMPERATURE:  # catches NaN too
        raise UserError(f"temperature {temperature} is not in 0..{MAX_TEMPERATURE:g}")
    _check_outputs(source, out, report)
    melody = read_melody(source, track)
    first_note = round(FRAMES_PER_BEAT * min(note.onset for note in melody.notes))
    listen_frames = FRAMES_PER_BEAT * listen
    if listen and first_chord(first_note, listen_frames) >= FRAMES_PER_BEAT * melody.beats:
        raise UserError(
            f"the melody ends after {melody.beats:g} beats, and --listen {listen} would hear it "
            "all before the first chord"
        )
    seed = secrets.randbelow(2**32) if seed is None else seed
    accompanist = Accompanist.load(model, temperature=temperature, seed=seed, listen=listen_frames)
    played = accompany(melody, accompanist)
    measures = played.measures()
    write(out, melody, played.chords)
    if report is not None:
        about = {"model": model, "temperature": temperature, "listen": listen, "seed": seed}
        content = {**about, "frames": len(played.chords), **measures, "chords": played.names}
        write_json(report, content)
    print(f"{out}: {melody.bars} bars, the melody from {melody.source}")
    print(_summary(played.names, measures))
    print(f"model {model}, temperature {temperature:g}, listening {listen} beats, seed {seed}")


def _summary(names: list[str | None], measures: dict) -> str:
    common = Counter(name or "no chord" for name in names).most_common(6)
    chords = ", ".join(f"{name} {count / len(names):.0%}" for name, count in common)
    loose, strict = (
        "undefined" if measures[key] is None else f"{measures[key]:.2f}"
        for key in ("harmony", "harmony_strict")
    )
    times = measures["decision_ms"]
    return (
        f"chords, by time: {chords}\n"
        f"harmony {loose}, or {strict} when a silent chord counts as a miss\n"
        f"decisions: median {times['p50']:.1f} ms, 99 % within {times['p99']:.1f} ms"
    )


def _check_outputs(source: Path, out: Path, report: Path | None) -> None:
    """Refuse now what could not be written after minutes of playing."""
    outputs = [out] if report is None else [out, report]
    for path in outputs:
        if path.is_dir():
            raise UserError(f"{path} is a folder; give a file name in it")
        if not path.parent.is_dir():
            raise UserError(f"cannot write {path}: there is no folder {path.parent}; make it first")
        if not os.access(path.parent, os.W_OK):
            raise UserError(f"cannot write {path}: the folder {path.parent} is not writable")
        if _same(path, source):
            raise UserError(f"{path} is the melody itself; give the output another name")
    if out.suffix.lower() not in (".mid", ".midi"):
        raise UserError(f"the output is a MIDI file: end its name in .mid, not as in {out}")
    if report is not None and _same(out, report):
        raise UserError(f"{out} cannot be both the MIDI file and the report; give two names")


def _same(one: Path, other: Path) -> bool:
    both_exist = one.exists() and other.exists()
    return one.resolve() == other.resolve() or (both_exist and one.samefile(other))
