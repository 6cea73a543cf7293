"""Recipes: what a training run does, as a typed preset plus the few lines of YAML that differ.

    preset: small
    steps: 5000
    transformer: {layers: 6}

A misspelt key or a wrong type is refused by name before anything starts.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import yaml

from gapt.errors import UserError, did_you_mean
from gapt.models.presets import JUDGE_PRESETS, POLICY_PRESETS
from gapt.models.transformer import TransformerConfig


class SupervisedRecipe(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every supervised stage is told.

    Attributes:
        transformer: sizes of the network.
        steps: optimiser updates.
        batch: windows per update, over all processes together.
        mixture: share of a batch that each corpus provides; corpora that are not there are left
            out and the rest scaled up.
        learning_rate: peak; reached linearly over `warmup` steps, then a cosine down to
            `final_learning_rate` of it.
        precision: of Lightning Fabric, e.g. "bf16-mixed" or "32-true".
        validate_every: steps between validations, and between checkpoints.
        validation_songs: how many songs of the valid split, at most.
    """

    transformer: TransformerConfig
    steps: int
    batch: int
    learning_rate: float
    mixture: dict[str, float] = msgspec.field(
        default_factory=lambda: {"hooktheory": 0.6, "pop909": 0.3, "nottingham": 0.1}
    )
    warmup: int = 100
    final_learning_rate: float = 0.1
    betas: tuple[float, float] = (0.9, 0.95)
    weight_decay: float = 0.01
    gradient_norm: float = 1.0
    precision: str = "bf16-mixed"
    validate_every: int = 100
    validation_songs: int = 256
    seed: int = 0


class LikelihoodRecipe(SupervisedRecipe, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The policy's and the anchor's maximum likelihood (Wu et al., arXiv 2511.17879, appendix).

    Attributes:
        frames: length of a window.
    """

    frames: int = 256


class PolicyRecipe(LikelihoodRecipe, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The policy's, and what may be added to it. Both additions are ours; the paper has neither.

    Attributes:
        start: the policy to start from, a shipped model's name or a path; None: from nothing.
        wrong_past: share of the windows whose chords, up to a random chord's onset, are heard in
            another key than the melody; nothing is learnt there, but from that onset on the true
            chords are. Teaches to recover from one's own mistakes, of which data has none.
    """

    start: str | None = None
    wrong_past: float = 0.0


class JudgeRecipe(SupervisedRecipe, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A coherence reward model (the same, and ReaLchords, arXiv 2506.14723, section 4.3).

    Attributes:
        rhythm: see onsets, holds and silence only.
        lengths: windows of a batch are all of one of these lengths, in frames, drawn at each step:
            so the judge cannot tell pairs apart by length, and judges all lengths.
    """

    rhythm: bool = False
    lengths: tuple[int, ...] = (64, 96, 128, 192, 256)


# What makes `tiny` quick.
_TINY: dict[str, Any] = {
    "mixture": {"tunes": 1.0},
    "warmup": 10,
    "precision": "32-true",
    "validate_every": 20,
}
_TINY_LIKELIHOOD: dict[str, Any] = {
    **_TINY, "steps": 60, "batch": 8, "learning_rate": 1e-2, "frames": 64
}  # fmt: skip
# Adam as published, at a constant rate once warm.
_PAPER_LIKELIHOOD: dict[str, Any] = {
    "batch": 64,
    "learning_rate": 1e-4,
    "final_learning_rate": 1.0,
    "betas": (0.9, 0.999),
    "weight_decay": 0.0,
}

POLICY_RECIPES = {
    "tiny": PolicyRecipe(transformer=POLICY_PRESETS["tiny"], **_TINY_LIKELIHOOD),
    "small": PolicyRecipe(
        transformer=POLICY_PRESETS["small"], steps=3000, batch=32, learning_rate=1e-3
    ),
    "paper": PolicyRecipe(transformer=POLICY_PRESETS["paper"], steps=11_000, **_PAPER_LIKELIHOOD),
}

ANCHOR_RECIPES = {
    "tiny": LikelihoodRecipe(transformer=POLICY_PRESETS["tiny"], **_TINY_LIKELIHOOD),
    "small": LikelihoodRecipe(
        transformer=POLICY_PRESETS["small"], steps=1500, batch=32, learning_rate=1e-3
    ),
    "paper": LikelihoodRecipe(
        transformer=POLICY_PRESETS["paper"], steps=13_000, **_PAPER_LIKELIHOOD
    ),
}

_TINY_JUDGE = JudgeRecipe(
    transformer=JUDGE_PRESETS["tiny"],
    steps=60,
    batch=16,
    learning_rate=3e-3,
    lengths=(32, 48, 64),
    **_TINY,
)

CONTRASTIVE_RECIPES = {
    "tiny": _TINY_JUDGE,
    "small": JudgeRecipe(
        transformer=JUDGE_PRESETS["small"], steps=800, batch=96, learning_rate=1e-3
    ),
    "paper": JudgeRecipe(
        transformer=JUDGE_PRESETS["paper"], steps=8000, batch=196, learning_rate=1e-4
    ),
}

DISCRIMINATIVE_RECIPES = {
    "tiny": _TINY_JUDGE,
    "small": JudgeRecipe(
        transformer=JUDGE_PRESETS["small"], steps=600, batch=64, learning_rate=1e-3
    ),
    "paper": JudgeRecipe(
        transformer=JUDGE_PRESETS["paper"], steps=3000, batch=128, learning_rate=1e-4
    ),
}

R = TypeVar("R", bound=SupervisedRecipe)


def load_recipe(path: Path, presets: Mapping[str, R]) -> R:
    """Read a recipe that starts from one of `presets`.

    Raises:
        UserError: no such file, not YAML, an unknown preset or key, or a wrong type; the message
            names it.
    """
    try:
        written = yaml.safe_load(path.read_text())
    except OSError as error:
        raise UserError(f"cannot read recipe {path}: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"recipe {path} is not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(written, dict) or "preset" not in written:
        raise UserError(
            f"recipe {path} must say which preset it starts from, e.g. 'preset: small'. "
            f"{did_you_mean('', presets)}"
        )
    preset = written.pop("preset")
    if preset not in presets:
        raise UserError(
            f"recipe {path}: no preset '{preset}'. {did_you_mean(str(preset), presets)}"
        )
    base = presets[preset]
    merged = _merge(msgspec.to_builtins(base), written, f"recipe {path}")
    try:
        return msgspec.convert(merged, type(base))
    except msgspec.ValidationError as error:
        raise UserError(f"recipe {path}: {error}") from None


def _merge(base: dict[str, Any], changes: dict[str, Any], where: str) -> dict[str, Any]:
    """`base` with `changes` laid over it, section by section; only known keys."""
    merged = dict(base)
    for key, value in changes.items():
        if key not in base:
            raise UserError(f"{where}: unknown key '{key}'. {did_you_mean(str(key), base)}")
        nested = key == "transformer" and isinstance(value, dict)
        merged[key] = _merge(base[key], value, f"{where}, {key}") if nested else value
    return merged
