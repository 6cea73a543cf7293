"""A run's folder: its configuration, its log, its checkpoints, and going on after a kill.

    config.yaml        what was asked for, in full
    metrics.csv        step, name, value: one measurement a line
    tensorboard/       the same, for TensorBoard
    best.safetensors   the weights that validated best
    last.safetensors   weights and optimiser of the last checkpoint, to resume from

Knows nothing of what is trained.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Self, TypeVar

import filelock
import msgspec
import torch
import yaml
from torch import Tensor, nn
from torch.utils.tensorboard import SummaryWriter

from gapt.errors import UserError
from gapt.files import make_folder, replacing
from gapt.models.checkpoint import OPTIMIZER, Header, load, save
from gapt.training.recipes import Recipe

CONFIG, BEST, LAST = "config.yaml", "best.safetensors", "last.safetensors"
_COLUMNS = ("step", "name", "value")

R = TypeVar("R", bound=Recipe)


def started_with(folder: Path, kind: type[R]) -> R | None:
    """The recipe that a run's folder was started with; None if it holds no run.

    A key that is newer than the run has its default.

    Raises:
        UserError: it is no recipe of that kind.
    """
    config = folder / CONFIG
    if not config.is_file():
        return None
    try:
        return msgspec.convert(yaml.safe_load(config.read_text()), kind, strict=False)
    except (yaml.YAMLError, msgspec.ValidationError) as error:
        raise UserError(
            f"{config} is of another stage or version of gapt ({' '.join(str(error).split())}); "
            "give another --out"
        ) from None


def check_folder(folder: Path, recipe: Recipe) -> None:
    """Refuse a folder that holds anything but a run of this recipe.

    A recipe that names no precision is that of a run in any.

    Raises:
        UserError: it holds a run of another recipe, or weights that no run has made.
    """
    found = started_with(folder, type(recipe))
    if found is None:
        if (folder / BEST).exists() or (folder / LAST).exists():
            raise UserError(f"{folder} holds weights, but no run; give another --out")
        return
    if recipe.precision is None:
        recipe = msgspec.structs.replace(recipe, precision=found.precision)
    for key in type(recipe).__struct_fields__:
        there, here = getattr(found, key), getattr(recipe, key)
        if there != here:
            raise UserError(
                f"{folder} was started with another recipe: '{key}' was {there}, and is {here} "
                "here. Go on with that one, or give another --out"
            )


def read_log(path: Path) -> Iterator[tuple[int, str, float]]:
    """Step, name and value of each measurement in a `metrics.csv`; of none, if it is not there."""
    if not path.exists():
        return
    with path.open(newline="") as file:
        for row in csv.reader(file):
            try:
                step, name, value = row
                yield int(step), name, float(value)
            except ValueError:
                continue  # the heading, or a line that a kill has cut short


def _alone_in(folder: Path) -> AbstractContextManager[object]:
    """Hold a run's folder, until the context ends or the process does.

    Raises:
        UserError: another run holds it.
    """
    make_folder(folder)
    try:
        return filelock.FileLock(folder / ".lock").acquire(timeout=0)
    except filelock.Timeout:
        raise UserError(
            f"another run is writing to {folder}; wait until it ends, or give another --out"
        ) from None


class Run:
    """The folder of one training run. Every process reads it; only one writes, inside `with`."""

    def __init__(self, folder: Path, recipe: Recipe, *, resume: bool, writes: bool = True) -> None:
        """Begin a run, or go on with one; what was cut off before its first checkpoint begins anew.

        Raises:
            UserError: the folder holds a run and `resume` was not asked for, or one of another
                configuration, or weights that no run has made; or another run writes there.
        """
        self.folder = folder
        self._open = ExitStack()
        self._writes = writes
        self._writer: SummaryWriter | None = None
        if not writes:
            return
        self._open.enter_context(_alone_in(folder))
        if self.last.exists() and not resume:
            raise UserError(f"{folder} already holds a run; add --resume to go on with it")
        check_folder(folder, recipe)
        if not self.last.exists():
            if resume:
                print(f"no checkpoint in {folder} to go on from: starting at update 0")
            self.metrics.unlink(missing_ok=True)
        with replacing(folder / CONFIG) as temporary:
            temporary.write_text(yaml.safe_dump(msgspec.to_builtins(recipe), sort_keys=False))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    @property
    def best(self) -> Path:
        """The weights that validated best."""
        return self.folder / BEST

    @property
    def last(self) -> Path:
        """Weights and optimiser of the last checkpoint."""
        return self.folder / LAST

    @property
    def metrics(self) -> Path:
        """The log, one measurement a line."""
        return self.folder / "metrics.csv"

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Append measurements made after `step` updates.

        Raises:
            UserError: they cannot be written.
        """
        if not self._writes:
            return
        self._writer = self._writer or self._open.enter_context(
            SummaryWriter(str(self.folder / "tensorboard"), purge_step=step)
        )
        is_new = not self.metrics.exists()
        try:
            with self.metrics.open("a", newline="") as file:
                writer = csv.writer(file)
                if is_new:
                    writer.writerow(_COLUMNS)
                writer.writerows([step, name, repr(float(value))] for name, value in values.items())
        except OSError as error:
            raise UserError(f"cannot write {self.metrics}: {error.strerror}") from None
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)

    def series(self, name: str) -> list[float]:
        """All values that a measurement has had so far, in order."""
        return [value for _, logged, value in read_log(self.metrics) if logged == name]

    def save(self, header: Header, model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        """Write the checkpoint to resume from."""
        if self._writes:
            save(self.last, header, {**model.state_dict(), **_flatten(optimizer)})

    def save_best(self, header: Header, model: nn.Module) -> None:
        """Write the weights that validated best."""
        if self._writes:
            save(self.best, header, model.state_dict())

    def restore(self, header: Header, model: nn.Module, optimizer: torch.optim.Optimizer) -> int:
        """Load the last checkpoint, if there is one; forget what was logged after it.

        Returns:
            Its step; 0 without one.

        Raises:
            UserError: the checkpoint is of another model, vocabulary, version or corpus.
        """
        if not self.last.exists():
            return 0
        found, tensors = load(self.last, header.model)
        if found.config != header.config:
            raise UserError(f"{self.last} is of {found.config}, but this run of {header.config}")
        if found.corpus != header.corpus:
            raise UserError(
                f"{self.last} has learnt from another corpus ({found.corpus or 'unknown'}, not "
                f"{header.corpus}). Go on with that one, or give another --out"
            )
        try:
            model.load_state_dict({name: tensors[name] for name in model.state_dict()})
        except KeyError as error:
            raise UserError(
                f"{self.last} is of another version of gapt: no tensor {error}"
            ) from None
        except RuntimeError as error:
            raise UserError(f"{self.last} does not fit what this run trains ({error})") from None
        _unflatten(optimizer, tensors)
        if self._writes:
            self._forget_after(found.step)
        return found.step

    def _forget_after(self, step: int) -> None:
        if not self.metrics.exists():
            return
        kept = [row for row in read_log(self.metrics) if row[0] <= step]
        with replacing(self.metrics) as temporary, temporary.open("w", newline="") as file:
            csv.writer(file).writerows([_COLUMNS, *((at, name, repr(x)) for at, name, x in kept)])


def _flatten(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """An optimiser's state as named tensors: "optimizer/<parameter>/<what>"."""
    return {
        f"{OPTIMIZER}{index}/{name}": torch.as_tensor(value)
        for index, state in optimizer.state_dict()["state"].items()
        for name, value in state.items()
    }


def _unflatten(optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    state: dict[int, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        if key.startswith(OPTIMIZER):
            index, name = key.removeprefix(OPTIMIZER).split("/")
            state.setdefault(int(index), {})[name] = tensor
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": state, "param_groups": groups})


def step_seed(seed: int, step: int) -> int:
    """The seed of one step's torch randomness (dropout), so that it need not be saved."""
    digest = hashlib.blake2b(f"{seed}/{step}".encode(), digest_size=7).digest()
    return int.from_bytes(digest, "big")
