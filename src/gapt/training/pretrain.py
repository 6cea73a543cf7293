"""Stage 1: the online policy by maximum likelihood, both heads (method section 2.1)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gapt.corpora.store import Corpus, Song
from gapt.errors import UserError
from gapt.models.policy import Policy, PolicyOutput
from gapt.music.frames import CHORDS, MELODY
from gapt.training.batches import Batch, Mixture, stack
from gapt.training.recipes import PolicyRecipe
from gapt.training.supervised import fit


def nll(output: PolicyOutput, melody: Tensor, chords: Tensor) -> tuple[Tensor, Tensor]:
    """Negative log-likelihoods in nats, float [B, T] each, of the chords and of the melody."""
    chord_nll = F.cross_entropy(
        output.chords.transpose(1, 2), CHORDS.actions(chords), reduction="none"
    )
    melody_nll = F.cross_entropy(
        output.melody.transpose(1, 2), MELODY.actions(melody), reduction="none"
    )
    return chord_nll, melody_nll


class PolicyTask:
    """Maximum likelihood of chords and melody, each frame given the frames before."""

    name = "policy"
    chosen_by = "chord_nll"

    def __init__(self, recipe: PolicyRecipe, corpus: Corpus) -> None:
        self.recipe = recipe
        torch.manual_seed(recipe.seed)
        self.model: nn.Module = Policy(recipe.transformer)
        corpora = {name: corpus.select("train", [name]) for name in recipe.mixture}
        if not any(corpora.values()):
            raise UserError(f"this corpus folder has no {' and no '.join(corpora)} to train on")
        for name in (name for name, songs in corpora.items() if not songs):
            print(f"no {name} in this corpus folder: the other corpora take its share")
        self.mixture = Mixture(corpora, recipe.mixture)
        self.held_out = spread(
            corpus.select("valid", list(recipe.mixture)), recipe.validation_songs
        )
        if not self.held_out:
            raise UserError("no songs of the valid split in this corpus folder")

    def draw(self, rng: np.random.Generator, size: int) -> Batch:
        """Random windows in random keys."""
        return self.mixture.draw(rng, size, self.recipe.frames)

    def loss(
        self, model: nn.Module, batch: list[Tensor], frames: float
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Mean negative log-likelihood a frame, chords plus melody."""
        melody, chords, real = batch
        chord_nll, melody_nll = nll(model(melody, chords), melody, chords)
        chord_loss = (chord_nll * real).sum() / frames
        melody_loss = (melody_nll * real).sum() / frames
        return chord_loss + melody_loss, {"chord_nll": chord_loss, "melody_nll": melody_loss}

    def validate(self, model: nn.Module, device: torch.device) -> dict[str, float]:
        """Negative log-likelihood a frame over held-out songs, each from its first frame."""
        return song_nll(model, self.held_out, self.recipe.frames, device)


def song_nll(
    model: nn.Module, songs: Sequence[Song], frames: int, device: torch.device, batch: int = 64
) -> dict[str, float]:
    """Mean negative log-likelihood a frame of the first `frames` frames of songs, in nats."""
    total, count = np.zeros(2), 0
    for first in range(0, len(songs), batch):
        some = songs[first : first + batch]
        rows = stack(some, [0] * len(some), frames)
        melody, chords, real = (torch.from_numpy(array).to(device) for array in rows)
        with torch.no_grad():
            pair = nll(model(melody, chords), melody, chords)
        total += [float((part * real).sum()) for part in pair]
        count += int(real.sum())
    return {"chord_nll": total[0] / count, "melody_nll": total[1] / count}


def spread(songs: list[Song], count: int) -> list[Song]:
    """At most `count` songs, evenly spaced through the list: the same ones every time."""
    if len(songs) <= count:
        return songs
    return [songs[i * len(songs) // count] for i in range(count)]


def train_policy(recipe: PolicyRecipe, corpus: Corpus, out: Path, *, resume: bool = False) -> None:
    """Train the online policy into the run folder `out`; see `gapt.training.supervised.fit`."""
    fit(PolicyTask(recipe, corpus), recipe, out, resume=resume)
