"""Rollouts: a policy plays along with given melodies, many at once, one model step a frame."""

from __future__ import annotations

import torch
from torch import Tensor

from gapt.models.policy import Policy
from gapt.models.transformer import Cache
from gapt.music.frames import CHORDS, MELODY

_CHUNK = 32  # the cache is read up to the next multiple of this: little waste, few shapes


@torch.no_grad()
def rollout(
    policy: Policy, melody: Tensor, *, temperature: float = 1.0, generator: torch.Generator
) -> Tensor:
    """Sample chords to melodies as in live play: frame t's chord sees only frames before t.

    Args:
        policy: in evaluation mode.
        melody: states int64 [B, T], on the policy's device.
        temperature: of the sampling.
        generator: of the samples, on the same device.

    Returns:
        Chord states int64 [B, T].
    """
    batch, frames = melody.shape
    reach = policy.config.reach
    cache = Cache.empty(policy.config, batch, policy.chord_head.linear.weight)
    before_melody = melody.new_full((batch,), MELODY.start)
    before_chords = melody.new_full((batch,), CHORDS.start)
    chords = torch.empty_like(melody)
    for t in range(frames):
        filled = min(reach, -(-t // _CHUNK) * _CHUNK)
        seen = Cache(cache.keys[:, :, :, :filled], cache.values[:, :, :, :filled])
        position = melody.new_full((batch,), t)
        output, new = policy.step(before_melody, before_chords, position, seen)
        cache.write(t, new)
        probabilities = (output.chords / temperature).softmax(-1)
        actions = torch.multinomial(probabilities, 1, generator=generator).squeeze(1)
        chords[:, t] = CHORDS.advance(before_chords, actions)
        before_melody, before_chords = melody[:, t], chords[:, t]
    return chords
