"""Rollouts sample what the policy says, and nothing depends on who plays beside whom."""

import pytest
import torch

from gapt.models.policy import Policy
from gapt.models.presets import POLICY_PRESETS
from gapt.models.rollout import draw_noise, duet, rollout, sample
from gapt.models.voices import MASKED
from gapt.music.frames import CHORDS, MELODY


def test_an_action_is_where_the_distribution_function_passes_the_noise():
    log_p = torch.tensor([0.2, 0.0, 0.5, 0.3]).log().clamp(min=MASKED).expand(5, 4)
    noise = torch.tensor([0.0, 0.19, 0.21, 0.69, 0.71], dtype=torch.float64)
    assert sample(log_p, noise).tolist() == [0, 0, 2, 2, 3]


def test_actions_come_as_often_as_their_probabilities_say():
    log_p = torch.tensor([0.1, 0.6, 0.3]).log().expand(20_000, 3)
    counts = torch.bincount(sample(log_p, draw_noise(0, 20_000, 1)[:, 0]), minlength=3) / 20_000
    torch.testing.assert_close(counts, torch.tensor([0.1, 0.6, 0.3]), atol=0.015, rtol=0)


def test_a_seed_draws_the_same_chance_again_and_another_does_not():
    torch.manual_seed(0)
    first = draw_noise(3, 4, 8)
    torch.manual_seed(1)  # whatever else has been drawn
    assert torch.equal(draw_noise(3, 4, 8), first)
    assert not torch.equal(draw_noise(4, 4, 8), first)


def songs():
    torch.manual_seed(1)
    melody = torch.randint(0, MELODY.num_states, (4, 40))
    chords = torch.randint(0, CHORDS.num_states, (4, 40))
    chords[:, 0] = CHORDS.on(7)
    chords[:, 1:8] = CHORDS.hold(7)
    return melody, chords, torch.ones_like(melody, dtype=torch.bool)


def play(policy, rows=slice(None), **options):
    some = (tensor[rows] for tensor in (*songs(), draw_noise(1, 4, 40)))
    return rollout(policy, *some, **options)


def test_a_row_plays_the_same_alone_as_among_others(policy):
    together, alone = play(policy), play(policy, slice(2, 3))
    assert torch.equal(together.chords[2:3], alone.chords)
    assert all(CHORDS.is_valid(row.numpy()) for row in together.chords)


@pytest.mark.parametrize("part", [CHORDS, MELODY], ids=["chords", "melody"])
def test_log_probabilities_are_those_of_the_parallel_pass(policy, part):
    played = play(policy, part=part, temperature=0.7)
    log_p = (policy(played.melody, played.chords).of(part) / 0.7).log_softmax(-1)
    actions = part.actions(played.of(part))
    expected = log_p.gather(-1, actions[..., None]).squeeze(-1)
    torch.testing.assert_close(played.log_probs, expected, atol=1e-5, rtol=0)
    heard = played.melody if part == CHORDS else played.chords
    assert torch.equal(heard, songs()[0 if part == CHORDS else 1])


def test_the_first_frames_may_be_given(policy):
    played = play(policy, given=8)
    assert torch.equal(played.chords[:, :8], songs()[1][:, :8])
    assert not torch.equal(played.chords[:, 8:], songs()[1][:, 8:])
    melody, chords, real = songs()
    chords[:, 8] = CHORDS.on(3)
    played = rollout(policy, melody, chords, real, draw_noise(1, 4, 40), given=8)
    assert not (played.chords[:, 8] == CHORDS.on(3)).all(), "and no more than those"


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU to record frames on")
def test_frames_recorded_on_a_gpu_are_those_of_the_cpu(policy):
    expected = play(policy, given=8)
    on_gpu = Policy(policy.config).cuda().eval()
    on_gpu.load_state_dict(policy.state_dict())
    songs_there = (tensor.cuda() for tensor in songs())
    played = rollout(on_gpu, *songs_there, draw_noise(1, 4, 40), given=8)
    assert torch.equal(played.chords.cpu(), expected.chords)
    torch.testing.assert_close(played.log_probs.cpu(), expected.log_probs, atol=1e-4, rtol=0)


@torch.no_grad()
def test_in_a_duet_both_act_at_once_and_hear_each_other(policy):
    torch.manual_seed(2)
    melodist = Policy(POLICY_PRESETS["tiny"]).eval()
    noise = draw_noise(3, 5, 30), draw_noise(4, 5, 30)
    melody, chords = duet(melodist, policy, noise, temperature=1e-4)
    # At temperature near 0 each does what is likeliest after what both have done so far.
    assert torch.equal(MELODY.actions(melody), melodist(melody, chords).melody.argmax(-1))
    assert torch.equal(CHORDS.actions(chords), policy(melody, chords).chords.argmax(-1))
    warm_melody, warm_chords = duet(melodist, policy, noise)
    assert all(MELODY.is_valid(row.numpy()) for row in warm_melody)
    assert all(CHORDS.is_valid(row.numpy()) for row in warm_chords)
