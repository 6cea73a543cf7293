"""The arithmetic of post-training against numbers worked out by hand."""

import math

import pytest
import torch

from gapt.training.objectives import (
    clipped,
    divergence,
    entropy,
    explained_variance,
    gae,
    group_advantages,
    normalise,
)

REAL = torch.tensor([[True, True, True], [True, True, False]])


def test_gae_of_two_short_trajectories():
    """With lambda 1/2 and no discount, from the back.

    Row 0: surprises 0 + 2 - 1 = 1, 0 + 3 - 2 = 1, 4 + 0 - 3 = 1, so the advantages are
    1 + (1 + 1/2) / 2 = 1.75, 1 + 1/2 = 1.5, 1.
    Row 1 ends after two frames, so the value 9 after its end is not looked at: surprises
    1 + 2 - 2 = 1, 5 + 0 - 2 = 3; advantages 1 + 3/2 = 2.5, 3.
    """
    rewards = torch.tensor([[0.0, 0.0, 4.0], [1.0, 5.0, 7.0]])
    values = torch.tensor([[1.0, 2.0, 3.0], [2.0, 2.0, 9.0]])
    advantages, returns = gae(rewards, values, REAL, decay=0.5)
    torch.testing.assert_close(advantages, torch.tensor([[1.75, 1.5, 1.0], [2.5, 3.0, 0.0]]))
    torch.testing.assert_close(returns, torch.tensor([[2.75, 3.5, 4.0], [4.5, 5.0, 0.0]]))


def test_gae_with_decay_1_is_the_return_less_the_value():
    rewards, values = torch.rand(4, 9), torch.rand(4, 9)
    real = torch.ones(4, 9, dtype=torch.bool)
    advantages, _ = gae(rewards, values, real, decay=1.0)
    to_come = rewards.flip(1).cumsum(1).flip(1)
    torch.testing.assert_close(advantages, to_come - values)


def test_a_group_competes_with_itself_only():
    """Returns 6 and 2 in the first group, 1 and 1 in the second."""
    rewards = torch.tensor([[1.0, 2.0, 3.0], [2.0, 0.0, 9.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
    real = torch.cat([REAL, REAL])
    expected = torch.tensor([[2.0, 2.0, 2.0], [-2.0, -2.0, 0.0], [0.0] * 3, [0.0] * 3])
    torch.testing.assert_close(group_advantages(rewards, real, 2), expected)


def alone(scalar):
    """The total of a single process."""
    return scalar


def test_normalised_advantages():
    """1, 2, 3: mean 2, deviation sqrt(2/3)."""
    side = 1 / math.sqrt(2 / 3)
    expected = torch.tensor([-side, 0.0, side])
    assert normalise(torch.ones(1, 3), torch.ones(1, 3).bool(), alone).tolist() == [[0.0, 0.0, 0.0]]
    # What comes after a trajectory's end does not count.
    real = torch.tensor([[True, True], [True, False]])
    normalised = normalise(torch.tensor([[1.0, 2.0], [3.0, 9.0]]), real, alone)
    torch.testing.assert_close(normalised[real], expected)
    assert normalised[1, 1] == 0


def test_normalising_goes_by_the_whole_batch():
    """Another process with the same number of advantages, all of them the negative of these."""
    mine = torch.tensor([[3.0, 5.0]])

    def total(scalar):  # called for count, sum and sum of squares, in this order
        calls.append(scalar)
        return {1: 2 * scalar, 2: scalar * 0, 3: 2 * scalar}[len(calls)]

    calls: list[torch.Tensor] = []
    expected = mine / math.sqrt((9 + 25) / 2)
    torch.testing.assert_close(normalise(mine, mine > 0, total), expected)


@pytest.mark.parametrize(
    ("ratio", "advantage", "worth"),
    [
        (1.0, 2.0, 2.0),
        (1.1, 2.0, 2.2),
        (1.5, 2.0, 2.4),  # no more is to be gained above 1.2
        (0.5, 2.0, 1.0),  # but what was lost counts in full
        (0.5, -2.0, -1.6),
        (1.5, -2.0, -3.0),
    ],
)
def test_the_clipped_objective(ratio, advantage, worth):
    value = clipped(torch.tensor([ratio]), torch.tensor([advantage]), 0.2)
    torch.testing.assert_close(value, torch.tensor([worth]))


def test_divergence_and_entropy():
    """p = (1/2, 1/2), q = (1/4, 3/4): KL = 1/2 log 2 + 1/2 log 2/3; H(p) = log 2."""
    p, q = torch.tensor([0.5, 0.5]).log(), torch.tensor([0.25, 0.75]).log()
    assert divergence(p, q).item() == pytest.approx(0.5 * math.log(2) + 0.5 * math.log(2 / 3))
    assert divergence(p, p).item() == 0
    assert entropy(p).item() == pytest.approx(math.log(2))


def test_the_gradient_of_the_objective_is_the_policy_gradient():
    """At ratio 1 it is the advantage times the score: for action 0 of (1/2, 1/2), (1/2, -1/2)."""
    logits = torch.zeros(2, requires_grad=True)
    log_p = logits.log_softmax(-1)[0]
    clipped((log_p - math.log(0.5)).exp()[None], torch.tensor([3.0]), 0.2).sum().backward()
    torch.testing.assert_close(logits.grad, torch.tensor([1.5, -1.5]))


def test_explained_variance():
    """Of 1, 2, 3; the 9 comes after the end."""
    returns = torch.tensor([[1.0, 2.0], [3.0, 9.0]])
    real = returns < 9
    assert explained_variance(torch.where(real, 0.0, 5.0), returns, real).item() == 1
    assert explained_variance(returns - 2, returns, real).item() == pytest.approx(0)
    assert explained_variance(0.5 * returns, returns, real).item() == pytest.approx(0.75)
