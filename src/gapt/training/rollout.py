"""Rollouts: players play along with given parts, many at once, one model step a frame.

Chance comes in as numbers, drawn beforehand: the same numbers give the same play however the rows
are grouped, so processes that share a batch play what one process would.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from gapt.models.anchor import Anchor
from gapt.models.policy import Policy
from gapt.models.transformer import Cache
from gapt.music.frames import CHORDS

_CHUNK = 32  # the cache is read up to the next multiple of this: little waste, few shapes


class Rollout(NamedTuple):
    """What was played, and how likely it was.

    Attributes:
        melody, chords: states int64 [B, T].
        real: bool [B, T], False after a melody's end.
        log_probs: float32 [B, T], of the actions taken, at the temperature of the sampling.
    """

    melody: Tensor
    chords: Tensor
    real: Tensor
    log_probs: Tensor


def draw_noise(seed: int, batch: int, frames: int) -> Tensor:
    """Uniform numbers float64 [B, T] in 0..1 for `rollout`, on the CPU."""
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(batch, frames, generator=generator, dtype=torch.float64)


@torch.no_grad()
def rollout(
    player: Policy | Anchor,
    melody: Tensor,
    real: Tensor,
    noise: Tensor,
    *,
    temperature: float = 1.0,
    given: Tensor | None = None,
) -> Rollout:
    """Sample chords to melodies, frame by frame.

    What a player sees of the melody is its own affair (`sight`): a policy the frames before, as in
    live play; the anchor all of it.

    Args:
        player: in evaluation mode.
        melody: states int64 [B, T], on the player's device.
        real: bool [B, T], False after a melody's end.
        noise: float [B, T] in 0..1; see `draw_noise`.
        temperature: of the sampling.
        given: chord states int64 [B, <= T] that are played first, instead of sampled ones.
    """
    batch, frames = melody.shape
    reach = player.config.reach
    sight = player.sight(melody, real)
    cache = Cache.empty(player.config, batch, sight)
    before = melody.new_full((batch,), CHORDS.start)
    chords = torch.empty_like(melody)
    log_probs = sight.new_empty(melody.shape, dtype=torch.float32)
    noise = noise.to(melody.device)
    given = chords[:, :0] if given is None else given
    for t in range(frames):
        filled = min(reach, -(-t // _CHUNK) * _CHUNK)
        seen = Cache(cache.keys[:, :, :, :filled], cache.values[:, :, :, :filled])
        logits, new = player.decide(sight[:, t], before, melody.new_full((batch,), t), seen)
        cache.write(t, new)
        log_p = (logits / temperature).log_softmax(-1)
        is_given = t < given.shape[1]
        actions = CHORDS.actions(given[:, t]) if is_given else sample(log_p, noise[:, t])
        log_probs[:, t] = log_p.gather(-1, actions[:, None]).squeeze(1)
        before = chords[:, t] = CHORDS.advance(before, actions)
    return Rollout(melody, chords, real, log_probs)


def sample(log_p: Tensor, noise: Tensor) -> Tensor:
    """Actions int64 [B]: where the distribution function of log_p [B, actions] passes `noise`.

    An action whose probability is 0 is never taken.
    """
    reached = log_p.exp().double().cumsum(-1)
    # What rounding leaves short of 1 at the end is made good.
    wanted = noise[:, None] * reached[:, -1:]
    return torch.searchsorted(reached, wanted, right=True).squeeze(1)
