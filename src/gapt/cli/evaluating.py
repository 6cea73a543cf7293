"""`gapt evaluate`, `judge`, `credit`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gapt.cli.options import (
    SCENARIOS,
    SPLITS,
    CorpusFolder,
    JudgesFolder,
    read_choices,
    read_seeds,
)
from gapt.cli.root import app
from gapt.errors import UserError, did_you_mean
from gapt.weights import SHIPPED_JUDGES


@app.command("evaluate")
def _evaluate(
    system: Annotated[
        list[str],
        typer.Option(
            "--system",
            help="NAME=PATH of a run or checkpoint, or a shipped model; a NAME given several "
            "times is one system with several runs.",
        ),
    ],
    corpus: CorpusFolder,
    out: Annotated[Path, typer.Option("--out", help="Folder for tables, figures and sound.")],
    split: Annotated[str, typer.Option(help="test, ood, or all; or valid.")] = "test",
    scenario: Annotated[
        str, typer.Option(help="cold, primed, perturbed, long, duet; several with commas; or all.")
    ] = "cold",
    songs: Annotated[int, typer.Option(min=1, help="Songs of a split, at most.")] = 256,
    seeds: Annotated[str, typer.Option(help="Seeds of the sampling, separated by commas.")] = "0",
    temperature: Annotated[float, typer.Option(min=0.01, help="Of the sampling.")] = 0.99,
    anchor: Annotated[
        Path, typer.Option(help="Run or checkpoint of the anchor; left out: the shipped one.")
    ] = Path("anchor"),
    judges: JudgesFolder = SHIPPED_JUDGES,
    melodist: Annotated[
        Path | None, typer.Option(help="The policy that improvises the melodies of a duet.")
    ] = None,
    audio: Annotated[int, typer.Option(min=0, help="Songs to render as WAV.")] = 0,
) -> None:
    """Let systems play along with held-out melodies, and measure what they play."""
    systems: dict[str, list[Path]] = {}
    for item in system:
        name, _, path = item.partition("=")
        if not (name and path):
            raise UserError(
                f"--system takes NAME=PATH, e.g. mine=runs/mine or gapt=gapt; not '{item}'"
            )
        systems.setdefault(name, []).append(Path(path))
    splits = read_choices("--split", split, SPLITS, "valid")
    scenarios = read_choices("--scenario", scenario, SCENARIOS, "duet")
    numbers = read_seeds(seeds)
    from gapt.corpora.store import Corpus
    from gapt.evaluation.evaluate import evaluate

    evaluate(
        systems,
        Corpus.load(corpus),
        out,
        anchor=anchor,
        judges=judges,
        splits=splits,
        scenarios=scenarios,
        songs=songs,
        seeds=numbers,
        temperature=temperature,
        melodist=melodist,
        audio=audio,
    )


@app.command("judge")
def _judge(
    corpus: CorpusFolder,
    out: Annotated[Path, typer.Option("--out", help="Folder for the report.")],
    judges: JudgesFolder = SHIPPED_JUDGES,
    split: Annotated[str, typer.Option(help="test, or ood.")] = "test",
    songs: Annotated[int, typer.Option(min=2, help="Songs of the split, at most.")] = 256,
) -> None:
    """Examine the judges of coherence: what they find, and whether they notice worse chords."""
    if split not in SPLITS:
        raise UserError(f"--split is '{split}'. {did_you_mean(split, SPLITS)}")
    from gapt.corpora.store import Corpus
    from gapt.evaluation.judges import examine

    examine(judges, Corpus.load(corpus), out, split=split, songs=songs)


@app.command("credit")
def _credit(
    recipe: Annotated[Path, typer.Option(help="Of post-training: a recipes/rl/….yaml.")],
    corpus: CorpusFolder,
    policy: Annotated[
        Path, typer.Option(help="Run or checkpoint that plays, or a shipped model.")
    ] = Path("recover"),
) -> None:
    """Examine what the judges of a recipe tell a policy, and whether it is which chords fit."""
    from gapt.corpora.store import Corpus
    from gapt.training.credit import credit, report
    from gapt.training.recipes import load_recipe

    chosen = load_recipe(recipe, "rl")
    typer.echo(report(credit(chosen, Corpus.load(corpus), policy)))
