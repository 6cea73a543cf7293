"""Stage 3: the coherence reward models (method section 2.3).

The contrastive judge learns to find each melody's chords among those of the batch, and each chords'
melody; the discriminative judge to tell pairs of one song from pairs of two. Songs of a batch are
distinct, each in a random key of its own, and all windows have one length.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gapt.corpora.store import Corpus
from gapt.errors import UserError
from gapt.evaluation.judging import classification, retrieval
from gapt.models.judges import ContrastiveJudge, DiscriminativeJudge, JudgeConfig
from gapt.training.batches import Batch, Mixture, held_out, spread, stack
from gapt.training.recipes import JudgeRecipe
from gapt.training.supervised import Task, fit


class _JudgeTask(Task):
    """What both judges share: their batches, and the pairs they are validated on."""

    chosen_by = "loss"

    def __init__(self, recipe: JudgeRecipe, corpus: Corpus) -> None:
        self.recipe = recipe
        self.config: JudgeConfig = JudgeConfig(transformer=recipe.transformer, rhythm=recipe.rhythm)
        torch.manual_seed(recipe.seed)
        self.mixture = Mixture.of(corpus, "train", recipe.mixture)
        frames = sorted(recipe.lengths)[len(recipe.lengths) // 2]
        songs = held_out(corpus, recipe.mixture, len(corpus.songs))
        long = [song for song in songs if len(song.frames) >= frames]
        if len(long) < 2:
            raise UserError(f"fewer than two songs of the valid split have {frames} frames")
        pairs = spread(long, recipe.validation_songs)
        self.pairs = stack(pairs, [0] * len(pairs), frames)

    def draw(self, rng: np.random.Generator, size: int) -> Batch:
        """Full windows of one random length, of distinct songs, in random keys."""
        return self.mixture.draw_whole(rng, size, int(rng.choice(self.recipe.lengths)))

    def _held_out(self, device: torch.device) -> list[Tensor]:
        return [torch.from_numpy(array).to(device) for array in self.pairs]


class ContrastiveTask(_JudgeTask):
    """Symmetric InfoNCE over the pairs of a batch (CLIP, arXiv 2103.00020, figure 3)."""

    name = "contrastive"

    def __init__(self, recipe: JudgeRecipe, corpus: Corpus) -> None:
        super().__init__(recipe, corpus)
        self.model = ContrastiveJudge(self.config)

    def loss(
        self, model: nn.Module, batch: list[Tensor], frames: float
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The cross-entropy of each row's own column and of each column's own row."""
        logits = model(*batch)
        own = torch.arange(len(logits), device=logits.device)
        loss = (F.cross_entropy(logits, own) + F.cross_entropy(logits.T, own)) / 2
        found = (logits.argmax(1) == own).float().mean()
        return loss, {"loss": loss, "recall_at_1": found}

    @torch.no_grad()
    def validate(self, model: nn.Module, device: torch.device) -> dict[str, float]:
        """The loss, and retrieval, with all held-out songs as one pool."""
        batch = self._held_out(device)
        loss, _ = self.loss(model, batch, 0.0)
        return {"loss": float(loss), **retrieval(model(*batch))}


class DiscriminativeTask(_JudgeTask):
    """Real pairs against each melody with the chords of the next song of the batch."""

    name = "discriminative"

    def __init__(self, recipe: JudgeRecipe, corpus: Corpus) -> None:
        super().__init__(recipe, corpus)
        self.model = DiscriminativeJudge(self.config)

    def loss(
        self, model: nn.Module, batch: list[Tensor], frames: float
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Binary cross-entropy, half the pairs real."""
        logits, real = self._logits(model, batch)
        loss = F.binary_cross_entropy_with_logits(logits, real)
        return loss, {"loss": loss, "accuracy": ((logits > 0) == (real > 0)).float().mean()}

    def _logits(self, model: nn.Module, batch: list[Tensor]) -> tuple[Tensor, Tensor]:
        melody, chords, frames = batch
        logits = model(
            torch.cat([melody, melody]),
            torch.cat([chords, chords.roll(1, dims=0)]),
            torch.cat([frames, frames]),
        )
        return logits, (torch.arange(len(logits), device=logits.device) < len(melody)).float()

    @torch.no_grad()
    def validate(self, model: nn.Module, device: torch.device) -> dict[str, float]:
        """The loss, precision, recall and F1, one other song's chords to each real pair."""
        logits, real = self._logits(model, self._held_out(device))
        loss = F.binary_cross_entropy_with_logits(logits, real)
        probabilities = logits.sigmoid().chunk(2)
        return {"loss": float(loss), **classification(*probabilities)}


def train_contrastive(
    recipe: JudgeRecipe, corpus: Corpus, out: Path, *, resume: bool = False
) -> None:
    """Train a contrastive judge into the run folder `out`; see `gapt.training.supervised.fit`."""
    fit(ContrastiveTask(recipe, corpus), recipe, out, resume=resume)


def train_discriminative(
    recipe: JudgeRecipe, corpus: Corpus, out: Path, *, resume: bool = False
) -> None:
    """Train a discriminative judge likewise."""
    fit(DiscriminativeTask(recipe, corpus), recipe, out, resume=resume)
