"""`gapt plot`: how training runs went, drawn from their `metrics.csv` and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from gapt.errors import UserError
from gapt.evaluation.plots import Style, clean, styles
from gapt.files import replacing
from gapt.training.run import read_log

_COLUMNS = 3

# What is worth looking at, in this order; what a run has not logged is left out. A panel's second
# name, if any, is drawn black: what the data has.
_PANELS = {
    "reward, in all": ("reward/total",),
    "coherence": ("reward/coherence",),
    "rules": ("reward/rules",),
    "realism, by the discriminator": ("reward/adversarial/realism",),
    "harmony, held out": ("watch/harmony", "data/harmony"),
    "diversity (Vendi), held out": ("watch/vendi", "data/vendi"),
    "chord entropy, held out": ("watch/chord_entropy", "data/chord_entropy"),
    "share of the three commonest chords": ("watch/top_chords", "data/top_chords"),
    "chord changes a bar, held out": ("watch/changes_per_bar", "data/changes_per_bar"),
    "share of the changes on a beat": ("watch/onsets_on_beat", "data/onsets_on_beat"),
    "pitch classes a chord, held out": (
        "watch/pitch_classes_per_chord",
        "data/pitch_classes_per_chord",
    ),
    "share of silence, held out": ("watch/silent_share", "data/silent_share"),
    "divergence from the anchor": ("policy/anchor_kl",),
    "entropy of the policy": ("policy/entropy",),
    "share of clipped decisions": ("policy/clip_fraction",),
    "critic: explained variance": ("critic/explained_variance",),
    "discriminator's loss": ("discriminator/loss",),
    "discriminator's accuracy": ("discriminator/accuracy",),
    "discriminator's updates": ("discriminator/learns",),
}
_DENSE = 60  # points; a longer curve is smoothed

Log = dict[str, tuple[np.ndarray, np.ndarray]]
"""Steps and values of each measurement, by name."""


def plot(runs: Sequence[Path], out: Path) -> None:
    """Draw the curves of `runs` into the picture `out`.

    A style each; but seeds of one system, beside another's, share one (`gapt-0`, `gapt-1`).

    Raises:
        UserError: a folder holds no log, the logs have nothing in common that can be drawn, or
            the name of `out` is not a picture's.
    """
    logs = {name: read(run) for name, run in _named(runs).items()}
    panels = {
        title: names
        for title, names in (_PANELS | _others(logs.values())).items()
        if any(names[0] in log for log in logs.values())
    }
    if not panels:
        raise UserError("these runs have logged nothing yet")
    if out.suffix not in (".png", ".svg", ".pdf"):
        raise UserError(f"{out} is no picture; end its name in .png, .svg or .pdf")
    figure = draw(logs, panels)
    with replacing(out) as temporary:
        figure.savefig(temporary, format=out.suffix.lstrip("."), dpi=150)


def _named(runs: Sequence[Path]) -> dict[str, Path]:
    """Runs by their folders' names; where those are alike, by more of their paths."""
    paths = list(dict.fromkeys(run.resolve() for run in runs))
    parts = 1
    while len({path.parts[-parts:] for path in paths}) < len(paths):
        parts += 1
    return {"/".join(path.parts[-parts:]): path for path in paths}


def _styled(names: Iterable[str]) -> dict[str, tuple[str, Style]]:
    """What each run is called in the picture, and how it looks: by name."""
    systems = {name: re.sub(r"-\d+$", "", name) for name in names}
    if len(set(systems.values())) == 1:
        systems = {name: name for name in systems}
    looks = styles(list(dict.fromkeys(systems.values())))
    return {name: (system, looks[system]) for name, system in systems.items()}


def read(run: Path) -> Log:
    """A run's log.

    Raises:
        UserError: there is none.
    """
    path = run / "metrics.csv"
    if not path.is_file():
        raise UserError(f"{run} holds no run: there is no {path.name} in it")
    points: dict[str, list[tuple[float, float]]] = {}
    for step, name, value in read_log(path):
        points.setdefault(name, []).append((step, value))
    return {name: (np.array(p)[:, 0], np.array(p)[:, 1]) for name, p in points.items()}


def _others(logs: Iterable[Log]) -> dict[str, tuple[str, ...]]:
    """Panels for supervised stages, which log what they like, and for rewards beside ours."""
    known = [name for names in _PANELS.values() for name in names]
    names = {
        name
        for log in logs
        for name in log
        if name.startswith(("train/", "valid/"))
        or (
            name.startswith("reward/")
            and name.count("/") == 1
            and not any(panel == name or panel.startswith(f"{name}/") for panel in known)
        )
    }
    return {name: (name,) for name in sorted(names)}


def draw(logs: dict[str, Log], panels: dict[str, tuple[str, ...]]) -> Figure:
    """One panel for each of `panels`, titles and the names of measurements."""
    styled = _styled(logs)
    data: dict[str, float] = {}  # of the first run that has logged it
    for log in logs.values():
        data = {name: values[-1] for name, (_, values) in log.items()} | data
    lines = -(-len(panels) // _COLUMNS)
    figure = Figure(figsize=(11, 2.1 * lines + 0.5), layout="constrained")
    grid = figure.subplots(lines, _COLUMNS, squeeze=False).ravel()
    for axes, (title, names) in zip(grid, panels.items(), strict=False):
        clean(axes)
        axes.grid(color="#eeeeee")
        axes.set_title(title, loc="left", fontsize=10)
        axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
        for run, log in logs.items():
            if names[0] in log:
                _, style = styled[run]
                _curve(axes, *log[names[0]], style=style, summed=names[0].endswith("/learns"))
        for name in names[1:]:
            if name in data:
                axes.axhline(data[name], color="black", lw=1, ls=":")
    for axes in grid[len(panels) :]:
        axes.remove()
    figure.supxlabel("updates", fontsize=10)
    handles = [
        Line2D([], [], color=style.colour, ls=style.line, label=system)
        for system, style in dict.fromkeys(styled.values())
    ]
    if any(name in data for names in panels.values() for name in names[1:]):
        handles.append(Line2D([], [], color="black", ls=":", label="the data"))
    figure.legend(handles=handles, loc="outside upper left", ncols=6, frameon=False)
    return figure


def _curve(
    axes: Axes, steps: np.ndarray, values: np.ndarray, *, style: Style, summed: bool
) -> None:
    if summed:
        values = values.cumsum()
    window = 1 if summed else max(1, len(values) // _DENSE)
    if window > 1:
        axes.plot(steps, values, color=style.colour, lw=0.5, alpha=0.3)
    smooth = np.convolve(values, np.ones(window) / window, mode="valid")
    axes.plot(steps[window - 1 :], smooth, style.line, color=style.colour, lw=1.4)
