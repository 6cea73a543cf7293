"""The stages of training, by the names that `gapt train` and their recipes give them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from gapt.corpora.store import Corpus
from gapt.training.judge import ContrastiveTask, DiscriminativeTask, GenerativeTask
from gapt.training.post import post_train
from gapt.training.pretrain import AnchorTask, PolicyTask
from gapt.training.supervised import Task, fit

TASKS: dict[str, Callable[[Any, Corpus], Task]] = {
    "policy": PolicyTask,
    "anchor": AnchorTask,
    "contrastive": ContrastiveTask,
    "discriminative": DiscriminativeTask,
    "generative": GenerativeTask,
}
"""The supervised ones. The other is "rl", post-training."""


def train(stage: str, recipe: Any, corpus: Corpus, out: Path, *, resume: bool = False) -> None:
    """Train a network by a recipe of its stage into the run folder `out`.

    Raises:
        UserError: see `fit` and `post_train`; or the recipe is none that the corpus can serve.
    """
    if stage == "rl":
        post_train(recipe, corpus, out, resume=resume)
    else:
        fit(TASKS[stage](recipe, corpus), recipe, corpus, out, resume=resume)
