"""`gapt reproduce`: every stage of every system in order, then the evaluation of them all.

What is done is skipped and what was cut off goes on, so the same command may be given until it
ends. A folder a run, beside `evaluation`:

    mle  recover  anchor  judges/contrastive-0 ...  gapt-0  gapt-1 ...
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from gapt.corpora.store import Corpus
from gapt.errors import UserError
from gapt.evaluation.evaluate import evaluate
from gapt.models.checkpoint import load
from gapt.training.judge import train_contrastive, train_discriminative, train_generative
from gapt.training.post import post_train
from gapt.training.pretrain import train_anchor, train_policy
from gapt.training.recipes import (
    ANCHOR_RECIPES,
    CONTRASTIVE_RECIPES,
    DISCRIMINATIVE_RECIPES,
    GENERATIVE_RECIPES,
    POLICY_RECIPES,
    POST_TRAINING_RECIPES,
    RECIPES,
    load_recipe,
)

SYSTEMS = (
    "realchords", "gapt-no-adv", "gapt", "gapt-following", "gapt-following-no-adv", "gapt-dy",
    "grpo", "grpo-adv",
)  # fmt: skip
"""The post-trained systems, the most telling first; what goes on from another, after it."""


class Stage(NamedTuple):
    """One run: its folder's name, its recipe, and what trains it."""

    name: str
    recipe: Any
    train: Callable[..., None]


def stages(preset: str, out: Path, systems: Sequence[str], seeds: Sequence[int]) -> list[Stage]:
    """All runs of a reproduction into `out`, each after those that it starts from.

    Raises:
        UserError: a system goes on from one that is not among `systems`.
    """

    def stage(
        name: str,
        recipe: str,
        presets: Mapping[str, Any],
        train: Callable[..., None],
        **changes: Any,
    ) -> Stage:
        loaded = load_recipe(RECIPES / f"{recipe}-{preset}.yaml", presets)
        return Stage(name, msgspec.structs.replace(loaded, **changes), train)

    runs = [stage("mle", "policy", POLICY_RECIPES, train_policy)]
    if (RECIPES / f"policy-recover-{preset}.yaml").exists():
        mle = str(out / "mle")
        runs.append(stage("recover", "policy-recover", POLICY_RECIPES, train_policy, start=mle))
    runs.append(stage("anchor", "anchor", ANCHOR_RECIPES, train_anchor))
    for seed in (0, 1):
        for judge, presets, train in (
            ("generative", GENERATIVE_RECIPES, train_generative),
            ("discriminative", DISCRIMINATIVE_RECIPES, train_discriminative),
            ("discriminative-rhythm", DISCRIMINATIVE_RECIPES, train_discriminative),
            ("contrastive", CONTRASTIVE_RECIPES, train_contrastive),
            ("contrastive-rhythm", CONTRASTIVE_RECIPES, train_contrastive),
        ):
            runs.append(stage(f"judges/{judge}-{seed}", judge, presets, train, seed=seed))
    for system in sorted(systems, key=SYSTEMS.index):
        for seed in seeds:
            run = stage(f"{system}-{seed}", f"rl/{system}", POST_TRAINING_RECIPES, post_train)
            start = Path(run.recipe.start).name
            if start in SYSTEMS:
                if start not in systems:
                    raise UserError(f"{system} goes on from {start}: --systems must name both")
                start = f"{start}-{seed}"
            paths = {
                "start": str(out / start),
                "anchor": str(out / "anchor"),
                "judges": str(out / "judges"),
            }
            runs.append(
                run._replace(recipe=msgspec.structs.replace(run.recipe, seed=seed, **paths))
            )
    return runs


def reproduce(
    preset: str,
    corpus: Corpus,
    out: Path,
    *,
    systems: Sequence[str],
    seeds: Sequence[int],
    splits: Sequence[str],
    scenarios: Sequence[str],
    songs: int,
) -> None:
    """Train all that is not yet trained below `out`, and evaluate it into `out/evaluation`.

    Raises:
        UserError: see the stages and `evaluate`.
    """
    runs = stages(preset, out, systems, seeds)
    for number, run in enumerate(runs, start=1):
        folder = out / run.name
        done = steps_done(folder)
        print(f"{number}/{len(runs)} {run.name}: {done} of {run.recipe.steps} updates made")
        if done == 0 and folder.exists():
            shutil.rmtree(folder)  # cut off before its first checkpoint
        if done < run.recipe.steps:
            run.train(run.recipe, corpus, folder, resume=done > 0)
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
    )


def steps_done(folder: Path) -> int:
    """How many updates a run's last checkpoint has seen; 0 without one."""
    last = folder / "last.safetensors"
    return load(last)[0].step if last.exists() else 0
