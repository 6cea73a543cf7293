"""Weights on disk: safetensors, with what is needed to rebuild the model in the header.

Nothing that could execute code is ever loaded.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as serialise
from torch import Tensor, nn

from gapt.errors import UserError, did_you_mean
from gapt.files import replacing
from gapt.models.anchor import Anchor, AnchorConfig
from gapt.models.judges import JUDGES, Judge, JudgeConfig
from gapt.models.policy import Policy
from gapt.models.transformer import TransformerConfig
from gapt.music.chords import VOCABULARY_ID
from gapt.weights import shipped_checkpoints

OPTIMIZER = "optimizer/"
"""What the names of an optimiser's tensors begin with, in checkpoints to resume from."""


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """What a checkpoint says of itself.

    Attributes:
        model: which network the weights are of, e.g. "policy".
        config: its sizes, of the kind that network takes.
        vocabulary: the chord vocabulary it was trained with.
        step: optimiser updates made.
        corpus: what it learnt from (`Corpus.fingerprint`); "" if nobody has written that down.
    """

    model: str
    config: dict[str, Any]
    vocabulary: str = VOCABULARY_ID
    step: int = 0
    corpus: str = ""


def save(path: Path, header: Header, tensors: Mapping[str, Tensor]) -> None:
    """Write tensors and header to `path`, whole or not at all.

    Raises:
        UserError: it cannot be written, say because the disk is full; what was there is kept.
    """
    contiguous = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    metadata = {"gapt": json.dumps(msgspec.to_builtins(header))}
    with replacing(path) as temporary:
        # Not `save_file`: that makes files that only their owner can read.
        temporary.write_bytes(serialise(contiguous, metadata))


def load(path: Path, model: str | None = None) -> tuple[Header, dict[str, Tensor]]:
    """Read what `save` wrote; `model`: which network it must hold, if not any.

    Raises:
        UserError: no such file, not one of ours, another kind of model, or another vocabulary.
    """
    try:
        with safe_open(str(path), framework="pt") as file:
            header = msgspec.json.decode((file.metadata() or {})["gapt"], type=Header)
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except FileNotFoundError:
        message = f"no checkpoint at {path}"
        if path.name == str(path):  # no folder in it: perhaps a name was meant
            message += f". {did_you_mean(path.name, shipped_checkpoints())}"
        raise UserError(message) from None
    except (SafetensorError, KeyError, msgspec.MsgspecError, OSError) as error:
        if path.suffix == ".onnx":
            raise UserError(
                f"{path} is a graph to play with; give the run or the .safetensors it is made from"
            ) from None
        raise UserError(f"{path} is not a gapt checkpoint ({error})") from None
    if header.model != (model or header.model):
        raise UserError(f"{path} is of kind '{header.model}'; here '{model}' is needed")
    if header.vocabulary != VOCABULARY_ID:
        raise UserError(
            f"{path} was trained with chord vocabulary {header.vocabulary}, but this version of "
            f"gapt has {VOCABULARY_ID}; train it again, or use the version that made it"
        )
    return header, tensors


def checkpoint_path(path: Path) -> Path:
    """A checkpoint itself, the best one of a run's folder, or that of a shipped network's name.

    Raises:
        UserError: a run has the name of a shipped network, and only the name is given.
    """
    shipped, best = shipped_checkpoints().get(str(path)), path / "best.safetensors"
    if shipped and best.exists():
        raise UserError(
            f"'{path}' is a shipped network and also a run in this folder: for the run give "
            f"{path.absolute()}; for the shipped one work in another folder"
        )
    return shipped or (best if path.is_dir() else path)


M = TypeVar("M", bound=nn.Module)
J = TypeVar("J", bound=Judge)


def load_model(path: Path, name: str, build: Callable[[Any], M], config: type) -> M:
    """The network in a checkpoint or run folder, in evaluation mode on the CPU.

    Args:
        path: the file or folder.
        name: which network it must hold.
        build: makes the network from its config.
        config: the config's type.

    Raises:
        UserError: see `load`; or the sizes are not ones that this version of gapt knows.
    """
    header, tensors = load(checkpoint_path(path), name)
    try:
        model = build(msgspec.convert(header.config, config))
        model.load_state_dict({key: tensors[key].float() for key in model.state_dict()})
    except KeyError as error:
        raise UserError(f"{path} does not fit this version of gapt: no tensor {error}") from None
    except (msgspec.ValidationError, RuntimeError) as error:
        raise UserError(f"{path} does not fit this version of gapt ({error})") from None
    return model.eval()


def load_policy(path: Path) -> Policy:
    """The online policy at `path`; see `load_model`."""
    return load_model(path, "policy", Policy, TransformerConfig)


def load_anchor(path: Path) -> Anchor:
    """The offline anchor at `path`; see `load_model`."""
    return load_model(path, "anchor", Anchor, AnchorConfig)


def load_judge(path: Path, judge: type[J]) -> J:
    """The judge of that class at `path`; see `load_model`."""
    return load_model(path, judge.kind, judge, JudgeConfig)


def find_judges(folder: Path) -> dict[str, Path]:
    """The checkpoints of the judges in a folder by name, e.g. "contrastive-rhythm-0", in order.

    Each is a checkpoint `NAME.safetensors` or a run's folder `NAME`; the name begins with what it
    is (`gapt.models.judges.JUDGES`). Other files are left alone.

    Raises:
        UserError: there are none.
    """
    found = {
        path.stem: checkpoint_path(path)
        for path in sorted(folder.glob("*"))
        if _judge_kind(path.stem) in JUDGES and (path.is_dir() or path.suffix == ".safetensors")
    }
    if not found:
        raise UserError(
            f"no judges in {folder}: a contrastive one is a file contrastive-0.safetensors there, "
            "or the folder contrastive-0 of a run"
        )
    return found


def _judge_kind(name: str) -> str:
    return name.partition("-")[0]


def load_judges(folder: Path) -> dict[str, Judge]:
    """The judges that `find_judges` finds, by name.

    Raises:
        UserError: there are none, or one cannot be loaded; see `load_model`.
    """
    found = find_judges(folder)
    return {name: load_judge(path, JUDGES[_judge_kind(name)]) for name, path in found.items()}
