"""`gapt credit`: what the coherence judges tell a policy, and whether that is which chords fit.

A policy hears its rewards through the advantages. A judge's share of those is not its weight: what
varies most is heard best. And what is heard need not be about the decision at hand. A judge that
likes what a policy plays better than what songs have is being hacked, or soon will be.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from gapt.corpora.batches import held_out, stack
from gapt.corpora.store import Corpus
from gapt.errors import UserError
from gapt.models.anchor import PARTS
from gapt.models.checkpoint import load_judges, load_policy
from gapt.models.rollout import Rollout, draw_noise, rollout
from gapt.music.chords import CHORD_TONES
from gapt.music.frames import CHORDS, MELODY
from gapt.music.measures import in_chord
from gapt.training.objectives import gae
from gapt.training.recipes import PostTrainingRecipe
from gapt.training.rewards import Coherence
from gapt.weights import SHIPPED_JUDGES


class Heard(NamedTuple):
    """Of one judge, or of all.

    Attributes:
        judge: its name; "all": their sum.
        share: of the variance of the advantages.
        fit: the correlation of its advantages with those of a reward that is paid for the melody's
            note being in the chord.
        following: likewise, paid only for being in it more than the song's notes are on the whole.
        played: what it gives the policy, the mean over songs; in the sum, as weighed.
        songs: what it gives the songs' own chords.
    """

    judge: str
    share: float
    fit: float
    following: float
    played: float
    songs: float


@torch.no_grad()
def credit(recipe: PostTrainingRecipe, corpus: Corpus, policy: Path) -> list[Heard]:
    """Let a policy play to the held-out melodies, and see what a recipe's judges make of it.

    Advantages are those of a critic that knows nothing.

    Raises:
        UserError: something cannot be loaded, or the recipe is GRPO's.
    """
    if recipe.objective != "ppo":
        raise UserError("credit is PPO's: GRPO gives every frame of a trajectory the same")
    songs = held_out(corpus, recipe.mixture, recipe.validation_songs)
    windows = stack(songs, [0] * len(songs), recipe.frames)
    melody, chords, real = (torch.from_numpy(array) for array in windows)
    noise = draw_noise(0, len(songs), recipe.frames)
    part = PARTS[recipe.part]
    player = load_policy(policy).eval()
    play = rollout(player, melody, chords, real, noise, part=part, temperature=recipe.temperature)
    by_frame = recipe.credit == "frame"
    judges = load_judges(Path(recipe.judges or SHIPPED_JUDGES))
    coherence = Coherence(
        judges,
        recipe.ensemble,
        1.0,
        part=part,
        by_frame=by_frame,
        contrast=recipe.contrast,
    )
    own = Rollout(melody, chords, real, torch.zeros(real.shape))
    told, told_of_own = (_with_sum(coherence.parts(x)) for x in (play, own))
    fit, following = (_advantages(x, play, recipe) for x in (_fit(play), _following(play)))
    whole = _advantages(told["all"], play, recipe, centred=by_frame)
    heard = []
    for name, reward in told.items():
        gains = _advantages(reward, play, recipe, centred=by_frame)
        share = float((gains * whole).mean() / whole.square().mean())
        correlations = _correlation(gains, fit), _correlation(gains, following)
        scale = coherence.scales.get(name, 1.0)
        means = (float(x.sum(1).mean()) / scale for x in (reward, told_of_own[name]))
        heard.append(Heard(name, share, *correlations, *means))
    return heard


def report(heard: list[Heard]) -> str:
    """As a Markdown table."""
    head = (
        "| judge | share of the advantage | correlation with fit | with following "
        "| gives the policy | the songs |"
    )
    rows = (f"| {name} | {' | '.join(f'{x:.2f}' for x in figures)} |" for name, *figures in heard)
    return "\n".join([head, "|---|---|---|---|---|---|", *rows])


def _with_sum(told: dict[str, Tensor]) -> dict[str, Tensor]:
    return {**told, "all": torch.stack(list(told.values())).sum(0)}


def _fit(play: Rollout) -> Tensor:
    """float [B, T]: 1 where the note is in the chord; the mean, where there is not both."""
    both = MELODY.sounds(play.melody) & CHORDS.sounds(play.chords) & play.real
    hits = torch.from_numpy(in_chord(play.melody.numpy(), play.chords.numpy()))
    return torch.where(both, hits.float(), hits[both].float().mean())


def _following(play: Rollout) -> Tensor:
    """float [B, T]: `_fit` less the share of the song's notes in the chord; 0 without both."""
    sounds = MELODY.sounds(play.melody) & play.real
    notes = F.one_hot(MELODY.symbol(play.melody) % 12, 12) * sounds[..., None]
    shares = notes.sum(1) / sounds.sum(1)[:, None].clamp(min=1)
    tones = torch.tensor(CHORD_TONES)[CHORDS.symbol(play.chords)]
    by_chance = (tones * shares[:, None]).sum(-1)
    return torch.where(sounds & CHORDS.sounds(play.chords), _fit(play) - by_chance, 0.0)


def _correlation(a: Tensor, b: Tensor) -> float:
    return float((a * b).mean() / (a.norm() * b.norm() / len(b)).clamp(min=1e-12))


def _advantages(
    reward: Tensor, play: Rollout, recipe: PostTrainingRecipe, *, centred: bool = True
) -> Tensor:
    """Of the real decisions, about their mean: float [N]; of rewards that are `centred` or not."""
    if centred:
        reward = reward - reward[play.real].mean()
    advantages, _ = gae(reward, torch.zeros_like(reward), play.real, decay=recipe.gae_decay)
    return advantages[play.real] - advantages[play.real].mean()
