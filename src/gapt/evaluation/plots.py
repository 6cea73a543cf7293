"""The figures of an evaluation, from plain arrays. A system looks the same in each of them.

Knows no model and no corpus; `gapt.evaluation.rolls` draws the music itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn.manifold import TSNE

from gapt.evaluation.scenarios import ANCHOR, GROUND_TRUTH
from gapt.music.frames import FRAMES_PER_BEAT

# Okabe and Ito's colours, which colour-blind people can tell apart, without the yellow.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
_MARKERS = ("o", "s", "^", "D", "v", "P", "X")  # one more than colours: pairs repeat late
_LINES = ("-", "--", "-.")  # a colour that is used again has the next
_WIDTH = 9.0  # inches
LONGEST = 32  # frames; chords of two bars or more are counted together


class Style(NamedTuple):
    """How a system looks."""

    colour: str
    marker: str
    line: str = "-"


_OFFLINE = {GROUND_TRUTH: Style("black", "*"), ANCHOR: Style("#8a8a8a", "p")}
"""Who does not play live, and how they look."""


def styles(systems: Sequence[str]) -> dict[str, Style]:
    """Looks for systems."""
    lines = (line for line in cycle(_LINES) for _ in COLOURS)
    looks = map(Style, cycle(COLOURS), cycle(_MARKERS), lines)
    return {name: _OFFLINE.get(name) or next(looks) for name in systems}


def plane(points: Mapping[str, Sequence[Mapping[str, Any]]], styles: Mapping[str, Style]) -> Figure:
    """Harmony against diversity, with 95 % intervals over songs, and the Pareto front.

    For every point of the shaded area some live system has at least as much of both.

    Args:
        points: by system, its rows of harmony and of diversity.
        styles: by system.
    """
    figure, axes = _figure(5.2)
    # A system that is always silent has no harmony.
    shown = {name: rows for name, rows in points.items() if rows[0]["mean"] is not None}
    for name, (harmony, diversity) in shown.items():
        colour, marker, _ = styles[name]
        x, y = harmony["mean"], diversity["mean"]
        axes.plot([harmony["low"], harmony["high"]], [y, y], color=colour, lw=1.2)
        axes.plot([x, x], [diversity["low"], diversity["high"]], color=colour, lw=1.2)
        size = 13 if marker == "*" else 9
        axes.plot(x, y, marker, color=colour, ms=size, mec="white", zorder=3, label=name)
    axes.margins(0.15)
    left, bottom = axes.get_xlim()[0], axes.get_ylim()[0]
    live = [name for name in shown if name not in _OFFLINE]
    if front := pareto_front([tuple(row["mean"] for row in shown[name]) for name in live]):
        x, y = zip((left, front[0][1]), *front, (front[-1][0], bottom), strict=True)
        axes.step(x, y, where="pre", color="#999999", lw=1, ls="--", zorder=0)
        axes.fill_between(x, y, bottom, step="pre", color="#f6f6f6", zorder=-1)
        axes.set_xlim(left)
        axes.set_ylim(bottom)
    axes.set_xlabel("harmony: share of melody frames whose note is in the chord")
    axes.set_ylabel("diversity: Vendi score")
    _legend(figure, axes)
    return figure


def pareto_front(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """The points (x, y) of which no other has more of one and no less of the other, by x."""
    front: list[tuple[float, float]] = []
    for point in sorted(set(points), reverse=True):
        if not front or point[1] > front[-1][1]:
            front.append(point)
    return front[::-1]


def over_time(
    values: Mapping[str, np.ndarray],
    styles: Mapping[str, Style],
    *,
    of: str,
    unit: str,
    given: int = 0,
    jump: int | None = None,
    top: float | None = None,
) -> Figure:
    """A measure as a session goes on.

    Args:
        values: by system, one a unit of time.
        styles: by system.
        of: what is measured.
        unit: of time.
        given: how many units were played before the first of these.
        jump: the number of units before the melody jumps; None: it does not.
        top: of the axis; None: as high as the values.
    """
    figure, axes = _figure(4.2)
    for name, line in values.items():
        style, at = styles[name], np.arange(len(line)) + given + 1
        axes.plot(at, line, style.line, color=style.colour, lw=1.4, label=name)
    if jump is not None:
        axes.axvline(jump + 0.5, color="#777777", ls="--", lw=1)
        axes.annotate(
            "the melody jumps by six semitones", (jump + 0.5, 1), (4, -4), va="top",
            xycoords=("data", "axes fraction"), textcoords="offset points", color="#555555",
        )  # fmt: skip
    axes.set_xlabel(unit)
    axes.set_ylabel(of)
    axes.set_ylim(0, top)
    axes.margins(x=0.01)
    _legend(figure, axes)
    return figure


def durations(counts: Mapping[str, np.ndarray], styles: Mapping[str, Style]) -> Figure:
    """How long chords last: a histogram for each system, the first system's outlined in all.

    Args:
        counts: chords that last t frames, [t], by system.
        styles: by system.
    """
    shares = {}
    for name, count in counts.items():
        folded = np.append(count[1:LONGEST], count[LONGEST:].sum())
        shares[name] = folded / max(folded.sum(), 1)
    figure, panels = _panels(len(shares), height=1.25, columns=1)
    beats = np.arange(1, LONGEST + 1) / FRAMES_PER_BEAT
    outline, *_ = shares.values()
    for axes, (name, share) in zip(panels, shares.items(), strict=True):
        axes.bar(beats, share, width=0.2, color=styles[name].colour)
        edges = np.append(beats, beats[-1] + 0.25) - 0.125
        axes.stairs(outline, edges, color="black", lw=0.8)
        axes.set_title(name, color=styles[name].colour, loc="left", fontsize=10, pad=2)
        axes.set_xlim(0, beats[-1] + 0.25)
    ticks = range(0, LONGEST // FRAMES_PER_BEAT + 1)
    panels[-1].set_xticks(ticks, [*map(str, ticks[:-1]), f"≥{ticks[-1]}"])
    panels[-1].set_xlabel("beats that a chord lasts")
    figure.supylabel("share of chords", fontsize=10)
    return figure


def embedding_map(embeddings: Mapping[str, np.ndarray], styles: Mapping[str, Style]) -> Figure:
    """Where each system's chord sequences lie among those of all: one t-SNE, a panel a system.

    Args:
        embeddings: [S, dim], by system.
        styles: by system.
    """
    joined = np.concatenate(list(embeddings.values()))
    perplexity = min(30.0, (len(joined) - 1) / 3)
    # Of points that are all one there are no principal components, and TSNE would crash.
    init = "pca" if np.ptp(joined, axis=0).any() else "random"
    places = TSNE(perplexity=perplexity, init=init, random_state=0).fit_transform(joined)
    columns = min(4, len(embeddings))
    figure, panels = _panels(len(embeddings), height=_WIDTH / columns, columns=columns)
    ends = np.cumsum([len(rows) for rows in embeddings.values()])
    own = np.split(places, ends[:-1])
    for axes, name, mine in zip(panels, embeddings, own, strict=True):
        axes.scatter(places[:, 0], places[:, 1], s=3, color="#dddddd", lw=0)
        axes.scatter(mine[:, 0], mine[:, 1], s=6, color=styles[name].colour, lw=0)
        axes.set_title(name, color=styles[name].colour, fontsize=10)
        axes.set_axis_off()
    return figure


def falling_scores(curves: Sequence[Mapping[str, Any]]) -> Figure:
    """Judges' mean scores as chords are made worse: a panel for each way to do it.

    Args:
        curves: each with "judge", "chords" (what is done to them), "amounts", and "scores".
    """
    labels = {
        "replaced": "share of the chords that are replaced",
        "thickened": "share of the chords that have a tone more",
        "moved": "frames that chord onsets are moved by, at most",
    }
    kinds = list(dict.fromkeys(curve["chords"] for curve in curves))
    figure = Figure(figsize=(_WIDTH * len(kinds) / 2, 4.4), layout="constrained")
    for axes, kind in zip(figure.subplots(1, len(kinds), squeeze=False)[0], kinds, strict=True):
        clean(axes)
        axes.grid(color="#eeeeee")
        shown = (curve for curve in curves if curve["chords"] == kind)
        for curve, colour, marker in zip(shown, cycle(COLOURS), cycle(_MARKERS), strict=False):
            axes.plot(
                curve["amounts"], curve["scores"], f"-{marker}", color=colour, ms=4, lw=1.4,
                label=curve["judge"],
            )  # fmt: skip
        axes.set_xlabel(labels[kind])
        axes.set_ylabel("mean score")
        axes.set_ylim(min(0, axes.get_ylim()[0]), None)
        axes.legend(frameon=False, fontsize=9)
    return figure


def _figure(height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(_WIDTH, height), layout="constrained")
    axes = figure.subplots()
    clean(axes)
    axes.grid(color="#eeeeee")
    axes.set_axisbelow(True)
    return figure, axes


def _panels(count: int, height: float, columns: int) -> tuple[Figure, list[Axes]]:
    """Panels that share their axes; of the grid's places only `count` are used."""
    lines = -(-count // columns)
    figure = Figure(figsize=(_WIDTH, height * lines + 0.4), layout="constrained")
    grid = figure.subplots(lines, columns, sharex=True, sharey=True, squeeze=False).ravel()
    for axes in grid[count:]:
        axes.remove()
    for axes in grid[:count]:
        clean(axes)
    return figure, list(grid[:count])


def clean(axes: Axes) -> None:
    """Without the lines above and to the right."""
    axes.spines[["top", "right"]].set_visible(False)


def _legend(figure: Figure, axes: Axes) -> None:
    """Above the axes, so that it hides nothing."""
    figure.legend(
        *axes.get_legend_handles_labels(), loc="outside upper left", ncols=4, frameon=False
    )
