"""The loop that every supervised stage shares: draw, step, log, validate, save, resume.

A stage is a `Task`: a model, how to draw a batch, its loss, and how it is validated. The loop
knows nothing else of it. Processes and devices are Lightning Fabric's; each process takes its rows
of the same global batch, so the batch does not change with their number.
"""

from __future__ import annotations

import math
import os
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import lightning_fabric
import msgspec
import numpy as np
import torch
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor, distributed, nn

from gapt.corpora.batches import Batch
from gapt.corpora.store import Corpus
from gapt.errors import UserError
from gapt.models.checkpoint import Header
from gapt.training.recipes import Recipe, SupervisedRecipe
from gapt.training.run import Run, started_with, step_seed

LOG_EVERY = 10

R = TypeVar("R", bound=Recipe)


class Labelled(NamedTuple):
    """A `Batch` whose chords are not all the songs' own: `own` bool [B, T] says which are."""

    melody: np.ndarray
    chords: np.ndarray
    real: np.ndarray
    own: np.ndarray


class OwnPast(NamedTuple):
    """A `Batch` in which the model plays some rows itself.

    Attributes:
        melody, chords, real: as of a `Batch`.
        own: bool [B], those rows.
        noise: float64 [B, T], the chance that it plays by.
    """

    melody: np.ndarray
    chords: np.ndarray
    real: np.ndarray
    own: np.ndarray
    noise: np.ndarray


