"""The anchor sees all of the melody and nothing of the chords to come; rollouts obey both."""

import pytest
import torch
from test_policy import random_states

from gapt.models.anchor import Anchor
from gapt.models.presets import POLICY_PRESETS
from gapt.music.frames import CHORDS, MELODY
from gapt.training.rollout import draw_noise, rollout


@pytest.fixture(scope="module")
def anchor():
    torch.manual_seed(0)
    anchor = Anchor(POLICY_PRESETS["tiny"]).eval()
    with torch.no_grad():
        for parameter in anchor.parameters():
            parameter.mul_(4)  # as far from indifferent as a trained one
    return anchor


@torch.no_grad()
def test_every_chord_depends_on_the_whole_melody_but_on_past_chords_only(anchor):
    melody, chords = random_states(MELODY, 1, 40), random_states(CHORDS, 1, 40)
    logits = anchor(melody, chords)
    later_melody = melody.clone()
    later_melody[:, 39] = MELODY.on(80)
    assert (anchor(later_melody, chords) - logits).abs().amax(-1).min() > 1e-6
    later_chords = chords.clone()
    later_chords[:, 25:] = random_states(CHORDS, 1, 15, seed=9)
    torch.testing.assert_close(anchor(melody, later_chords)[:, :26], logits[:, :26])


@torch.no_grad()
def test_frame_by_frame_is_all_at_once_and_padding_is_not_seen(anchor):
    melody = random_states(MELODY, 3, 50)
    real = torch.ones_like(melody, dtype=torch.bool)
    real[1, 30:] = False
    noise = draw_noise(0, 3, 50)
    chords = rollout(anchor, melody, real, noise).chords
    assert all(CHORDS.is_valid(row.numpy()) for row in chords)
    # Sampling at temperature near 0 takes the likeliest action that the parallel pass gives.
    greedy = rollout(anchor, melody, real, noise, temperature=1e-4).chords
    likeliest = anchor(melody, greedy, real).argmax(-1)
    assert torch.equal(CHORDS.actions(greedy), likeliest)
    other = torch.where(real, melody, random_states(MELODY, 3, 50, seed=5))
    again = rollout(anchor, other, real, noise, temperature=1e-4).chords
    assert torch.equal(again[1, :30], greedy[1, :30])
