"""What an evaluation leaves behind: `results.json`, `results.md`, and the figures."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure

from gapt.evaluation import plots, rolls
from gapt.evaluation.scenarios import SCENARIOS
from gapt.files import replacing, write_json
from gapt.music.frames import FRAMES_PER_BEAT
from gapt.music.measures import (
    FRAMES_PER_BAR,
    Play,
    changes_by_bar,
    duration_counts,
    harmony_by_beat,
    ratio,
)

COLUMNS = (
    "harmony", "harmony_strict", "harmony_above_chance", "vendi", "vendi_in_any_key",
    "chord_entropy", "distinct_chords", "pitch_classes_per_chord", "changes_per_bar",
    "onsets_on_beat", "moves_when_fitting", "moves_when_clashing", "silent_share", "onset_emd",
    "duration_entropy", "nll",
)  # fmt: skip

Row = Mapping[str, Any]


class Chapter(NamedTuple):
    """One scenario on one split.

    Attributes:
        rows: one a system and measure; see `gapt.evaluation.evaluate`.
        plays: what was measured, by system; one play a seed.
        embeddings: of the first play's chords, [S, dim], by system.
    """

    split: str
    scenario: str
    rows: Sequence[Row]
    plays: Mapping[str, Sequence[Play]]
    embeddings: Mapping[str, np.ndarray]


def write(
    out: Path, chapters: Sequence[Chapter], *, corpus: str, judges: Mapping[str, str]
) -> None:
    """Write everything to the folder `out`.

    Args:
        out: is there.
        chapters: one a split and scenario.
        corpus: its fingerprint.
        judges: checksums of the judges used, by name.
    """
    rows = [row for chapter in chapters for row in chapter.rows]
    results = {
        "command": shlex.join(["gapt", *sys.argv[1:]]),
        "corpus": corpus,
        "judges": judges,
        "rows": rows,
        "harmony_by_beat": _over_time("harmony", harmony_by_beat, chapters),
        "changes_by_bar": _over_time("changes", changes_by_bar, chapters),
    }
    write_json(out / "results.json", results)
    text = [
        table(rows, _mean_and_deviation),
        "95 % intervals over songs:\n",
        table(rows, _interval),
    ]
    for chapter in chapters:
        text.append(f"## {chapter.split}, {chapter.scenario}\n")
        for title, figure in _figures(chapter).items():
            name = f"{chapter.split}-{chapter.scenario}-{title.replace(' ', '-')}.png"
            with replacing(out / name) as temporary:
                figure.savefig(temporary, format="png", dpi=150)
            text.append(f"![{title}]({name})\n")
    with replacing(out / "results.md") as temporary:
        temporary.write_text("\n".join(text))


def table(rows: Sequence[Row], cell: Callable[[Row], str]) -> str:
    """The rows as Markdown: one line a split, scenario and system, one column a measure."""
    lines: dict[tuple[str, str, str], dict[str, str]] = {}
    for row in rows:
        cells = lines.setdefault((row["split"], row["scenario"], row["system"]), {})
        cells[row["measure"]] = cell(row)
    more = {row["measure"]: None for row in rows if row["measure"] not in COLUMNS}  # of a jump
    columns = [*COLUMNS, *more]
    head = ["split", "scenario", "system", *(name.replace("_", " ") for name in columns)]
    text = [f"| {' | '.join(head)} |", f"|{' --- |' * len(head)}"]
    for about, cells in lines.items():
        line = [*about, *(cells.get(measure, "") for measure in columns)]
        text.append(f"| {' | '.join(line)} |")
    return "\n".join(text) + "\n"


def _mean_and_deviation(row: Row) -> str:
    if row["mean"] is None:
        return "–"
    return f"{row['mean']:.3f}" + (f" ± {row['std']:.3f}" if row["std"] else "")


def _interval(row: Row) -> str:
    return "–" if row["low"] is None else f"{row['low']:.3f} to {row['high']:.3f}"


def _pooled(counts: Callable[[Play], np.ndarray], plays: Sequence[Play]) -> np.ndarray:
    """A ratio in every unit of time, float [units], over the songs of all plays together."""
    return ratio(sum(counts(play).sum(0) for play in plays))


def _over_time(
    name: str, counts: Callable[[Play], np.ndarray], chapters: Sequence[Chapter]
) -> list[Row]:
    """What `_pooled` finds, of every chapter and system."""
    return [
        {
            "system": system, "split": chapter.split, "scenario": chapter.scenario,
            name: [None if np.isnan(x) else x for x in _pooled(counts, plays).tolist()],
        }
        for chapter in chapters
        for system, plays in chapter.plays.items()
    ]  # fmt: skip


def _figures(chapter: Chapter) -> dict[str, Figure]:
    scene = SCENARIOS[chapter.scenario]
    firsts = {name: plays[0] for name, plays in chapter.plays.items()}
    styles = plots.styles(list(firsts))
    points = {
        name: [
            next(row for row in chapter.rows if (row["system"], row["measure"]) == (name, measure))
            for measure in ("harmony", "vendi")
        ]
        for name in firsts
    }
    fits = {name: _pooled(harmony_by_beat, plays) for name, plays in chapter.plays.items()}
    moves = {name: _pooled(changes_by_bar, plays) for name, plays in chapter.plays.items()}
    durations = {name: duration_counts(play).sum(0) for name, play in firsts.items()}
    jump = None if scene.jump is None else scene.jump // FRAMES_PER_BEAT
    return {
        "harmony and diversity": plots.plane(points, styles),
        "harmony per beat": plots.over_time(
            fits,
            styles,
            of="harmony",
            unit="beat",
            given=scene.given // FRAMES_PER_BEAT,
            jump=jump,
            top=1,
        ),
        "chord changes per bar": plots.over_time(
            moves,
            styles,
            of="chord changes",
            unit="bar",
            given=scene.given // FRAMES_PER_BAR,
            jump=None if scene.jump is None else scene.jump // FRAMES_PER_BAR,
        ),
        "chord durations": plots.durations(durations, styles),
        "chord embeddings": plots.embedding_map(chapter.embeddings, styles),
        "one melody": rolls.piano_rolls(firsts, styles),
    }