class Task(ABC):
    """One supervised stage.

    Attributes:
        name: which network this trains, as its checkpoints say.
        config: the network's config, a msgspec.Struct.
        model: the network.
        chosen_by: the validation measure that chooses the best checkpoint; lower is better.
    """

    name: str
    config: Any
    model: nn.Module
    chosen_by: str

    @abstractmethod
    def draw(self, rng: np.random.Generator, size: int) -> Batch | Labelled | OwnPast:
        """The global batch of one step, of `size` songs: all that depends on several of them."""

    @abstractmethod
    def loss(
        self, model: nn.Module, batch: list[Tensor], frames: float
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss of a batch's tensors, a scalar, and what to log beside it.

        A mean over frames divides by `frames`, the real frames of the global batch over the number
        of processes: the gradients' average over processes is then that of one process.
        """

    @abstractmethod
    def validate(self, model: nn.Module, device: torch.device) -> dict[str, float]:
        """Measures on held-out songs."""


def learning_rate(recipe: Recipe, step: int) -> float:
    """Linear warm-up, then a cosine down to `final_learning_rate` of the peak."""
    if step < recipe.warmup:
        return recipe.learning_rate * (step + 1) / recipe.warmup
    done = (step - recipe.warmup) / max(1, recipe.steps - recipe.warmup)
    floor = recipe.final_learning_rate
    return recipe.learning_rate * (floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * done)))


def fit(
    task: Task, recipe: SupervisedRecipe, corpus: Corpus, out: Path, *, resume: bool = False
) -> None:
    """Train a task by its recipe, on the corpus that it was built on, into the folder `out`.

    Raises:
        UserError: the folder cannot be used (see `Run`), or the loss is no longer a number.
    """
    recipe = resolved(recipe, out)
    fabric = launch(recipe)
    check_batch(recipe, fabric.world_size)
    optimizer = torch.optim.AdamW(
        task.model.parameters(), betas=recipe.betas, weight_decay=recipe.weight_decay
    )
    sizes = msgspec.to_builtins(task.config)
    header = Header(model=task.name, config=sizes, corpus=corpus.fingerprint())
    # Before the optimiser's state is restored, which goes where the parameters are by then.
    model, optimizer = fabric.setup(task.model, optimizer)
    first = fabric.is_global_zero

    with (
        Run(out, recipe, resume=resume, writes=first) as run,
        progress_bar(disable=not first) as progress,
    ):
        start = run.restore(header, task.model, optimizer)
        best = min(run.series(f"valid/{task.chosen_by}"), default=math.inf)
        bar = progress.add_task(task.name, total=recipe.steps, completed=start, note="")
        for step in range(start, recipe.steps):
            logged = _update(fabric, task, model, optimizer, recipe, step)
            done = step + 1
            if done % LOG_EVERY == 0:
                run.log(done, {f"train/{name}": value for name, value in logged.items()})
            if done % recipe.validate_every == 0 or done == recipe.steps:
                model.eval()
                measures = task.validate(model, fabric.device)
                run.log(done, {f"valid/{name}": value for name, value in measures.items()})
                header = msgspec.structs.replace(header, step=done)
                if measures[task.chosen_by] < best:
                    best = measures[task.chosen_by]
                    run.save_best(header, task.model)
                run.save(header, task.model, optimizer)
                progress.update(bar, note=_note(measures))
            progress.update(bar, completed=done)
    fabric.barrier()  # the next stage reads what the first process has just written


def check_batch(recipe: SupervisedRecipe, processes: int) -> None:
    """Refuse a batch that does not split evenly over processes.

    Raises:
        UserError: it does not.
    """
    if recipe.batch % processes:
        raise UserError(f"batch {recipe.batch} does not split over {processes} processes")


def resolved(recipe: R, run: Path | None = None) -> R:
    """The recipe as it is run here: if it names no precision, with the one its device is fast in.

    Or with that of the run in the folder `run`, if it goes on there.

    bfloat16 where there are instructions for it: emulated, on a CPU with AVX2 alone, it took nine
    times as long as single precision.
    """
    if recipe.precision is not None:
        return recipe
    if run and (begun := started_with(run, type(recipe))):
        return msgspec.structs.replace(recipe, precision=begun.precision)
    if torch.cuda.is_available():
        native = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        native = torch.cpu._is_avx512_bf16_supported()  # nothing public tells
    return msgspec.structs.replace(recipe, precision="bf16-mixed" if native else "32-true")


def launch(recipe: Recipe) -> lightning_fabric.Fabric:
    """This process' place among those that torchrun started; alone without it."""
    fabric = lightning_fabric.Fabric(
        # Not Apple's GPUs: they lack the double precision that sampling needs.
        accelerator="cuda" if torch.cuda.is_available() else "cpu",
        precision=recipe.precision,
        devices=int(os.environ.get("LOCAL_WORLD_SIZE", "1")),
        num_nodes=int(os.environ.get("GROUP_WORLD_SIZE", "1")),
    )
    fabric.launch()
    return fabric


def _update(
    fabric: lightning_fabric.Fabric,
    task: Task,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    recipe: SupervisedRecipe,
    step: int,
) -> dict[str, float]:
    """One optimiser update; returns what to log."""
    rows = task.draw(np.random.default_rng([recipe.seed, step]), recipe.batch)
    share = len(rows.real) // fabric.world_size
    mine = slice(fabric.global_rank * share, (fabric.global_rank + 1) * share)
    batch = [torch.from_numpy(array[mine]).to(fabric.device) for array in rows]
    torch.manual_seed(step_seed(recipe.seed, step) + fabric.global_rank)
    for group in optimizer.param_groups:
        group["lr"] = learning_rate(recipe, step)
    model.train()
    loss, metrics = task.loss(model, batch, float(rows.real.sum()) / fabric.world_size)
    fabric.backward(loss)
    norm = fabric.clip_gradients(
        model, optimizer, max_norm=recipe.gradient_norm, error_if_nonfinite=False
    )
    assert norm is not None
    if not (math.isfinite(loss.item()) and math.isfinite(norm.item())):
        raise UserError(
            f"the loss is {loss.item():.3g} and its gradient {norm.item():.3g} at step {step}. "
            "The last checkpoint is from before and is kept; a lower learning_rate usually helps"
        )
    optimizer.step()
    optimizer.zero_grad()
    return {
        **{name: _mean(fabric, value) for name, value in metrics.items()},
        "gradient_norm": norm.item(),
        "learning_rate": learning_rate(recipe, step),
    }


class _OfAllProcesses(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rows: Tensor) -> Tensor:
        shares = [torch.empty_like(rows) for _ in range(distributed.get_world_size())]
        distributed.all_gather(shares, rows.contiguous())
        return torch.cat(shares)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        total = gradient.clone()
        distributed.all_reduce(total)
        return total.chunk(distributed.get_world_size())[distributed.get_rank()]


def of_all_processes(rows: Tensor) -> Tensor:
    """The rows of all processes, in order: [B / processes, ...] to [B, ...].

    For a loss of the whole batch, which every process then computes. A row's gradient is summed
    over processes, so that averaging the parameters' gradients gives that of a single process.
    """
    if not distributed.is_initialized():
        return rows
    whole = _OfAllProcesses.apply(rows)  # type: ignore[no-untyped-call]
    assert isinstance(whole, Tensor)
    return whole


def _mean(fabric: lightning_fabric.Fabric, value: Tensor) -> float:
    """A scalar's mean over processes."""
    mean = fabric.all_reduce(value.detach())
    assert isinstance(mean, Tensor)
    return mean.item()


def progress_bar(*, disable: bool) -> Progress:
    """The bar that every stage shows; its task has a field `note`."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
        disable=disable,
    )


def _note(measures: dict[str, float]) -> str:
    return "  ".join(f"{name} {value:.3f}" for name, value in measures.items())
