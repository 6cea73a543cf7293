"""Weights on disk: safetensors, with what is needed to rebuild the model in the header.

Nothing that could execute code is ever loaded.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import msgspec
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from gapt.errors import UserError
from gapt.files import replacing
from gapt.models.policy import Policy
from gapt.models.transformer import TransformerConfig
from gapt.music.chords import VOCABULARY_ID


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """What a checkpoint says of itself.

    Attributes:
        model: which network the weights are of, e.g. "policy".
        config: its sizes.
        vocabulary: the chord vocabulary it was trained with.
        step: optimiser updates made.
    """

    model: str
    config: TransformerConfig
    vocabulary: str = VOCABULARY_ID
    step: int = 0


def save(path: Path, header: Header, tensors: Mapping[str, Tensor]) -> None:
    """Write tensors and header to `path`, whole or not at all."""
    contiguous = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    metadata = {"gapt": json.dumps(msgspec.to_builtins(header))}
    with replacing(path) as temporary:
        save_file(contiguous, temporary, metadata=metadata)


def load(path: Path, model: str) -> tuple[Header, dict[str, Tensor]]:
    """Read what `save` wrote.

    Raises:
        UserError: no such file, not one of ours, another kind of model, or another vocabulary.
    """
    try:
        with safe_open(str(path), framework="pt") as file:
            header = msgspec.json.decode((file.metadata() or {})["gapt"], type=Header)
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except FileNotFoundError:
        raise UserError(f"no checkpoint at {path}") from None
    except (SafetensorError, KeyError, msgspec.MsgspecError, OSError) as error:
        raise UserError(f"{path} is not a gapt checkpoint ({error})") from None
    if header.model != model:
        raise UserError(f"{path} holds a {header.model}; a {model} is needed here")
    if header.vocabulary != VOCABULARY_ID:
        raise UserError(
            f"{path} was trained with chord vocabulary {header.vocabulary}, but this version of "
            f"gapt has {VOCABULARY_ID}; train it again, or use the version that made it"
        )
    return header, tensors


def checkpoint_path(path: Path) -> Path:
    """A checkpoint itself, or the best one of a run's folder."""
    return path / "best.safetensors" if path.is_dir() else path


def load_policy(path: Path) -> Policy:
    """The policy in a checkpoint or run folder, in evaluation mode on the CPU.

    Raises:
        UserError: see `load`.
    """
    header, tensors = load(checkpoint_path(path), "policy")
    policy = Policy(header.config)
    weights = {name: tensors[name].to(torch.float32) for name in policy.state_dict()}
    policy.load_state_dict(weights)
    return policy.eval()
