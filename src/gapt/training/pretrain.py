"""Stages 1 and 2: the online policy and the offline anchor, by maximum likelihood.

Method sections 2.1 and 2.2. Both learn from the same windows; they differ in what they see of the
melody, and in that the policy also learns to expect it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gapt.corpora.store import Corpus, Song
from gapt.errors import UserError
from gapt.models.anchor import Anchor, AnchorConfig
from gapt.models.checkpoint import load_anchor, load_policy
from gapt.models.policy import Policy
from gapt.music.frames import CHORDS, MELODY, Voice
from gapt.training.batches import Batch, Mixture, held_out, stack, with_wrong_past
from gapt.training.recipes import AnchorRecipe, LikelihoodRecipe
from gapt.training.supervised import Task, fit


def nll(logits: Tensor, states: Tensor, voice: Voice) -> Tensor:
    """Negative log-likelihoods in nats, float [B, T], of a voice's states under action logits."""
    return F.cross_entropy(logits.transpose(1, 2), voice.actions(states), reduction="none")


def policy_nll(model: nn.Module, melody: Tensor, chords: Tensor, real: Tensor) -> dict[str, Tensor]:
    """The policy's negative log-likelihoods [B, T] of chords and of melody."""
    output = model(melody, chords)
    return {
        "chord_nll": nll(output.chords, chords, CHORDS),
        "melody_nll": nll(output.melody, melody, MELODY),
    }


def anchor_nll(model: nn.Module, melody: Tensor, chords: Tensor, real: Tensor) -> dict[str, Tensor]:
    """The anchor's negative log-likelihoods [B, T] of the part it plays."""
    part = cast(Anchor, model).part
    name, own = ("chord_nll", chords) if part == CHORDS else ("melody_nll", melody)
    return {name: nll(model(melody, chords, real), own, part)}


NLL = Callable[[nn.Module, Tensor, Tensor, Tensor], dict[str, Tensor]]


class LikelihoodTask(Task):
    """Maximum likelihood, a frame at a time; perhaps from another network on.

    Attributes:
        nll: negative log-likelihoods, by name, of what the model learns.
    """

    nll: NLL
    chosen_by = "chord_nll"

    def __init__(
        self, recipe: LikelihoodRecipe, corpus: Corpus, build: Callable[[Any], nn.Module],
        load: Callable[[Path], nn.Module],
    ) -> None:  # fmt: skip
        self.recipe = recipe
        torch.manual_seed(recipe.seed)
        self.model = build(self.config)
        if recipe.start:
            first = load(Path(recipe.start))
            if first.config != self.model.config:
                raise UserError(
                    f"{recipe.start} has the sizes {first.config}, the recipe {self.model.config}"
                )
            self.model.load_state_dict(first.state_dict())
        self.mixture = Mixture.of(corpus, "train", recipe.mixture)
        self.held_out = held_out(corpus, recipe.mixture, recipe.validation_songs)

    def draw(self, rng: np.random.Generator, size: int) -> Batch:
        """Random windows in random keys, some with a wrong past."""
        windows = self.mixture.draw(rng, size, self.recipe.frames)
        return with_wrong_past(windows, self.recipe.wrong_past, rng)

    def loss(
        self, model: nn.Module, batch: list[Tensor], frames: float
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Mean negative log-likelihood a frame, summed over the voices that are learnt."""
        real = batch[2]
        parts = {
            name: (part * real).sum() / frames for name, part in self.nll(model, *batch).items()
        }
        return torch.stack(list(parts.values())).sum(), parts

    def validate(self, model: nn.Module, device: torch.device) -> dict[str, float]:
        """Negative log-likelihood a frame over held-out songs, each from its first frame."""
        return song_nll(model, self.nll, self.held_out, self.recipe.frames, device)


class PolicyTask(LikelihoodTask):
    """The online policy's."""

    name = "policy"
    nll = staticmethod(policy_nll)

    def __init__(self, recipe: LikelihoodRecipe, corpus: Corpus) -> None:
        self.config = recipe.transformer
        super().__init__(recipe, corpus, Policy, load_policy)


class AnchorTask(LikelihoodTask):
    """The offline anchor's."""

    name = "anchor"
    nll = staticmethod(anchor_nll)

    def __init__(self, recipe: AnchorRecipe, corpus: Corpus) -> None:
        self.config = AnchorConfig(transformer=recipe.transformer, part=recipe.part)
        self.chosen_by = "chord_nll" if recipe.part == "chords" else "melody_nll"
        super().__init__(recipe, corpus, Anchor, load_anchor)


@torch.no_grad()
def song_nll(
    model: nn.Module, nll: NLL, songs: Sequence[Song], frames: int, device: torch.device
) -> dict[str, float]:
    """Mean negative log-likelihoods a frame of the first `frames` frames of songs, in nats."""
    totals: dict[str, float] = {}
    count = 0
    for first in range(0, len(songs), 64):
        some = songs[first : first + 64]
        rows = stack(some, [0] * len(some), frames)
        melody, chords, real = (torch.from_numpy(array).to(device) for array in rows)
        for name, part in nll(model, melody, chords, real).items():
            totals[name] = totals.get(name, 0.0) + float((part * real).sum())
        count += int(real.sum())
    return {name: total / count for name, total in totals.items()}


def train_policy(
    recipe: LikelihoodRecipe, corpus: Corpus, out: Path, *, resume: bool = False
) -> None:
    """Train the online policy into the run folder `out`; see `gapt.training.supervised.fit`."""
    fit(PolicyTask(recipe, corpus), recipe, out, resume=resume)


def train_anchor(recipe: AnchorRecipe, corpus: Corpus, out: Path, *, resume: bool = False) -> None:
    """Train the offline anchor likewise."""
    fit(AnchorTask(recipe, corpus), recipe, out, resume=resume)
