"""The models that come with the package: a folder each, with a card.

policy.onnx         to play with (`gapt.live`)
policy.safetensors  the same weights for torch (`gapt.models.checkpoint`)
README.md           the card: data and licences, how it was made, measures, limits
"""

from __future__ import annotations

from pathlib import Path

_FOLDER = Path(__file__).parent


def shipped_models() -> list[str]:
    """The names of the shipped models."""
    return sorted(path.parent.name for path in _FOLDER.glob("*/policy.onnx"))


def shipped(name: str, ending: str) -> Path:
    """A shipped model's file, `ending` being "onnx" or "safetensors"."""
    return _FOLDER / name / f"policy.{ending}"
