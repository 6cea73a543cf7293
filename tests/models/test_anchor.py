"""The anchor sees all of the melody and nothing of the chords to come; rollouts obey both."""

import pytest
import torch
from test_policy import random_states

from gapt.models.anchor import Anchor, AnchorConfig
from gapt.models.presets import POLICY_PRESETS
from gapt.models.rollout import draw_noise, rollout
from gapt.music.frames import CHORDS, other


@pytest.fixture(scope="module", params=["chords", "melody"])
def anchor(request):
    torch.manual_seed(0)
    anchor = Anchor(AnchorConfig(transformer=POLICY_PRESETS["tiny"], part=request.param)).eval()
    with torch.no_grad():
        for parameter in anchor.parameters():
            parameter.mul_(4)  # as far from indifferent as a trained one
    return anchor


def in_order(part, own, heard):
    """Melody, then chords."""
    return (heard, own) if part == CHORDS else (own, heard)


@torch.no_grad()
def test_every_decision_depends_on_all_of_the_other_part_but_only_on_its_own_past(anchor):
    part = anchor.part
    heard, own = random_states(other(part), 1, 40), random_states(part, 1, 40)
    logits = anchor(*in_order(part, own, heard))
    heard_later = heard.clone()
    heard_later[:, 39] = other(part).on(80)
    moved = anchor(*in_order(part, own, heard_later)) - logits
    assert moved.abs().amax(-1).min() > 1e-6
    own_later = own.clone()
    own_later[:, 25:] = random_states(part, 1, 15, seed=9)
    again = anchor(*in_order(part, own_later, heard))
    torch.testing.assert_close(again[:, :26], logits[:, :26])


@torch.no_grad()
def test_frame_by_frame_is_all_at_once_and_padding_is_not_seen(anchor):
    part = anchor.part
    heard, silence = random_states(other(part), 3, 50), torch.zeros(3, 50, dtype=torch.int64)
    real = torch.ones_like(heard, dtype=torch.bool)
    real[1, 30:] = False
    noise = draw_noise(0, 3, 50)

    def play(heard, **options):
        songs = in_order(part, silence, heard)
        return rollout(anchor, *songs, real, noise, part=part, **options).of(part)

    assert all(part.is_valid(row.numpy()) for row in play(heard))
    # Sampling at temperature near 0 takes the likeliest action that the parallel pass gives.
    greedy = play(heard, temperature=1e-4)
    likeliest = anchor(*in_order(part, greedy, heard), real).argmax(-1)
    assert torch.equal(part.actions(greedy), likeliest)
    elsewhere = torch.where(real, heard, random_states(other(part), 3, 50, seed=5))
    assert torch.equal(play(elsewhere, temperature=1e-4)[1, :30], greedy[1, :30])
