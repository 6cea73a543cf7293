"""`gapt train`, `reproduce`, `plot`, `export`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from gapt.cli.options import (
    MAX_SEED,
    SCENARIOS,
    SPLITS,
    CorpusFolder,
    Preset,
    read_choices,
    read_seeds,
)
from gapt.cli.root import app
from gapt.errors import UserError


class Stage(StrEnum):
    """What can be trained."""

    policy = "policy"
    anchor = "anchor"
    contrastive = "contrastive"
    discriminative = "discriminative"
    generative = "generative"
    rl = "rl"


@app.command("train")
def _train(
    stage: Stage,
    recipe: Annotated[
        Path, typer.Option(help="YAML file of the stage, e.g. recipes/policy-small.yaml.")
    ],
    corpus: CorpusFolder,
    out: Annotated[Path, typer.Option(help="Folder of the run.")],
    seed: Annotated[
        int | None, typer.Option(min=0, max=MAX_SEED, help="Instead of the recipe's.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the run that is there, if there is one.")
    ] = False,
) -> None:
    """Train a network by a recipe.

    policy: the online chord policy, by maximum likelihood.
    anchor: the offline anchor, which sees the whole melody.
    contrastive, discriminative, generative: the judges of coherence.
    rl: post-training by reinforcement learning, with GAPT's adversary or without.
    """
    import msgspec

    from gapt.corpora.store import Corpus
    from gapt.training.recipes import load_recipe
    from gapt.training.stages import train

    settings = load_recipe(recipe, stage)
    if seed is not None:
        settings = msgspec.structs.replace(settings, seed=seed)
    train(stage, settings, Corpus.load(corpus), out, resume=resume)


@app.command("reproduce")
def _reproduce(
    preset: Annotated[Preset, typer.Option(help="The sizes.")],
    corpus: CorpusFolder,
    out: Annotated[Path, typer.Option("--out", help="Folder of all runs.")],
    systems: Annotated[
        str,
        typer.Option(
            help="Post-trained systems, with commas, of realchords, gapt-no-adv, gapt, "
            "gapt-following, gapt-following-no-adv, gapt-dy, grpo, grpo-adv; or all."
        ),
    ] = "realchords,gapt-no-adv,gapt,gapt-following",
    seeds: Annotated[str, typer.Option(help="Of post-training, separated by commas.")] = "0,1,2",
    updates: Annotated[
        int | None,
        typer.Option(min=1, help="Of each post-trained system. Left out: as its recipe says."),
    ] = None,
    batch: Annotated[
        int | None,
        typer.Option(min=1, help="Trajectories of such an update. Left out: as the recipe says."),
    ] = None,
    split: Annotated[str, typer.Option(help="To evaluate on: test, ood, or all.")] = "test",
    scenario: Annotated[
        str,
        typer.Option(
            help="cold, primed, perturbed, long; several with commas; or all. And duet, for which "
            "a melody agent is trained, too."
        ),
    ] = "cold,perturbed",
    songs: Annotated[int, typer.Option(min=1, help="Songs of a split, at most.")] = 256,
) -> None:
    """Train every stage of every system, and evaluate them all; goes on where it was cut off."""
    splits = read_choices("--split", split, SPLITS)
    scenarios = read_choices("--scenario", scenario, SCENARIOS, "duet")
    numbers = read_seeds(seeds)
    from gapt.corpora.store import Corpus
    from gapt.training.reproduce import SYSTEMS, reproduce

    reproduce(
        preset,
        Corpus.load(corpus),
        out,
        systems=read_choices("--systems", systems, SYSTEMS),
        seeds=numbers,
        updates=updates,
        batch=batch,
        splits=splits,
        scenarios=scenarios,
        songs=songs,
    )


@app.command("plot")
def _plot(
    runs: Annotated[list[Path], typer.Argument(help="Folders of runs, to be compared.")],
    out: Annotated[Path, typer.Option("--out", help="The picture to write.")],
) -> None:
    """Draw how training runs went; runs named NAME-0, NAME-1 ... in one colour, beside others."""
    from gapt.training.curves import plot

    plot(runs, out)


@app.command("export")
def _export(
    runs: Annotated[
        list[Path],
        typer.Argument(
            help="A run folder, a checkpoint, or a shipped model; of several runs from the same "
            "start, their mean."
        ),
    ],
    out: Annotated[Path, typer.Option("--out", help="The .onnx or .safetensors file to write.")],
    calm: Annotated[
        str | None,
        typer.Option(
            help="Added to a policy's logit of holding its chord, so it moves less: one number, or "
            "four, for the beat and the three sixteenths after it. Left out: as it is."
        ),
    ] = None,
    settle: Annotated[
        float | None,
        typer.Option(
            help="Added to it as well in the sixteenth after a chord was struck, so that none is "
            "struck over at once. Left out: as it is."
        ),
    ] = None,
    half: Annotated[bool, typer.Option("--half", help="Store the weights in 16 bits.")] = False,
    float32: Annotated[
        bool, typer.Option("--float32", help="Play exactly as trained: not in 8 bits, but slower.")
    ] = False,
) -> None:
    """Export a trained network: a policy as ONNX, to play with; any as safetensors, to share."""
    from gapt.models.export import export as write

    biases = _calm(calm) if calm else ()
    write(runs, out, calm=biases, settle=settle, half=half, float32=float32)


def _calm(text: str) -> list[float]:
    """Of `--calm`: numbers, separated by commas."""
    try:
        return [float(number) for number in text.split(",")]
    except ValueError:
        raise UserError(f"--calm takes numbers, e.g. 1,4,3,4; not '{text}'") from None
