"""Rollouts sample what the policy says, and nothing depends on who plays beside whom."""

import pytest
import torch

from gapt.models.policy import Policy
from gapt.models.presets import POLICY_PRESETS
from gapt.models.voices import MASKED
from gapt.music.frames import CHORDS, MELODY
from gapt.training.rollout import draw_noise, rollout, sample


def test_an_action_is_where_the_distribution_function_passes_the_noise():
    log_p = torch.tensor([0.2, 0.0, 0.5, 0.3]).log().clamp(min=MASKED).expand(5, 4)
    noise = torch.tensor([0.0, 0.19, 0.21, 0.69, 0.71], dtype=torch.float64)
    assert sample(log_p, noise).tolist() == [0, 0, 2, 2, 3]


def test_actions_come_as_often_as_their_probabilities_say():
    log_p = torch.tensor([0.1, 0.6, 0.3]).log().expand(20_000, 3)
    counts = torch.bincount(sample(log_p, draw_noise(0, 20_000, 1)[:, 0]), minlength=3) / 20_000
    torch.testing.assert_close(counts, torch.tensor([0.1, 0.6, 0.3]), atol=0.015, rtol=0)


@pytest.fixture(scope="module")
def policy():
    torch.manual_seed(0)
    return Policy(POLICY_PRESETS["tiny"]).eval()


def play(policy, rows=slice(None), **options):
    torch.manual_seed(1)
    melody = torch.randint(0, MELODY.num_states, (4, 40))
    real = torch.ones_like(melody, dtype=torch.bool)
    return rollout(policy, melody[rows], real[rows], draw_noise(1, 4, 40)[rows], **options)


def test_a_row_plays_the_same_alone_as_among_others(policy):
    together, alone = play(policy), play(policy, slice(2, 3))
    assert torch.equal(together.chords[2:3], alone.chords)
    assert all(CHORDS.is_valid(row.numpy()) for row in together.chords)


def test_log_probabilities_are_those_of_the_parallel_pass(policy):
    played = play(policy, temperature=0.7)
    log_p = (policy(played.melody, played.chords).chords / 0.7).log_softmax(-1)
    actions = CHORDS.actions(played.chords)
    expected = log_p.gather(-1, actions[..., None]).squeeze(-1)
    torch.testing.assert_close(played.log_probs, expected, atol=1e-5, rtol=0)
