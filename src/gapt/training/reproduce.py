"""`gapt reproduce`: every stage of every system in order, then the evaluation of them all.

What is done is skipped and what was cut off goes on, so the same command may be given until it
ends. A folder a run, beside `evaluation`:

    mle  recover  anchor  judges/contrastive-0 ...  gapt-0  gapt-1 ...  anchor-melody  melody-agent
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from gapt.corpora.batches import Mixture, held_out
from gapt.corpora.store import Corpus
from gapt.errors import UserError
from gapt.evaluation.evaluate import evaluate
from gapt.evaluation.scenarios import SCENARIOS
from gapt.models.checkpoint import load
from gapt.training.judge import validation_pairs
from gapt.training.post import check_sizes
from gapt.training.recipes import RECIPES, JudgeRecipe, PostTrainingRecipe, load_recipe
from gapt.training.run import LAST, check_folder
from gapt.training.stages import train
from gapt.training.supervised import check_batch

SYSTEMS = (
    "realchords", "gapt-no-adv", "gapt", "gapt-following", "gapt-following-no-adv", "gapt-dy",
    "grpo", "grpo-adv",
)  # fmt: skip
"""The post-trained systems, the most telling first; what goes on from another, after it."""
MELODY_AGENT = "melody-agent"


class Planned(NamedTuple):
    """One run: its folder's name, its stage, and its recipe."""

    name: str
    stage: str
    recipe: Any


def plan(
    preset: str,
    out: Path,
    systems: Sequence[str],
    seeds: Sequence[int],
    *,
    updates: int | None = None,
    batch: int | None = None,
    duet: bool = False,
) -> list[Planned]:
    """All runs of a reproduction into `out`, each after those that it starts from.

    Args:
        preset: the sizes.
        out: the folder of all runs.
        systems: of `SYSTEMS`.
        seeds: of post-training.
        updates, batch: of every post-trained system; None: as its recipe says.
        duet: whether there is a melody agent, too, for the systems to play with.

    Raises:
        UserError: a system goes on from one that is not among `systems`.
    """

    def planned(name: str, stage: str, recipe: str, **changes: Any) -> Planned:
        loaded = load_recipe(RECIPES / f"{recipe}-{preset}.yaml", stage)
        try:
            return Planned(name, stage, msgspec.structs.replace(loaded, **changes))
        except ValueError as error:  # too few updates, say
            raise UserError(f"{name}: {error}") from None

    runs = [planned("mle", "policy", "policy")]
    if (RECIPES / f"policy-recover-{preset}.yaml").exists():
        runs.append(planned("recover", "policy", "policy-recover", start=str(out / "mle")))
    runs.append(planned("anchor", "anchor", "anchor"))
    for seed in (0, 1):
        for recipe in (
            "generative",
            "discriminative",
            "discriminative-rhythm",
            "contrastive",
            "contrastive-rhythm",
        ):
            stage = recipe.removesuffix("-rhythm")
            runs.append(planned(f"judges/{recipe}-{seed}", stage, recipe, seed=seed))
    sizes = {"steps": updates, "batch": batch}
    given = {key: size for key, size in sizes.items() if size is not None}
    for system in sorted(systems, key=SYSTEMS.index):
        for seed in seeds:
            run = planned(f"{system}-{seed}", "rl", f"rl/{system}", seed=seed, **given)
            start = Path(run.recipe.start).name
            if start in SYSTEMS:
                if start not in systems:
                    raise UserError(f"{system} goes on from {start}: --systems must name both")
                start = f"{start}-{seed}"
            runs.append(_within(out, run, start, "anchor"))
    if duet:
        runs.append(planned("anchor-melody", "anchor", "anchor-melody"))
        agent = planned(MELODY_AGENT, "rl", f"rl/{MELODY_AGENT}", **given)
        runs.append(_within(out, agent, Path(agent.recipe.start).name, "anchor-melody"))
    return runs


def _within(out: Path, run: Planned, start: str, anchor: str) -> Planned:
    """A run of post-training that takes what it needs from its own reproduction."""
    needed = {"start": start, "anchor": anchor, "judges": "judges"}
    paths = {key: str(out / name) for key, name in needed.items()}
    return run._replace(recipe=msgspec.structs.replace(run.recipe, **paths))


def reproduce(
    preset: str,
    corpus: Corpus,
    out: Path,
    *,
    systems: Sequence[str],
    seeds: Sequence[int],
    updates: int | None,
    batch: int | None,
    splits: Sequence[str],
    scenarios: Sequence[str],
    songs: int,
) -> None:
    """Train all that is not yet trained below `out`, and evaluate it into `out/evaluation`.

    For what is to be trained see `plan`, for how it is evaluated `evaluate`.

    Raises:
        UserError: see `train` and `evaluate`.
    """
    out = out.resolve()  # runs keep the paths of what they start from
    duet = any(SCENARIOS[scenario].duet for scenario in scenarios)
    runs = plan(preset, out, systems, seeds, updates=updates, batch=batch, duet=duet)
    # What would fail in the end, after days perhaps, fails now.
    processes, first = int(os.environ.get("WORLD_SIZE", "1")), os.environ.get("RANK", "0") == "0"
    for run in runs:
        check_folder(out / run.name, run.recipe)
        if isinstance(run.recipe, PostTrainingRecipe):
            check_sizes(run.recipe, processes)
        else:
            check_batch(run.recipe, processes)
        if isinstance(run.recipe, JudgeRecipe):
            validation_pairs(run.recipe, corpus)
    mixtures = {frozenset(run.recipe.mixture.items()): run.recipe.mixture for run in runs}
    for mixture in mixtures.values():
        Mixture.of(corpus, "train", mixture)
        held_out(corpus, mixture, 1)
    for split, scenario in product(splits, scenarios):
        SCENARIOS[scenario].play(corpus.split(split), songs)
    for number, run in enumerate(runs, start=1):
        done = steps_done(out / run.name)
        if first:
            print(f"{number}/{len(runs)} {run.name}: {done} of {run.recipe.steps} updates made")
        if done < run.recipe.steps:
            train(run.stage, run.recipe, corpus, out / run.name, resume=done > 0)
    if not first:
        return
    players: dict[str, list[Path]] = {
        name: [out / name] for name in ("mle", "recover") if (out / name).exists()
    }
    players |= {system: [out / f"{system}-{seed}" for seed in seeds] for system in systems}
    evaluate(
        players,
        corpus,
        out / "evaluation",
        anchor=out / "anchor",
        judges=out / "judges",
        splits=splits,
        scenarios=scenarios,
        songs=songs,
        seeds=(0,),
        temperature=0.99,
        melodist=out / MELODY_AGENT if duet else None,
    )


def steps_done(folder: Path) -> int:
    """How many updates a run's last checkpoint has seen; 0 without one."""
    last = folder / LAST
    return load(last)[0].step if last.exists() else 0
