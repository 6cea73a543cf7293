"""Rollouts sample what the policy says, and nothing depends on who plays beside whom."""

import torch

from gapt.models.policy import Policy
from gapt.models.presets import POLICY_PRESETS
from gapt.models.voices import MASKED
from gapt.music.frames import CHORDS, MELODY
from gapt.training.rollout import draw_noise, rollout, sample


def test_an_action_is_where_the_distribution_function_passes_the_noise():
    logits = torch.tensor([0.2, 0.0, 0.5, 0.3]).log().clamp(min=MASKED).expand(5, 4)
    noise = torch.tensor([0.0, 0.19, 0.21, 0.69, 0.71], dtype=torch.float64)
    assert sample(logits, noise).tolist() == [0, 0, 2, 2, 3]


def test_actions_come_as_often_as_their_probabilities_say():
    logits = torch.tensor([0.1, 0.6, 0.3]).log().expand(20_000, 3)
    counts = torch.bincount(sample(logits, draw_noise(0, 20_000, 1)[:, 0]), minlength=3) / 20_000
    torch.testing.assert_close(counts, torch.tensor([0.1, 0.6, 0.3]), atol=0.015, rtol=0)


def test_a_row_plays_the_same_alone_as_among_others():
    torch.manual_seed(0)
    policy = Policy(POLICY_PRESETS["tiny"]).eval()
    melody = torch.randint(0, MELODY.num_states, (4, 40))
    real = torch.ones_like(melody, dtype=torch.bool)
    noise = draw_noise(1, 4, 40)
    together = rollout(policy, melody, real, noise)
    alone = rollout(policy, melody[2:3], real[2:3], noise[2:3])
    assert torch.equal(together[2:3], alone)
    assert all(CHORDS.is_valid(row.numpy()) for row in together)
