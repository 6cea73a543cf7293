"""What several test folders need."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, settings

from gapt.cli import main
from gapt.corpora.prepare import TUNES, prepare
from gapt.live.models import resolve_model
from gapt.weights import DEFAULT_MODEL, shipped_models

# Tests are small and run side by side: threads of torch's would only be in each other's way.
torch.set_num_threads(1)

# How long an example takes says more about what else the machine does than about the code.
settings.register_profile("gapt", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("gapt")

# Where a proxy is set, urllib and websockets would ask it for this machine's own servers too.
os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files come first: none of them is to run alone at the end."""
    longest = {"training", "models", "test_readme.py", "test_page_controls.py"}
    items.sort(key=lambda item: longest.isdisjoint(item.path.parts))


@pytest.fixture
def gapt(monkeypatch, capfd, tmp_path):
    """Run a command here, in an empty folder: its exit code, and what it said."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["gapt", *map(str, arguments)])
        with pytest.raises(SystemExit) as exit:  # anything else would be a traceback
            main()
        return exit.value.code, *capfd.readouterr()

    return run


@pytest.fixture(scope="session")
def model(tmp_path_factory) -> Path:
    """An ONNX policy: the shipped one, or a tiny untrained one."""
    if DEFAULT_MODEL in shipped_models():
        return resolve_model(DEFAULT_MODEL)
    return untrained(tmp_path_factory.mktemp("model") / "tiny.onnx")


@pytest.fixture(scope="session")
def tunes(tmp_path_factory) -> Path:
    """The built-in tunes as a prepared corpus folder."""
    folder = tmp_path_factory.mktemp("corpus")
    prepare({"tunes": TUNES}, folder)
    return folder


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory) -> Path:
    """A tiny untrained policy whose random logits make every action about as likely."""
    return untrained(tmp_path_factory.mktemp("tiny") / "tiny.onnx")


@pytest.fixture(scope="session")
def on_the_beat_model(tmp_path_factory) -> Path:
    """The same, but that it leaves a chord on a beat only."""
    return untrained(tmp_path_factory.mktemp("tiny") / "on-the-beat.onnx", (-5, 99, 99, 99))


def untrained(path: Path, calm: Sequence[float] = (0.0,)) -> Path:
    from gapt.models.export import export_onnx
    from gapt.models.policy import Policy
    from gapt.models.presets import POLICY_PRESETS

    torch.manual_seed(0)
    policy = Policy(POLICY_PRESETS["tiny"]).eval()
    with torch.no_grad():
        for parameter in policy.parameters():
            parameter.mul_(4)  # as far from indifferent as a trained one
        for head in (policy.chord_head, policy.melody_head):
            torch.nn.init.normal_(head.bias, std=0.1)
    policy.calm[:] = torch.tensor(calm)
    export_onnx(policy, path)
    return path
