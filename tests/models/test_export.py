"""The exported graph decides as the torch policy does, and is refused when it is not ours."""

import copy
import json
import math
import resource
import signal
from pathlib import Path

import msgspec
import numpy as np
import onnx
import pytest
import torch
import torch.nn.functional as F
from test_policy import random_states

from gapt.errors import UserError
from gapt.live.models import OnnxPolicy, resolve_model
from gapt.models.checkpoint import Header, load, load_policy, save
from gapt.models.export import draw, export, export_onnx
from gapt.models.policy import Policy
from gapt.models.presets import POLICY_PRESETS
from gapt.models.voices import MASKED
from gapt.music.frames import CHORDS, MELODY, SILENCE
from gapt.weights import GRAPH_FORMAT, shipped_models

CONFIG = msgspec.to_builtins(POLICY_PRESETS["tiny"])


@pytest.fixture(scope="module")
def policy(policy):
    for head in (policy.chord_head, policy.melody_head):  # as a trained one's, not 0
        torch.nn.init.normal_(head.bias)
    return policy


@pytest.fixture(scope="module")
def whole(policy, tmp_path_factory):
    """Its graph, in single precision."""
    path = tmp_path_factory.mktemp("graph") / "whole.onnx"
    export_onnx(policy, path, float32=True)
    return path


def logits_of_both(policy, path):
    """Of torch, all frames at once, and of the graph, frame by frame past its ring.

    Of one session, and of as many as there are slots, which share their steps.
    """
    onnx = OnnxPolicy(path)
    frames = 230
    for batch in (1, onnx.slots):
        melody, chords = random_states(MELODY, batch, frames), random_states(CHORDS, batch, frames)
        whole = policy(melody, chords)
        caches = [onnx.empty_cache() for _ in range(batch)]
        before = np.full(batch, MELODY.start), np.full(batch, CHORDS.start)
        draws = np.zeros(batch, dtype=bool), np.ones((batch, 2)), np.zeros((batch, 2))
        for t in range(frames):
            decision = onnx.decide(*before, np.full(batch, t), *draws, caches)
            for cache, new in zip(caches, decision.new, strict=True):
                cache[:, :, 0, :, onnx.slot_of(t)] = new
            before = melody[:, t].numpy(), chords[:, t].numpy()
            yield whole.chords[:, t], decision.chord_logits
            yield whole.melody[:, t], decision.melody_logits


def assert_agree(policy, path, tolerance):
    for expected, actual in logits_of_both(policy, path):
        np.testing.assert_allclose(actual, expected, atol=tolerance)


@torch.no_grad()
def test_logits_agree_with_torch(policy, whole, tmp_path):
    assert_agree(policy, whole, 1e-4)
    rounded = copy.deepcopy(policy)
    for parameter in rounded.parameters():
        parameter.copy_(parameter.half())
    export_onnx(rounded, tmp_path / "half.onnx", float32=True)
    assert_agree(rounded, tmp_path / "half.onnx", 1e-4)
    saved = whole.stat().st_size - (tmp_path / "half.onnx").stat().st_size
    assert saved > 1.8 * sum(parameter.numel() for parameter in policy.parameters())


@torch.no_grad()
def test_eight_bits_change_little_and_save_much(policy, whole, tmp_path):
    export_onnx(policy, tmp_path / "int8.onnx")
    assert_agree(policy, tmp_path / "int8.onnx", 0.02)
    with pytest.raises(AssertionError):
        assert_agree(policy, tmp_path / "int8.onnx", 1e-5)
    saved = whole.stat().st_size - (tmp_path / "int8.onnx").stat().st_size
    matrices = [p for name, p in policy.named_parameters() if "blocks" in name and p.ndim == 2]
    assert saved > 2.5 * sum(matrix.numel() for matrix in matrices)


