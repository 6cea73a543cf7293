"""The command line. Each command reads its options and calls one function; no logic lives here.

Libraries that a player does not have, or that are slow to import, are imported inside commands.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from gapt import __version__
from gapt.errors import UserError

app = typer.Typer(
    help="A live chord partner, and the training system behind it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
data = typer.Typer(help="Corpora: download and prepare.", no_args_is_help=True)
train = typer.Typer(help="Train models.", no_args_is_help=True)
app.add_typer(data, name="data")
app.add_typer(train, name="train")


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"gapt {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show it.")
    ] = False,
) -> None:
    pass


@data.command("prepare")
def _prepare(
    out: Annotated[Path, typer.Option(help="Folder for the prepared corpus.")],
    hooktheory: Annotated[Path | None, typer.Option(help="Hooktheory.json.gz.")] = None,
    pop909: Annotated[Path | None, typer.Option(help="POP909 archive or folder.")] = None,
    nottingham: Annotated[Path | None, typer.Option(help="Nottingham archive or folder.")] = None,
    openewld: Annotated[Path | None, typer.Option(help="OpenEWLD archive or folder.")] = None,
    tunes: Annotated[bool, typer.Option("--tunes", help="The tunes that come with gapt.")] = False,
) -> None:
    """Turn published corpora into the corpus that training reads."""
    from gapt.corpora.prepare import TUNES, prepare

    given = {
        "hooktheory": hooktheory,
        "pop909": pop909,
        "nottingham": nottingham,
        "openewld": openewld,
        "tunes": TUNES if tunes else None,
    }
    prepare({name: path for name, path in given.items() if path is not None}, out)


def main() -> None:
    """Entry point: a user's error is one clear message and exit code 2, never a traceback."""
    try:
        app()
    except UserError as error:
        typer.echo(f"gapt: {error}", err=True)
        sys.exit(2)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] == "gapt":
            raise
        typer.echo(
            f"gapt: this command needs '{error.name}', which players do not install. "
            "Run: pip install 'gapt[train]'",
            err=True,
        )
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
