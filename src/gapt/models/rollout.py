"""Rollouts: players play along with given parts, many at once, one model step a frame.

Chance comes in as numbers, drawn beforehand: the same numbers give the same play however the rows
are grouped, so processes that share a batch play what one process would.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from gapt.models.anchor import Anchor
from gapt.models.policy import Policy
from gapt.models.transformer import Cache
from gapt.music.frames import CHORDS, MELODY, Voice

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

    def of(self, part: Voice) -> Tensor:
        """The states of one part."""
        return self.chords if part == CHORDS else self.melody

    def with_part(self, part: Voice, states: Tensor) -> Rollout:
        """The same with other states of one part."""
        return self._replace(**{"chords" if part == CHORDS else "melody": states})


def draw_noise(seed: int, batch: int, frames: int) -> Tensor:
    """Uniform numbers float64 [B, T] in 0..1 for `rollout`, on the CPU."""
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(batch, frames, generator=generator, dtype=torch.float64)


@torch.no_grad()
def rollout(
    player: Policy | Anchor,
    melody: Tensor,
    chords: Tensor,
    real: Tensor,
    noise: Tensor,
    *,
    part: Voice = CHORDS,
    given: int = 0,
    temperature: float = 1.0,
) -> Rollout:
    """Let a player improvise one part to the other, frame by frame.

    What it sees of the other part is its own affair (`sight`): a policy the frames before, as in
    live play; the anchor all of it.

    Args:
        player: in evaluation mode.
        melody, chords: states int64 [B, T], on the player's device. Of the part that is played
            only the first frames matter, those that are `given`.
        real: bool [B, T], False after a song's end.
        noise: float [B, T] in 0..1; see `draw_noise`.
        part: the one that is played.
        given: how many frames of it are as they are, before the player goes on.
        temperature: of the sampling.
    """
    heard, own = (melody, chords) if part == CHORDS else (chords, melody)
    batch, frames = own.shape
    sight = player.sight(part, heard, real)
    cache = Cache.empty(player.transformer.config, batch, sight)
    at = own.new_zeros(batch)
    before = own.new_full((batch,), part.start)
    played = torch.empty_like(own)
    log_probs = sight.new_empty(own.shape, dtype=torch.float32)
    noise = noise.to(own.device)

    def decide(filled: Cache) -> None:
        """Play frame `at`, with `filled` as the cache. All in tensors, so a GPU can record it."""
        t = at[:1]

        def now(tensor: Tensor) -> Tensor:
            return tensor.index_select(1, t).squeeze(1)

        logits = player.decide(part, now(sight), before, at, filled)
        log_p = (logits / temperature).log_softmax(-1)
        actions = sample(log_p, now(noise))
        if given:
            actions = torch.where(at < given, part.actions(now(own)), actions)
        log_probs.index_copy_(1, t, log_p.gather(-1, actions[:, None]))
        before.copy_(part.advance(before, actions))
        played.index_copy_(1, t, before[:, None])
        at.add_(1)

    if own.is_cuda:
        replay = _recorded(lambda: decide(cache))
        at.zero_()
        before.fill_(part.start)
        for _ in range(frames):
            replay()
        torch.cuda.current_stream().synchronize()  # the record must outlive what it plays
    else:
        for frame in range(frames):
            decide(cache.first(_filled(frame)))
    melody, chords = (heard, played) if part == CHORDS else (played, heard)
    return Rollout(melody, chords, real, log_probs)


def _recorded(work: Callable[[], None]) -> Callable[[], None]:
    """Work on a GPU's tensors, recorded once as a CUDA graph: what is returned does it again.

    A frame is some hundred small kernels, which a GPU runs sooner than Python can ask for them.
    The work is done once here, which warms up what must not happen while it is recorded.
    """
    stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        work()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    # Other threads, those of NCCL say, go on talking to the GPU.
    with torch.cuda.graph(graph, capture_error_mode="thread_local"):
        work()
    return graph.replay


@torch.no_grad()
def duet(
    melodist: Policy, accompanist: Policy, noise: tuple[Tensor, Tensor], *, temperature: float = 1.0
) -> tuple[Tensor, Tensor]:
    """Two policies play together: both act at once, then both hear what was played.

    Args:
        melodist, accompanist: in evaluation mode; the same network twice plays with itself.
        noise: float [B, T] in 0..1 for each; see `draw_noise`.
        temperature: of the sampling.

    Returns:
        Melody and chords, states int64 [B, T].
    """
    like = accompanist.chord_head.bias
    players, parts = (melodist, accompanist), (MELODY, CHORDS)
    chances = [chance.to(like.device) for chance in noise]
    batch, frames = chances[0].shape
    caches = [Cache.empty(player.transformer.config, batch, like) for player in players]
    before = [chances[0].new_full((batch,), part.start, dtype=torch.int64) for part in parts]
    played = [before[0].new_empty(batch, frames) for _ in parts]
    for t in range(frames):
        at = before[0].new_full((batch,), t)
        actions = []
        for player, part, cache, chance in zip(players, parts, caches, chances, strict=True):
            output = player.step(before[0], before[1], at, cache.first(_filled(t)))
            log_p = (output.of(part) / temperature).log_softmax(-1)
            actions.append(sample(log_p, chance[:, t]))
        before = [part.advance(*x) for part, *x in zip(parts, before, actions, strict=True)]
        for part_played, now in zip(played, before, strict=True):
            part_played[:, t] = now
    return played[0], played[1]


def _filled(frame: int) -> int:
    """How many slots of a cache to read at `frame`: those written, rounded up to `_CHUNK`.

    Slicing caps it at the cache's size.
    """
    return (frame // _CHUNK + 1) * _CHUNK


def sample(log_p: Tensor, noise: Tensor) -> Tensor:
    """Actions int64 [B]: where the distribution function of log_p [B, actions] passes `noise`.

    An action whose probability is 0 is never taken.
    """
    reached = log_p.exp().double().cumsum(-1)
    # What rounding leaves short of 1 at the end is made good.
    wanted = noise[:, None] * reached[:, -1:]
    return torch.searchsorted(reached, wanted, right=True).squeeze(1)
