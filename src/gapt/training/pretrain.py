"""Stages 1 and 2: the online policy and the offline anchor, by maximum likelihood.

Wu et al. (arXiv 2511.17879, section 4) and ReaLchords (arXiv 2506.14723, section 4). Both learn
from the same windows; they differ in what they see of the melody, and in that the policy also
learns to expect it. Both may then learn from a past that they have played themselves
(`corrections`), which is ours.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gapt.corpora.batches import Batch, Mixture, held_out, stack, with_wrong_past
from gapt.corpora.store import Corpus, Song
from gapt.errors import UserError
from gapt.models.anchor import PARTS, Anchor, AnchorConfig
from gapt.models.checkpoint import load_anchor, load_policy
from gapt.models.policy import Policy, shift
from gapt.models.rollout import draw_noise, rollout
from gapt.music.frames import CHORDS, FRAMES_PER_BEAT, HOLD, MELODY, SILENCE, Voice
from gapt.training.recipes import AnchorRecipe, LikelihoodRecipe
from gapt.training.supervised import OwnPast, Task


def nll(logits: Tensor, actions: Tensor) -> Tensor:
    """Negative log-likelihoods in nats, float [B, T], of actions under logits [B, T, actions]."""
    return F.cross_entropy(logits.transpose(1, 2), actions, reduction="none")


def corrections(song: Tensor, own: Tensor, voice: Voice) -> Tensor:
    """What a player should do who has played `own`, for the song to sound again soon.

    Where the song strikes, the player strikes the same, unless that sounds already. While the song
    holds, it holds what it has; but on every beat it puts the song's symbol in place of another. So
    a past of its own has targets too: the learner's play decides what it sees, the song what it is
    told (DAgger; Ross et al., arXiv 1011.0686).

    Args:
        song, own: states int64 [B, T], from the beginning of a bar on.

    Returns:
        Actions int64 [B, T]; those of the song if its own past is given.
    """
    before, sounding = shift(song, voice), shift(own, voice)
    wanted = voice.symbol(song)
    anything = voice.sounds(sounding)
    right = anything & (voice.symbol(sounding) == wanted)
    enters = ~(voice.sounds(before) & (voice.symbol(before) == wanted))
    beat = torch.arange(song.shape[1], device=song.device) % FRAMES_PER_BEAT == 0
    struck = voice.is_on(song) & ~(right & enters)
    mended = voice.is_hold(song) & (~anything | (beat & ~right))
    actions = torch.where(struck | mended, 2 + wanted, HOLD)
    return torch.where(voice.sounds(song), actions, SILENCE)


def policy_nll(
    model: nn.Module, melody: Tensor, chords: Tensor, real: Tensor, past: Tensor | None = None
) -> dict[str, Tensor]:
    """The policy's negative log-likelihoods [B, T] of chords and of melody.

    `past`: what chords it hears of itself, if not the song's; then of the corrections.
    """
    past = chords if past is None else past
    output = model(melody, past)
    return {
        "chord_nll": nll(output.chords, corrections(chords, past, CHORDS)),
        "melody_nll": nll(output.melody, MELODY.actions(melody)),
    }


def anchor_nll(
    model: nn.Module, melody: Tensor, chords: Tensor, real: Tensor, past: Tensor | None = None
) -> dict[str, Tensor]:
    """The anchor's negative log-likelihoods [B, T] of the part it plays; `past` likewise."""
    part = cast(Anchor, model).part
    name, song = ("chord_nll", chords) if part == CHORDS else ("melody_nll", melody)
    past = song if past is None else past
    heard = (melody, past) if part == CHORDS else (past, chords)
    return {name: nll(model(*heard, _in_song(real)), corrections(song, past, part))}


def _in_song(real: Tensor) -> Tensor:
    """Where there is a song: also where it is only heard, not learnt. Padding comes last."""
    return real.flip(1).cumsum(1).flip(1) > 0


NLL = Callable[..., dict[str, Tensor]]
"""`policy_nll` or `anchor_nll`."""


class LikelihoodTask(Task):
    """Maximum likelihood, a frame at a time; perhaps from another network on.

    Attributes:
        nll: negative log-likelihoods, by name, of what the model learns.
        part: the one that the model plays.
    """

    nll: NLL
    part = CHORDS
    model: Policy | Anchor

    def __init__(
        self, recipe: LikelihoodRecipe, corpus: Corpus, build: Callable[[Any], Policy | Anchor],
        load: Callable[[Path], Policy | Anchor],
    ) -> None:  # fmt: skip
        """Build the model, or load the one that the recipe starts from.

        Raises:
            UserError: what it starts from has other sizes, or there are no songs to learn from or
                to validate on.
        """
        self.recipe = recipe
        name = "chord_nll" if self.part == CHORDS else "melody_nll"
        self.chosen_by = f"own_{name}" if recipe.own_past else name
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

    def draw(self, rng: np.random.Generator, size: int) -> Batch | OwnPast:
        """Random windows in random keys, some with a wrong past, or with the model's own."""
        windows = self.mixture.draw(rng, size, self.recipe.frames)
        windows = with_wrong_past(windows, self.recipe.wrong_past, rng)
        if not self.recipe.own_past:
            return windows
        own = rng.random(size) < self.recipe.own_past
        return OwnPast(*windows, own, rng.random(windows.real.shape))

    def loss(
        self, model: nn.Module, batch: list[Tensor], frames: float
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Mean negative log-likelihood a frame, summed over the voices that are learnt."""
        melody, chords, real, *chance = batch
        past = self._past(batch) if chance else None
        found = self.nll(model, melody, chords, real, past)
        parts = {name: (part * real).sum() / frames for name, part in found.items()}
        return torch.stack(list(parts.values())).sum(), parts

    def validate(self, model: nn.Module, device: torch.device) -> dict[str, float]:
        """Negative log-likelihood a frame over held-out songs, each from its first frame.

        With a past of its own, too, if that is what the model learns from.
        """
        where = self.held_out, self.recipe.frames, device
        found = song_nll(model, self.nll, *where)
        if self.recipe.own_past:
            own = song_nll(model, self._own_nll, *where)
            found |= {f"own_{name}": value for name, value in own.items()}
        return found

    def _past(self, batch: list[Tensor]) -> Tensor:
        """The model's part [B, T]: in some rows as it plays itself, in the others the song's."""
        past = (batch[1] if self.part == CHORDS else batch[0]).clone()
        own = batch[3]
        if own.any():
            melody, chords, real, _, noise = (tensor[own] for tensor in batch)
            past[own] = self._played(melody, chords, _in_song(real), noise)
            self.model.train()
        return past

    def _played(self, melody: Tensor, chords: Tensor, real: Tensor, noise: Tensor) -> Tensor:
        self.model.eval()
        return rollout(self.model, melody, chords, real, noise, part=self.part).of(self.part)

    def _own_nll(
        self, model: nn.Module, melody: Tensor, chords: Tensor, real: Tensor
    ) -> dict[str, Tensor]:
        past = self._played(melody, chords, real, draw_noise(0, *real.shape))
        return self.nll(model, melody, chords, real, past)


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
        """Likewise.

        Raises:
            UserError: also if the recipe would spoil what the anchor hears.
        """
        if recipe.part == "melody" and recipe.wrong_past:
            raise UserError("wrong_past spoils chords, which a melody's anchor hears: make it 0")
        self.config = AnchorConfig(transformer=recipe.transformer, part=recipe.part)
        self.part = PARTS[recipe.part]
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
