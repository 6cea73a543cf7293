"""The networks that come with the package: a folder each, with a card.

NAME/policy.onnx            to play with (`gapt.live`)
NAME/policy.safetensors     the same for torch (`gapt.models.checkpoint`), to train on from
anchor/anchor.safetensors   the offline anchor
judges/*.safetensors        the coherence reward models, by name, e.g. contrastive-rhythm-0
README.md                   the card: data and licences, how it was made, measures, limits
"""

from __future__ import annotations

from pathlib import Path

_FOLDER = Path(__file__).parent

DEFAULT_MODEL = "gapt"
"""The policy that plays where no other is named."""

GRAPH_FORMAT = 2
"""What a policy.onnx and its player must agree on: 2 since the first frame keeps its slot."""

SHIPPED_JUDGES = _FOLDER / "judges"
"""The folder of the shipped judges."""


def shipped_models() -> list[str]:
    """The names of the shipped policies."""
    return sorted(path.parent.name for path in _FOLDER.glob("*/policy.onnx"))


def shipped(name: str) -> Path:
    """The graph of a shipped policy, to play with."""
    return _FOLDER / name / "policy.onnx"


def shipped_checkpoints() -> dict[str, Path]:
    """The weights of the shipped policies and of the anchor, by name."""
    kinds = ("policy", "anchor")
    found = (path for kind in kinds for path in _FOLDER.glob(f"*/{kind}.safetensors"))
    return {path.parent.name: path for path in found}