def test_drawing_by_hand():
    logits = torch.tensor([0.5, 0.25, 0.25]).log()

    def drawn(temperature, *chances):
        rows = logits.expand(len(chances), -1)
        chances = torch.tensor(chances, dtype=torch.float64)
        return draw(rows, torch.full_like(chances, temperature), chances).tolist()

    assert drawn(1.0, 0.0, 0.49, 0.51, 0.74, 0.76, 0.999999) == [0, 0, 1, 1, 2, 2]
    assert drawn(0.0, 0.9999999) == [0]
    # At half the temperature probabilities square: 4/6, 1/6, 1/6.
    assert drawn(0.5, 0.66, 0.67, 0.84) == [0, 1, 2]
    # Each row by its own temperature; what is masked is never taken, be the number all but 1.
    masked = torch.tensor([[MASKED, 0, 0], [0, 0, MASKED]])
    chances = torch.tensor([0.0, 1 - 2**-53], dtype=torch.float64)
    assert draw(masked, torch.tensor([1.0, 2.0]).double(), chances).tolist() == [1, 1]


@torch.no_grad()
def test_the_graph_draws_from_its_logits_and_strikes_where_it_is_told(policy, tmp_path):
    quiet = copy.deepcopy(policy)
    quiet.chord_head.bias[SILENCE] = 50.0
    export_onnx(quiet, tmp_path / "quiet.onnx", float32=True)
    onnx = OnnxPolicy(tmp_path / "quiet.onnx")
    batch = onnx.slots
    rng = np.random.default_rng(0)
    struck = np.arange(batch) % 2 == 1
    temperatures, chances = rng.uniform(0.2, 2, (batch, 2)), rng.random((batch, 2))
    states = np.full(batch, MELODY.start), np.full(batch, CHORDS.start), np.zeros(batch, dtype=int)
    caches = [onnx.empty_cache() for _ in range(batch)]
    decision = onnx.decide(*states, struck, temperatures, chances, caches)
    assert ((decision.chords == SILENCE) == ~struck).all()
    for player, (actions, logits) in enumerate(
        ((decision.chords, decision.chord_logits), (decision.melody, decision.melody_logits))
    ):
        told = (torch.from_numpy(array[:, player]) for array in (temperatures, chances))
        assert actions.tolist() == draw(torch.from_numpy(logits), *told).tolist()


@pytest.mark.parametrize("name", shipped_models())
@torch.no_grad()
def test_what_is_shipped_for_playing_and_for_training_is_the_same_model(name):
    path = resolve_model(name)
    nats = [
        float(F.kl_div(torch.tensor(actual).log_softmax(-1), expected.softmax(-1), reduction="sum"))
        / len(expected)
        for expected, actual in logits_of_both(load_policy(path.with_suffix(".safetensors")), path)
    ]
    assert np.mean(nats) < 3e-4
    assert max(nats) < 0.01
    model = onnx.load(path)
    del model.graph.initializer[:]  # a weight may look like anything
    assert b".py" not in model.SerializeToString(), "paths of the machine that exported it"


def test_checkpoints_come_back_whole(policy, tmp_path):
    path = tmp_path / "best.safetensors"
    save(path, Header(model="policy", config=CONFIG, step=7), policy.state_dict())
    for again in (load_policy(path), load_policy(tmp_path)):
        for name, tensor in policy.state_dict().items():
            assert torch.equal(tensor, again.state_dict()[name])


