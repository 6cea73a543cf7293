"""The exported graph decides as the torch policy does, and is refused when it is not ours."""

import copy
import resource
import signal

import msgspec
import numpy as np
import pytest
import torch
from test_policy import random_states

from gapt.errors import UserError
from gapt.live.models import OnnxPolicy, resolve_model
from gapt.models.checkpoint import Header, load, load_policy, save
from gapt.models.export import export, export_onnx
from gapt.models.policy import Policy
from gapt.models.presets import POLICY_PRESETS
from gapt.music.frames import CHORDS, MELODY
from gapt.weights import shipped_models

CONFIG = msgspec.to_builtins(POLICY_PRESETS["tiny"])


@pytest.fixture(scope="module")
def policy():
    torch.manual_seed(0)
    return Policy(POLICY_PRESETS["tiny"]).eval()


def assert_agree(policy, path, tolerance):
    """Logits of torch, all frames at once, and of the graph, frame by frame past its ring."""
    onnx = OnnxPolicy(path)
    batch, frames = 3, 230
    melody, chords = random_states(MELODY, batch, frames), random_states(CHORDS, batch, frames)
    whole = policy(melody, chords)
    keys, values = onnx.empty_cache(batch), onnx.empty_cache(batch)
    before = np.full(batch, MELODY.start), np.full(batch, CHORDS.start)
    for t in range(frames):
        decision = onnx.decide(*before, np.full(batch, t), keys, values)
        keys[:, :, :, t % onnx.reach] = decision.new_keys
        values[:, :, :, t % onnx.reach] = decision.new_values
        before = melody[:, t].numpy(), chords[:, t].numpy()
        np.testing.assert_allclose(decision.chord_logits, whole.chords[:, t], atol=tolerance)
        np.testing.assert_allclose(decision.melody_logits, whole.melody[:, t], atol=tolerance)


@torch.no_grad()
def test_logits_agree_with_torch(policy, tmp_path):
    export_onnx(policy, tmp_path / "whole.onnx")
    assert_agree(policy, tmp_path / "whole.onnx", 1e-4)
    rounded = copy.deepcopy(policy)
    for parameter in rounded.parameters():
        parameter.copy_(parameter.half())
    export_onnx(rounded, tmp_path / "half.onnx")
    assert_agree(rounded, tmp_path / "half.onnx", 1e-4)
    saved = (tmp_path / "whole.onnx").stat().st_size - (tmp_path / "half.onnx").stat().st_size
    assert saved > 1.8 * sum(parameter.numel() for parameter in policy.parameters())


@torch.no_grad()
def test_eight_bits_change_little_and_save_much(policy, tmp_path):
    export_onnx(policy, tmp_path / "whole.onnx")
    export_onnx(policy, tmp_path / "int8.onnx", int8=True)
    assert_agree(policy, tmp_path / "int8.onnx", 0.02)
    with pytest.raises(AssertionError):
        assert_agree(policy, tmp_path / "int8.onnx", 1e-5)
    saved = (tmp_path / "whole.onnx").stat().st_size - (tmp_path / "int8.onnx").stat().st_size
    matrices = [p for name, p in policy.named_parameters() if "blocks" in name and p.ndim == 2]
    assert saved > 2.5 * sum(matrix.numel() for matrix in matrices)


@pytest.mark.parametrize("name", shipped_models())
@torch.no_grad()
def test_what_is_shipped_for_playing_and_for_training_is_the_same_model(name):
    path = resolve_model(name)
    assert_agree(load_policy(path.with_suffix(".safetensors")), path, 1e-4)
    assert b".py" not in path.read_bytes(), "paths of the machine that exported it"


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
    export(tmp_path, whole)
    export(tmp_path, half, half=True)
    assert half.stat().st_size < 0.6 * whole.stat().st_size < 0.6 * run.stat().st_size
    for name, tensor in load_policy(half).state_dict().items():
        assert torch.equal(tensor, policy.state_dict()[name].half().float())
    assert load(half, "policy")[0].step == 7
    with pytest.raises(UserError, match=r"ends in neither \.onnx nor \.safetensors"):
        export(tmp_path, tmp_path / "policy.bin")


def test_checkpoints_that_cannot_be_used_are_refused(policy, tmp_path):
    path = tmp_path / "p.safetensors"
    with pytest.raises(UserError, match="no checkpoint at"):
        load_policy(path)
    path.write_bytes(b"not safetensors")
    with pytest.raises(UserError, match="not a gapt checkpoint"):
        load_policy(path)
    save(path, Header(model="anchor", config=CONFIG), policy.state_dict())
    with pytest.raises(UserError, match="holds a anchor; a policy is needed"):
        load_policy(path)
    other = Header(model="policy", config=CONFIG, vocabulary="elsewhere")
    save(path, other, policy.state_dict())
    with pytest.raises(UserError, match="chord vocabulary elsewhere"):
        load_policy(path)
    larger = Header(model="policy", config={**CONFIG, "layers": 3})
    save(path, larger, policy.state_dict())
    with pytest.raises(UserError, match="does not fit this version"):
        load_policy(path)


def test_models_that_cannot_be_used_are_refused(tmp_path):
    with pytest.raises(UserError, match="no model is called 'mel'"):
        resolve_model("mel")
    with pytest.raises(UserError, match="no model file at"):
        resolve_model(tmp_path / "none.onnx")
    bad = tmp_path / "bad.onnx"
    bad.write_bytes(b"\x08\x01nonsense")
    with pytest.raises(UserError, match="not a model that gapt exported"):
        OnnxPolicy(bad)
