"""Tiny untrained networks for an evaluation."""

import msgspec
import pytest
import torch

from gapt.models.anchor import Anchor, AnchorConfig
from gapt.models.checkpoint import Header, save
from gapt.models.judges import ContrastiveJudge, DiscriminativeJudge, GenerativeJudge, JudgeConfig
from gapt.models.policy import Policy
from gapt.models.presets import JUDGE_PRESETS, POLICY_PRESETS


@pytest.fixture(scope="session")
def policy():
    torch.manual_seed(0)
    return Policy(POLICY_PRESETS["tiny"]).eval()


@pytest.fixture(scope="session")
def networks(tmp_path_factory, policy):
    """A folder: policy.safetensors, anchor.safetensors, and judges/, one of each kind."""
    folder = tmp_path_factory.mktemp("networks")
    config = JudgeConfig(transformer=JUDGE_PRESETS["tiny"])
    rhythm = msgspec.structs.replace(config, rhythm=True)
    made = {
        "policy": policy,
        "anchor": Anchor(AnchorConfig(transformer=POLICY_PRESETS["tiny"])),
        "judges/contrastive-0": ContrastiveJudge(config),
        "judges/contrastive-rhythm-0": ContrastiveJudge(rhythm),
        "judges/discriminative-0": DiscriminativeJudge(config),
        "judges/discriminative-rhythm-0": DiscriminativeJudge(rhythm),
        "judges/generative-0": GenerativeJudge(config),
    }
    for name, network in made.items():
        kind = name.rpartition("/")[2].partition("-")[0]
        header = Header(model=kind, config=msgspec.to_builtins(network.config))
        save(folder / f"{name}.safetensors", header, network.state_dict())
    return folder