def test_a_full_disk_loses_no_earlier_checkpoint(policy, tmp_path):
    path = tmp_path / "last.safetensors"
    header = Header(model="policy", config=CONFIG)
    save(path, header, policy.state_dict())
    before = path.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) // 2, hard))
    try:
        with pytest.raises(UserError, match=r"cannot write .*last\.safetensors"):
            save(path, header, policy.state_dict())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, ignored)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_weights_to_share_are_half_the_size_and_play_the_same(policy, tmp_path):
    run = tmp_path / "best.safetensors"
    optimizer = {f"optimizer/0/{name}": t.clone() for name, t in policy.state_dict().items()}
    save(run, Header(model="policy", config=CONFIG, step=7), {**policy.state_dict(), **optimizer})
    whole, half = tmp_path / "whole.safetensors", tmp_path / "half.safetensors"
    export([tmp_path], whole)
    export([tmp_path], half, half=True)
    assert half.stat().st_size < 0.6 * whole.stat().st_size < 0.6 * run.stat().st_size
    for name, tensor in load_policy(half).state_dict().items():
        assert torch.equal(tensor, policy.state_dict()[name].half().float())
    assert load(half, "policy")[0].step == 7
    export([half], tmp_path / "again.safetensors")
    assert (tmp_path / "again.safetensors").stat().st_size == half.stat().st_size
    with pytest.raises(UserError, match=r"ends in neither \.onnx nor \.safetensors"):
        export([tmp_path], tmp_path / "policy.bin")
    with pytest.raises(UserError, match="--float32 is for playing"):
        export([tmp_path], half, float32=True)


def test_the_mean_of_several_runs_and_a_calmer_one(policy, tmp_path):
    torch.manual_seed(1)
    other = Policy(POLICY_PRESETS["tiny"])
    for name, network in (("a", policy), ("b", other)):
        header = Header(model="policy", config=CONFIG)
        save(tmp_path / f"{name}.safetensors", header, network.state_dict())
    runs = [tmp_path / "a.safetensors", tmp_path / "b.safetensors"]
    export(runs, tmp_path / "mean.safetensors")
    export(runs, tmp_path / "calm.safetensors", calm=[3], settle=5)
    export(runs, tmp_path / "on-the-beat.safetensors", calm=[0, 4, 2, 4])
    export(runs, tmp_path / "hasty.safetensors", settle=0)
    mean, calm, on_the_beat, hasty = (
        load_policy(tmp_path / f"{name}.safetensors")
        for name in ("mean", "calm", "on-the-beat", "hasty")
    )
    half_way = (policy.chord_head.bias + other.chord_head.bias) / 2
    torch.testing.assert_close(mean.chord_head.bias, half_way)
    assert mean.calm.tolist() == [-0.5, 1, 0.25, 1.5]
    assert calm.calm.tolist() == [3, 3, 3, 3]
    assert (mean.settle, calm.settle, on_the_beat.settle, hasty.settle) == (0.75, 5, 0.75, 0)
    assert on_the_beat.calm.tolist() == [0, 4, 2, 4]
    assert torch.equal(calm.chord_head.bias, mean.chord_head.bias)


@torch.no_grad()
def test_what_is_exported_to_play_is_what_is_exported_to_train_with(policy, tmp_path):
    torch.manual_seed(1)
    for name, network in (("a", policy), ("b", Policy(POLICY_PRESETS["tiny"]))):
        header = Header(model="policy", config=CONFIG)
        save(tmp_path / f"{name}.safetensors", header, network.state_dict())
    runs = [tmp_path / "a.safetensors", tmp_path / "b.safetensors"]
    how = {"calm": [0, 4, 2, 4], "settle": 2, "half": True}
    export(runs, tmp_path / "mean.safetensors", **how)
    export(runs, tmp_path / "mean.onnx", float32=True, **how)
    assert_agree(load_policy(tmp_path / "mean.safetensors"), tmp_path / "mean.onnx", 1e-4)


