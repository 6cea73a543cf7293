"""`gapt bench train`: how long one update of post-training takes, and which part takes it.

At a preset's sizes, on the built-in tunes, with networks that have learnt nothing: the time is the
same. The first update is left out: it warms up.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import msgspec
import torch
from torch import nn

from gapt.corpora.prepare import TUNES, prepare
from gapt.corpora.store import Corpus
from gapt.models.anchor import Anchor, AnchorConfig
from gapt.models.checkpoint import Header, save
from gapt.models.judges import ContrastiveJudge, DiscriminativeJudge, JudgeConfig
from gapt.models.policy import Policy
from gapt.models.presets import JUDGE_PRESETS, POLICY_PRESETS
from gapt.training.post import PostTraining
from gapt.training.recipes import POST_TRAINING_RECIPES
from gapt.training.supervised import launch, resolved


def bench_train(preset: str, updates: int) -> dict[str, Any]:
    """Time `updates` updates of GAPT, all eight judges and the discriminator at work.

    Returns:
        `seconds_per_update`; `parts`, the same by part; `peak_memory_mb`, of the GPU, or of the
        process without one; `device`; and `trajectories` and `frames` of an update.
    """
    with tempfile.TemporaryDirectory() as folder:
        training = _untrained(preset, Path(folder))
    device, recipe = training.fabric.device, training.recipe
    for step in range(updates + 1):
        if step == 1:
            training.clock.seconds.clear()
            begun = time.perf_counter()
        training.update(step)
    seconds = time.perf_counter() - begun
    return {
        "seconds_per_update": seconds / updates,
        "parts": {name: part / updates for name, part in training.clock.seconds.items()},
        "peak_memory_mb": _peak_memory(device),
        "device": _name(device),
        "preset": preset,
        "trajectories": recipe.batch,
        "frames": recipe.frames,
        "updates": updates,
    }


def report(figures: dict[str, Any]) -> str:
    """In words."""
    parts = ", ".join(f"{name} {seconds:.2f}" for name, seconds in figures["parts"].items())
    return (
        f"an update of {figures['trajectories']} trajectories of {figures['frames']} frames takes "
        f"{figures['seconds_per_update']:.2f} s on {figures['device']} ({parts}) "
        f"and {figures['peak_memory_mb']:.0f} MB"
    )


def _untrained(preset: str, folder: Path) -> PostTraining:
    torch.manual_seed(0)
    sizes, judge_sizes = POLICY_PRESETS[preset], JUDGE_PRESETS[preset]
    anchor = AnchorConfig(transformer=sizes)
    networks: dict[str, tuple[nn.Module, msgspec.Struct]] = {
        "policy": (Policy(sizes), sizes),
        "anchor": (Anchor(anchor), anchor),
    }
    for rhythm in (False, True):
        judge = JudgeConfig(transformer=judge_sizes, rhythm=rhythm)
        for seed in (0, 1):
            name = f"{'rhythm-' if rhythm else ''}{seed}"
            networks[f"judges/contrastive-{name}"] = (ContrastiveJudge(judge), judge)
            networks[f"judges/discriminative-{name}"] = (DiscriminativeJudge(judge), judge)
    for name, (network, config) in networks.items():
        kind = name.rpartition("/")[2].partition("-")[0]
        header = Header(model=kind, config=msgspec.to_builtins(config))
        path = folder / f"{name}.safetensors"
        path.parent.mkdir(exist_ok=True)
        save(path, header, network.state_dict())
    prepare({"tunes": TUNES}, folder / "tunes")
    recipe = msgspec.structs.replace(
        resolved(POST_TRAINING_RECIPES[preset]),
        start=str(folder / "policy.safetensors"),
        anchor=str(folder / "anchor.safetensors"),
        judges=str(folder / "judges"),
        mixture={"tunes": 1.0},
    )
    return PostTraining(recipe, Corpus.load(folder / "tunes"), launch(recipe))


def _peak_memory(device: torch.device) -> float:
    """MB, 2**20 bytes each."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    import resource  # which Windows does not have

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def _name(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"CPU, {torch.get_num_threads()} threads"
