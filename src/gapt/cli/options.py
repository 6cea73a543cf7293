"""Options that several commands have, and how what is given to them is read."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from gapt.errors import UserError, did_you_mean

MAX_SEED = 2**32 - 1
SPLITS = ("test", "ood")  # and valid, by which one chooses
SCENARIOS = ("cold", "primed", "perturbed", "long")  # and duet, which needs a melodist

ModelOption = Annotated[
    str, typer.Option("--model", help="gapt, mle, realchords, or an exported model file.")
]

CorpusFolder = Annotated[Path, typer.Option("--corpus", help="What 'gapt data prepare' wrote.")]

JudgesFolder = Annotated[
    Path,
    typer.Option(
        "--judges", help="Folder of judges; left out: the shipped ones.", show_default=False
    ),
]

JsonFile = Annotated[Path | None, typer.Option("--json", help="Write the figures here.")]


class Preset(StrEnum):
    """Named sizes."""

    tiny = "tiny"
    small = "small"
    paper = "paper"


def read_seeds(text: str) -> list[int]:
    """Of `--seeds`: separated by commas."""
    numbers = [number.strip() for number in text.split(",")]
    if not all(number.isdecimal() and int(number) <= MAX_SEED for number in numbers):
        raise UserError(f"--seeds takes whole numbers below 2^32, e.g. 0,1,2; not '{text}'")
    if len(set(map(int, numbers))) < len(numbers):
        raise UserError(f"--seeds {text} names a seed twice, which would count as two plays")
    return [int(number) for number in numbers]


def read_choices(option: str, text: str, usual: Sequence[str], *more: str) -> list[str]:
    """Some of `usual` and `more`, separated by commas, or "all": the usual ones."""
    if text == "all":
        return list(usual)
    chosen = [name.strip() for name in text.split(",")]
    for choice in chosen:
        if choice not in (*usual, *more):
            hint = did_you_mean(choice, (*usual, *more, "all"))
            raise UserError(f"{option} is '{choice}'. {hint}")
    return chosen