def test_there_is_no_mean_of_different_networks(policy, tmp_path):
    smaller = msgspec.structs.replace(POLICY_PRESETS["tiny"], layers=1)
    run = tmp_path / "tiny.safetensors"
    save(run, Header(model="policy", config=CONFIG), policy.state_dict())
    header = Header(model="policy", config=msgspec.to_builtins(smaller))
    save(tmp_path / "smaller.safetensors", header, Policy(smaller).state_dict())
    with pytest.raises(UserError, match="there is no mean of the two"):
        export([run, tmp_path / "smaller.safetensors"], tmp_path / "mean.safetensors")
    with pytest.raises(UserError, match="--calm and --settle are for policies"):
        export([Path("anchor")], tmp_path / "calm.safetensors", settle=1)
    old = {name: tensor for name, tensor in policy.state_dict().items() if name != "calm"}
    save(tmp_path / "old.safetensors", Header(model="policy", config=CONFIG), old)
    with pytest.raises(UserError, match=r"old\.safetensors does not fit this version of gapt"):
        export([tmp_path / "old.safetensors"], tmp_path / "calm.safetensors", calm=[1])
    with pytest.raises(UserError, match=r"old\.safetensors is of another version .* tensor 'calm'"):
        export([run, tmp_path / "old.safetensors"], tmp_path / "mean.safetensors")
    for calm in ([1, 2], [math.nan], [1, 2, 3, 1e4], [-1e4]):
        with pytest.raises(UserError, match="--calm takes one number, or one for each"):
            export([run], tmp_path / "calm.safetensors", calm=calm)
    for settle in (math.nan, -1000):
        with pytest.raises(UserError, match=f"number of at most 100; this is {settle:g}"):
            export([run], tmp_path / "calm.safetensors", settle=settle)
    save(run, Header(model="post-training", config=CONFIG), policy.state_dict())
    with pytest.raises(UserError, match="is a run's last checkpoint; give the run's folder"):
        export([run], tmp_path / "mean.safetensors")


def test_a_name_means_the_shipped_network_unless_a_run_here_has_it_too(
    policy, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "gapt").mkdir()
    shipped = load_policy(Path("gapt"))
    assert shipped.config.layers == 4
    save(
        tmp_path / "gapt" / "best.safetensors",
        Header(model="policy", config=CONFIG),
        policy.state_dict(),
    )
    with pytest.raises(UserError, match="'gapt' is a shipped network and also a run"):
        load_policy(Path("gapt"))
    assert load_policy(tmp_path / "gapt").config == policy.config


def test_checkpoints_that_cannot_be_used_are_refused(policy, tmp_path):
    path = tmp_path / "p.safetensors"
    with pytest.raises(UserError, match="no checkpoint at"):
        load_policy(path)
    path.write_bytes(b"not safetensors")
    with pytest.raises(UserError, match="not a gapt checkpoint"):
        load_policy(path)
    torch.save(policy.state_dict(), path)  # a pickle, which could run code
    with pytest.raises(UserError, match="not a gapt checkpoint"):
        load_policy(path)
    save(path, Header(model="anchor", config=CONFIG), policy.state_dict())
    with pytest.raises(UserError, match="is of kind 'anchor'; here 'policy' is needed"):
        load_policy(path)
    other = Header(model="policy", config=CONFIG, vocabulary="elsewhere")
    save(path, other, policy.state_dict())
    with pytest.raises(UserError, match="chord vocabulary elsewhere"):
        load_policy(path)
    larger = Header(model="policy", config={**CONFIG, "layers": 3})
    save(path, larger, policy.state_dict())
    with pytest.raises(UserError, match="does not fit this version"):
        load_policy(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"vocabulary": "elsewhere"}, "chord vocabulary elsewhere"),
        ({"format": None}, "was exported by another version of gapt"),
        ({"format": GRAPH_FORMAT + 1}, "was exported by another version of gapt"),
    ],
)
def test_graphs_of_other_versions_are_refused(whole, tmp_path, change, message):
    graph = onnx.load(whole)
    (about,) = graph.metadata_props
    about.value = json.dumps({**json.loads(about.value), **change})
    onnx.save(graph, tmp_path / "other.onnx")
    with pytest.raises(UserError, match=message):
        OnnxPolicy(tmp_path / "other.onnx")


def test_models_that_cannot_be_used_are_refused(tmp_path):
    with pytest.raises(UserError, match="no model is called 'mel'"):
        resolve_model("mel")
    with pytest.raises(UserError, match="no model file at"):
        resolve_model(tmp_path / "none.onnx")
    bad = tmp_path / "bad.onnx"
    bad.write_bytes(b"\x08\x01nonsense")
    with pytest.raises(UserError, match="not a model that gapt exported"):
        OnnxPolicy(bad)
