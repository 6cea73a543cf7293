"""Rollouts: players play along with given parts, many at once, one model step a frame.

Chance comes in as numbers, drawn beforehand: the same numbers give the same play however the rows
are grouped, so processes that share a batch play what one process would.
"""

from __future__ import annotations

import torch
from torch import Tensor

from gapt.models.anchor import Anchor
from gapt.models.policy import Policy
from gapt.models.transformer import Cache
from gapt.music.frames import CHORDS

_CHUNK = 32  # the cache is read up to the next multiple of this: little waste, few shapes


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
) -> Tensor:
    """Sample chords to melodies, frame by frame.

    What a player sees of the melody is its own affair (`sight`): a policy the frames before, as in
    live play; the anchor all of it.

    Args:
        player: in evaluation mode.
        melody: states int64 [B, T], on the player's device.
        real: bool [B, T], False after a melody's end.
        noise: float [B, T] in 0..1; see `draw_noise`.
        temperature: of the sampling.

    Returns:
        Chord states int64 [B, T].
    """
    batch, frames = melody.shape
    reach = player.config.reach
    sight = player.sight(melody, real)
    cache = Cache.empty(player.config, batch, sight)
    before = melody.new_full((batch,), CHORDS.start)
    chords = torch.empty_like(melody)
    noise = noise.to(melody.device)
    for t in range(frames):
        filled = min(reach, -(-t // _CHUNK) * _CHUNK)
        seen = Cache(cache.keys[:, :, :, :filled], cache.values[:, :, :, :filled])
        logits, new = player.decide(sight[:, t], before, melody.new_full((batch,), t), seen)
        cache.write(t, new)
        actions = sample(logits / temperature, noise[:, t])
        before = chords[:, t] = CHORDS.advance(before, actions)
    return chords


def sample(logits: Tensor, noise: Tensor) -> Tensor:
    """Actions int64 [B] of logits [B, actions]: where their distribution function passes `noise`.

    An action whose probability is 0 is never taken.
    """
    reached = logits.double().softmax(-1).cumsum(-1)
    # The last step that the function makes may fall short of 1 by a rounding error.
    wanted = noise[:, None] * reached[:, -1:]
    return torch.searchsorted(reached, wanted, right=True).squeeze(1)
