"""Rollouts: players play along with given melodies, many at once, one model step a frame."""

from __future__ import annotations

import torch
from torch import Tensor

from gapt.models.anchor import Anchor
from gapt.models.policy import Policy
from gapt.models.transformer import Cache
from gapt.music.frames import CHORDS

_CHUNK = 32  # the cache is read up to the next multiple of this: little waste, few shapes


@torch.no_grad()
def rollout(
    player: Policy | Anchor,
    melody: Tensor,
    real: Tensor,
    *,
    temperature: float = 1.0,
    generator: torch.Generator,
) -> Tensor:
    """Sample chords to melodies, frame by frame.

    What a player sees of the melody is its own affair (`sight`): a policy the frames before, as in
    live play; the anchor all of it.

    Args:
        player: in evaluation mode.
        melody: states int64 [B, T], on the player's device.
        real: bool [B, T], False after a melody's end.
        temperature: of the sampling.
        generator: of the samples, on the same device.

    Returns:
        Chord states int64 [B, T].
    """
    batch, frames = melody.shape
    reach = player.config.reach
    sight = player.sight(melody, real)
    cache = Cache.empty(player.config, batch, sight)
    before = melody.new_full((batch,), CHORDS.start)
    chords = torch.empty_like(melody)
    for t in range(frames):
        filled = min(reach, -(-t // _CHUNK) * _CHUNK)
        seen = Cache(cache.keys[:, :, :, :filled], cache.values[:, :, :, :filled])
        logits, new = player.decide(sight[:, t], before, melody.new_full((batch,), t), seen)
        cache.write(t, new)
        probabilities = (logits / temperature).softmax(-1)
        actions = torch.multinomial(probabilities, 1, generator=generator).squeeze(1)
        before = chords[:, t] = CHORDS.advance(before, actions)
    return chords
