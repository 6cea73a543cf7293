"""Stage 3: the coherence reward models (ReaLchords, arXiv 2506.14723, section 4.3).

The contrastive judge learns to find each melody's chords among those of the batch, and each chords'
melody; the discriminative judge to tell, frame by frame, a song's own chords from others; the
generative judge which notes to expect of a song's chords. Songs of a batch are distinct, each in a
random key of its own, and all windows have one length.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gapt.corpora.batches import Batch, Mixture, held_out, patches, spread, stack
from gapt.corpora.store import Corpus
from gapt.errors import UserError
from gapt.evaluation.judging import classification, retrieval
from gapt.models.judges import (
    PITCH_CLASSES,
    ContrastiveJudge,
    DiscriminativeJudge,
    GenerativeJudge,
    JudgeConfig,
    pitch_classes,
)
from gapt.music.frames import CHORDS, MELODY
from gapt.training.recipes import JudgeRecipe
from gapt.training.supervised import Labelled, Task, of_all_processes

MIXTURES = 4
"""Of true and other chords, that a discriminative judge is validated on."""


def validation_pairs(recipe: JudgeRecipe, corpus: Corpus) -> Batch:
    """The held-out windows that a judge is validated on, all of its recipe's median length.

    Raises:
        UserError: too few songs are long enough, to be validated on or to learn from.
    """
    frames = sorted(recipe.lengths)[len(recipe.lengths) // 2]
    songs = held_out(corpus, recipe.mixture, len(corpus.songs))
    long = [song for song in songs if len(song.frames) >= frames]
    if min(recipe.validation_songs, recipe.batch) < 2:
        raise UserError("a judge compares songs: 'batch' and 'validation_songs' are at least 2")
    if len(long) < 2:
        raise UserError(f"fewer than two songs of the valid split have {frames} frames")
    mixture = Mixture.of(corpus, "train", recipe.mixture)
    mixture.draw_whole(np.random.default_rng(0), 1, max(recipe.lengths))  # or an error now
    pairs = spread(long, recipe.validation_songs)
    return stack(pairs, [0] * len(pairs), frames)


class _JudgeTask(Task):
    """What all judges share: their batches, and the pairs they are validated on."""

    chosen_by = "loss"

    def __init__(self, recipe: JudgeRecipe, corpus: Corpus) -> None:
        self.recipe = recipe
        self.config: JudgeConfig = JudgeConfig(transformer=recipe.transformer, rhythm=recipe.rhythm)
        torch.manual_seed(recipe.seed)
        self.mixture = Mixture.of(corpus, "train", recipe.mixture)
        self.pairs = validation_pairs(recipe, corpus)

    def draw(self, rng: np.random.Generator, size: int) -> Batch | Labelled:
        """Full windows of one random length, of distinct songs, in random keys."""
        return self._windows(rng, size)

    def _windows(self, rng: np.random.Generator, size: int) -> Batch:
        return self.mixture.draw_whole(rng, size, int(rng.choice(self.recipe.lengths)))

    def _held_out(self, device: torch.device) -> list[Tensor]:
        return [torch.from_numpy(array).to(device) for array in self.pairs]


class ContrastiveTask(_JudgeTask):
    """Symmetric InfoNCE over the pairs of a batch (CLIP, arXiv 2103.00020, figure 3)."""

    name = "contrastive"
    model: ContrastiveJudge

    def __init__(self, recipe: JudgeRecipe, corpus: Corpus) -> None:
        super().__init__(recipe, corpus)
        self.model = ContrastiveJudge(self.config)

    def loss(
        self, model: nn.Module, batch: list[Tensor], frames: float
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The cross-entropy of each row's own column and of each column's own row.

        Of the global batch: who has to choose among fewer learns less.
        """
        logits = self.model.logits(*map(of_all_processes, model(*batch)))
        loss = _info_nce(logits)
        found = logits.argmax(1) == torch.arange(len(logits), device=logits.device)
        return loss, {"loss": loss, "recall_at_1": found.float().mean()}

    @torch.no_grad()
    def validate(self, model: nn.Module, device: torch.device) -> dict[str, float]:
        """The loss, and retrieval, with all held-out songs as one pool."""
        logits = self.model.logits(*model(*self._held_out(device)))
        return {"loss": float(_info_nce(logits)), **retrieval(logits)}


def _info_nce(logits: Tensor) -> Tensor:
    own = torch.arange(len(logits), device=logits.device)
    return (F.cross_entropy(logits, own) + F.cross_entropy(logits.T, own)) / 2


