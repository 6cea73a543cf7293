"""`gapt bench`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from gapt.cli.options import (
    JsonFile,
    JudgesFolder,
    ModelOption,
    Preset,
)
from gapt.cli.root import bench
from gapt.files import write_json
from gapt.weights import DEFAULT_MODEL, SHIPPED_JUDGES

Figures = dict[str, Any]


def _tell(figures: Figures, report: Callable[[Figures], str], path: Path | None) -> None:
    """Print the figures in words, and write them as JSON if a path is given."""
    typer.echo(report(figures))
    if path:
        write_json(path, figures)


@bench.command("decision")
def _bench_decision(
    model: ModelOption = DEFAULT_MODEL,
    frames: Annotated[int, typer.Option(min=10, help="Decisions to time.")] = 1000,
    json: JsonFile = None,
) -> None:
    """Time the accompanist's decisions on one core, at a session's start and long after."""
    from gapt.live.bench_decision import bench_decision, report

    _tell(bench_decision(model, frames), report, json)


@bench.command("measures")
def _bench_measures(
    judges: JudgesFolder = SHIPPED_JUDGES,
    json: JsonFile = None,
) -> None:
    """Time all measures of 1,000 made-up songs of 256 frames."""
    from gapt.evaluation.bench import bench_measures, report

    _tell(bench_measures(judges), report, json)


@bench.command("rollout")
def _bench_rollout(
    model: Annotated[
        Path, typer.Option(help="A shipped policy's name, a run, or a checkpoint.")
    ] = Path("mle"),
    json: JsonFile = None,
) -> None:
    """Time a policy playing 64 songs of 256 frames at once, on the CPU."""
    from gapt.evaluation.bench import bench_rollout, report

    _tell(bench_rollout(model), report, json)


@bench.command("train")
def _bench_train(
    preset: Annotated[Preset, typer.Option(help="The sizes.")] = Preset.small,
    updates: Annotated[int, typer.Option(min=1, help="Updates to time, after the first.")] = 3,
    json: JsonFile = None,
) -> None:
    """Time one update of post-training, part by part."""
    from gapt.training.bench import bench_train, report

    _tell(bench_train(preset, updates), report, json)


@bench.command("live")
def _bench_live(
    sessions: Annotated[int, typer.Option(min=1, help="Players at the same time.")] = 20,
    bpm: Annotated[float, typer.Option(min=20, max=400, help="Their tempo.")] = 120,
    seconds: Annotated[float, typer.Option(min=1, help="How long they play.")] = 30,
    model: ModelOption = DEFAULT_MODEL,
    json: JsonFile = None,
) -> None:
    """Time the answers of a server that many play with, in real time, over sockets."""
    from gapt.live.bench_live import bench_live, report

    _tell(bench_live(sessions, bpm, seconds, model), report, json)
