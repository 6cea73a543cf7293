"""The arithmetic of post-training: advantages, the clipped objective, divergence, entropy.

Pure functions of tensors, each a few lines, each tested against numbers worked out by hand. In
shapes, B are trajectories, T decisions in time. Frames after a trajectory's end get weight 0
instead of being cut out: indexing by a mask would make the CPU wait for the GPU.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Total = Callable[[Tensor], Tensor]
"""Sums a scalar over the processes that share a batch; the identity where there is one."""


def gae(rewards: Tensor, values: Tensor, real: Tensor, *, decay: float) -> tuple[Tensor, Tensor]:
    """Generalised advantage estimates (Schulman et al., arXiv 1506.02438, eq. 16), undiscounted.

    With delta_t = r_t + V_{t+1} - V_t, the advantage is A_t = sum over k >= t of
    decay^(k - t) delta_k.

    Args:
        rewards: float [B, T]; what came with each decision.
        values: float [B, T]; what was expected before it, from there on.
        real: bool [B, T]; after the last real decision nothing more is to come.
        decay: lambda.

    Returns:
        Advantages and returns (advantage + value), float [B, T], 0 where not real.
    """
    rewards, values = rewards * real, values * real
    later = torch.cat([values[:, 1:], torch.zeros_like(values[:, :1])], dim=1)
    deltas = rewards + later - values
    # One matrix product instead of a loop over frames: 256 small kernels take a GPU longer.
    frames = torch.arange(rewards.shape[1], device=rewards.device)
    ahead = frames[:, None] - frames  # k - t, at [k, t]
    weights = decay ** ahead.clamp(min=0) * (ahead >= 0)
    advantages = deltas @ weights.to(deltas.dtype) * real
    return advantages, advantages + values


def group_advantages(rewards: Tensor, real: Tensor, group: int) -> Tensor:
    """Dr.GRPO: a trajectory's return less the mean of its group (Liu et al., arXiv 2503.20783).

    Neither divided by the group's deviation nor by the length.

    Args:
        rewards: float [B, T]; each run of `group` rows answers the same melody.
        real: bool [B, T].
        group: trajectories per melody.

    Returns:
        Advantages float [B, T]: the same for all decisions of a trajectory, 0 where not real.
    """
    returns = (rewards * real).sum(1).view(-1, group)
    return (returns - returns.mean(1, keepdim=True)).view(-1, 1) * real


def normalise(advantages: Tensor, real: Tensor, total: Total) -> Tensor:
    """Mean 0 and deviation 1 over the real decisions of a batch that processes share.

    Float [B, T] and bool [B, T] to float [B, T], 0 where not real.
    """
    count = total(real.sum().float())
    mean = total((advantages * real).sum()) / count
    centred = (advantages - mean) * real
    return centred / ((total(centred.square().sum()) / count).sqrt() + 1e-8)


def clipped(ratio: Tensor, advantages: Tensor, clip: float) -> Tensor:
    """PPO's surrogate (Schulman et al., arXiv 1707.06347, eq. 7), to be made large.

    Args:
        ratio: float [B, T]; how much likelier each action has become.
        advantages: float [B, T].
        clip: epsilon; beyond 1 +- it nothing more is to be gained.
    """
    return torch.minimum(ratio * advantages, ratio.clamp(1 - clip, 1 + clip) * advantages)


def divergence(log_p: Tensor, log_q: Tensor) -> Tensor:
    """KL(p || q) over all actions: float [..., A] log-probabilities to float [...], in nats."""
    return (log_p.exp() * (log_p - log_q)).sum(-1)


def entropy(log_p: Tensor) -> Tensor:
    """Entropy in nats: float [..., A] log-probabilities to float [...]."""
    return -(log_p.exp() * log_p).sum(-1)


def explained_variance(errors: Tensor, returns: Tensor, real: Tensor) -> Tensor:
    """1 - Var(errors) / Var(returns), of the real ones of float [B, T]: 1 for a perfect critic."""

    def variance(values: Tensor) -> Tensor:
        mean = (values * real).sum() / real.sum()
        return ((values - mean) * real).square().sum() / real.sum()

    return 1 - variance(errors.detach()) / variance(returns).clamp(min=1e-12)