class DiscriminativeTask(_JudgeTask):
    """True chords against the chords of another song, or against their own song's, but spoilt.

    Half the windows are all true, or all another song's, as published. The others change between
    the two every so often, so that it is learnt which chords are wrong, and not only whether most
    are: a policy that is mostly right can then still be told what is not. Spoilt chords are the
    song's own, shifted in time; for a rhythm judge half of them are instead struck again while they
    sound, at random or with every note.
    """

    name = "discriminative"

    def __init__(self, recipe: JudgeRecipe, corpus: Corpus) -> None:
        super().__init__(recipe, corpus)
        self.model = DiscriminativeJudge(self.config)

    def draw(self, rng: np.random.Generator, size: int) -> Labelled:
        """Each song twice: where it has its own chords in one row, it has others in the other."""
        return self._mixed(self._windows(rng, size), rng)

    def _mixed(self, songs: Batch, rng: np.random.Generator) -> Labelled:
        melody, chords, real = map(torch.from_numpy, songs)
        rhythm = self.config.rhythm
        own, others = _mixture(melody, chords, rng, rhythm=rhythm)
        mixed = torch.cat([torch.where(own, chords, others), torch.where(own, others, chords)])
        labels = torch.cat([own, ~own])
        if not rhythm:  # by chance the other chord is the same
            labels |= _sounding(mixed) == _sounding(chords.repeat(2, 1))
        rows = melody.repeat(2, 1), CHORDS.strike(mixed), real.repeat(2, 1), labels
        return Labelled(*(tensor.numpy() for tensor in rows))

    def loss(
        self, model: nn.Module, batch: list[Tensor], frames: float
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Binary cross-entropy over frames, half of them real."""
        melody, chords, real, own = batch
        logits = model(melody, chords, real)
        loss = F.binary_cross_entropy_with_logits(logits, own.float())
        return loss, {"loss": loss, "accuracy": ((logits > 0) == own).float().mean()}

    @torch.no_grad()
    def validate(self, model: nn.Module, device: torch.device) -> dict[str, float]:
        """The loss, precision, recall and F1, one other song's chords to each real pair."""
        rng = np.random.default_rng(0)  # the same mixtures each time
        loss = 0.0
        for _ in range(MIXTURES):
            batch = [torch.from_numpy(x).to(device) for x in self._mixed(self.pairs, rng)]
            loss += float(self.loss(model, batch, 0.0)[0]) / MIXTURES
        melody, chords, real = self._held_out(device)
        strangers = chords.roll(1, dims=0)
        means = (model(melody, x, real).sigmoid().mean(1) for x in (chords, strangers))
        return {"loss": loss, **classification(*means)}


def _mixture(
    melody: Tensor, chords: Tensor, rng: np.random.Generator, *, rhythm: bool
) -> tuple[Tensor, Tensor]:
    """Where chords [B, T] stay, bool [B, T], and what they are to be mixed with, [B, T]."""
    chance = torch.Generator().manual_seed(int(rng.integers(2**63)))
    songs, frames = chords.shape
    own, whole = patches(songs, frames, chance)
    strangers = chords.roll(1, dims=0)
    later = chords.roll(int(torch.randint(1, frames, (), generator=chance)), dims=1)
    other = _restruck(melody, chords, chance) if rhythm else strangers
    spoilt = torch.where(torch.rand(songs, 1, generator=chance) < 0.5, other, later)
    return own, torch.where(whole, strangers, spoilt)


def _restruck(melody: Tensor, chords: Tensor, chance: torch.Generator) -> Tensor:
    """Chords [B, T] struck again while they sound: at random, or with the notes of the melody."""

    def uniform(*shape: int) -> Tensor:
        return torch.rand(shape, generator=chance)

    often, with_notes = uniform(len(chords), 1), uniform(len(chords), 1) < 0.5
    how_likely = torch.where(with_notes, often * MELODY.is_on(melody), 0.5 * often)
    again = CHORDS.is_hold(chords) & (uniform(*chords.shape) < how_likely)
    return torch.where(again, chords - CHORDS.symbols, chords)


def _sounding(chords: Tensor) -> Tensor:
    """The chord that sounds in each frame of [B, T], or -1."""
    return torch.where(CHORDS.sounds(chords), CHORDS.symbol(chords), -1)


class GenerativeTask(_JudgeTask):
    """The pitch class of the melody's note, in every frame that has one, from all of the chords."""

    name = "generative"

    def __init__(self, recipe: JudgeRecipe, corpus: Corpus) -> None:
        """See `_JudgeTask`.

        Raises:
            UserError: the recipe asks for rhythm only, of which a judge of pitches hears nothing.
        """
        super().__init__(recipe, corpus)
        if recipe.rhythm:
            raise UserError("a generative judge expects notes: its recipe cannot say rhythm: true")
        self.model = GenerativeJudge(self.config)

    def loss(
        self, model: nn.Module, batch: list[Tensor], frames: float
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The notes' negative log-likelihood in nats a frame, and how often the likeliest is it."""
        melody, chords, real = batch
        log_p, notes = model(chords, real).flatten(0, 1), pitch_classes(melody).flatten()
        notes = torch.where(real.flatten(), notes, PITCH_CLASSES)
        loss = F.nll_loss(log_p, notes, ignore_index=PITCH_CLASSES, reduction="sum") / frames
        right = (log_p.argmax(-1) == notes)[notes < PITCH_CLASSES]
        return loss, {"loss": loss, "accuracy": right.float().mean()}

    @torch.no_grad()
    def validate(self, model: nn.Module, device: torch.device) -> dict[str, float]:
        """The same of the held-out songs."""
        batch = self._held_out(device)
        _, measures = self.loss(model, batch, float(batch[-1].sum()))
        return {name: float(value) for name, value in measures.items()}
