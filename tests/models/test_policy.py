"""The policy: causal, the same step by step as all at once, and never invalid."""

import copy
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch._dynamo import lookup_backend

from gapt.models.transformer import (
    PERIOD,
    Cache,
    Transformer,
    TransformerConfig,
    compile_blocks,
)
from gapt.models.voices import MASKED
from gapt.music.frames import CHORDS, HOLD, MELODY


def random_states(voice, batch, frames, seed=0):
    """Valid states [batch, frames] of random actions."""
    rng = np.random.default_rng(seed)
    actions = np.where(
        rng.random((batch, frames)) < 0.6, HOLD, rng.integers(0, voice.num_actions, (batch, frames))
    )
    states, state = [], np.full(batch, voice.start)
    for t in range(frames):
        state = voice.advance(state, actions[:, t])
        states.append(state)
    return torch.from_numpy(np.stack(states, axis=1))


@settings(max_examples=20)
@given(st.integers(0, 59), st.integers(0, 10**6))
@torch.no_grad()
def test_what_happens_at_a_frame_changes_no_decision_at_or_before_it(policy, frame, seed):
    melody, chords = random_states(MELODY, 1, 60, seed), random_states(CHORDS, 1, 60, seed)
    other_melody, other_chords = melody.clone(), chords.clone()
    other_melody[:, frame:] = random_states(MELODY, 1, 60 - frame, seed + 1)
    other_chords[:, frame:] = random_states(CHORDS, 1, 60 - frame, seed + 1)
    before, after = policy(melody, chords), policy(other_melody, other_chords)
    for old, new in zip(before, after, strict=True):
        torch.testing.assert_close(old[:, : frame + 1], new[:, : frame + 1])


@torch.no_grad()
def test_step_by_step_is_all_at_once_far_beyond_the_reach(policy):
    frames = PERIOD + 100  # past the ring's size and past where positions wrap
    melody, chords = random_states(MELODY, 2, frames), random_states(CHORDS, 2, frames)
    cache = Cache.empty(policy.config, 2, torch.zeros(()))
    before = torch.tensor([MELODY.start] * 2), torch.tensor([CHORDS.start] * 2)
    steps = []
    for t in range(frames):
        output = policy.step(*before, torch.full((2,), t), cache)
        steps.append(output)
        before = melody[:, t], chords[:, t]
    whole = policy(melody, chords)
    torch.testing.assert_close(torch.stack([s.chords for s in steps], 1), whole.chords)
    torch.testing.assert_close(torch.stack([s.melody for s in steps], 1), whole.melody)


@torch.no_grad()
def test_the_start_is_never_out_of_reach_and_what_comes_after_it_is():
    torch.manual_seed(0)
    transformer = Transformer(TransformerConfig(dim=8, layers=2, heads=2, reach=16)).eval()
    x = torch.randn(1, 60, 8)  # what came 30 frames before and more is out of both layers' reach
    start, after = x.clone(), x.clone()
    start[:, 0] += 1
    after[:, 1:20] += 1
    last = transformer(x)[:, -1]
    assert not torch.equal(transformer(start)[:, -1], last)
    assert torch.equal(transformer(after)[:, -1], last)


@torch.no_grad()
def test_only_hold_of_nothing_is_masked(policy):
    melody, chords = random_states(MELODY, 4, 40), random_states(CHORDS, 4, 40)
    masked = policy(melody, chords).chords == MASKED
    silent_before = torch.cat([torch.ones(4, 1, dtype=bool), chords[:, :-1] == 0], dim=1)
    assert torch.equal(masked[..., HOLD], silent_before)
    assert masked.sum() == silent_before.sum()


@torch.no_grad()
def test_a_calm_policy_holds_its_chord_by_so_much_more_at_each_place_of_the_beat(policy):
    melody, chords = random_states(MELODY, 2, 40), CHORDS.strike(torch.full((2, 40), CHORDS.on(7)))
    restless = copy.deepcopy(policy)
    restless.calm[:] = 0
    added = policy(melody, chords).chords - restless(melody, chords).chords
    # In the first frame nothing sounds yet that could be held.
    expected = [0.0, 2.0, 0.5, 3.0] + [-1.0, 2.0, 0.5, 3.0] * 9
    torch.testing.assert_close(added[..., HOLD], torch.tensor([expected] * 2))
    assert not added[..., HOLD + 1 :].any()
    assert not added[..., :HOLD].any()


@torch.no_grad()
def test_a_settled_policy_holds_a_chord_that_was_just_struck_by_so_much_more(policy):
    strike, hold = CHORDS.on(7), CHORDS.hold(7)
    chords = torch.tensor([[strike, hold, hold, strike, strike, hold, 0, strike]])
    melody = random_states(MELODY, 1, 8)
    hasty = copy.deepcopy(policy)
    hasty.settle.fill_(0)
    added = policy(melody, chords).chords - hasty(melody, chords).chords
    assert added[0, :, HOLD].tolist() == [0, 1.5, 0, 0, 1.5, 1.5, 0, 0]
    assert not added[..., HOLD + 1 :].any()


def test_compiled_it_decides_and_learns_the_same_and_its_steps_are_left_alone(policy, monkeypatch):
    # Training compiles on a GPU alone: elsewhere no kernels need be built, only the graphs.
    device, backend = ("cuda", "inductor") if torch.cuda.is_available() else ("cpu", "aot_eager")
    graphs = []

    def build(graph, inputs):
        graphs.append(graph)
        return lookup_backend(backend)(graph, inputs)

    def learn(network):
        log_p = network(melody, chords).chords.log_softmax(-1)
        log_p[..., HOLD].mean().backward()
        return log_p, network.transformer.blocks[0].attention.qkv.weight.grad

    @torch.no_grad()
    def step(network):
        cache = Cache.empty(network.config, 2, network.calm)
        return network.step(melody[:, 0], chords[:, 0], torch.ones_like(melody[:, 0]), cache)

    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend=build))
    melody, chords = (random_states(voice, 2, 16).to(device) for voice in (MELODY, CHORDS))
    plain, compiled = (copy.deepcopy(policy).to(device) for _ in range(2))
    compile_blocks(compiled)
    assert compiled.state_dict().keys() == policy.state_dict().keys()
    for ours, theirs in zip(learn(compiled), learn(plain), strict=True):
        torch.testing.assert_close(ours, theirs)
    assert len(compiled.transformer.blocks) > len(graphs) == 1, "one serves all blocks"
    for ours, theirs in zip(step(compiled), step(plain), strict=True):
        assert torch.equal(ours, theirs)
    assert len(graphs) == 1


def test_a_bidirectional_model_does_not_see_padding():
    torch.manual_seed(0)
    model = Transformer(TransformerConfig(dim=32, layers=2, heads=2, causal=False)).eval()
    x = torch.randn(1, 20, 32)
    real = torch.arange(20)[None] < 12
    other = torch.where(real[..., None], x, torch.randn(1, 20, 32))
    torch.testing.assert_close(model(x, real)[:, :12], model(other, real)[:, :12])
    torch.testing.assert_close(model(x, real)[:, :12], model(x[:, :12]))


def test_heads_must_divide_the_width():
    with pytest.raises(ValueError, match="dim 30 does not split into 4"):
        Transformer(TransformerConfig(dim=30, layers=1, heads=4))
