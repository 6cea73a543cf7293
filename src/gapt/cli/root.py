"""What all commands hang on, and what becomes of an error."""

from __future__ import annotations

import io
import sys
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
bench = typer.Typer(help="Measure speed.", no_args_is_help=True)
app.add_typer(data, name="data")
app.add_typer(bench, name="bench")


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"gapt {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    pass


def main() -> None:
    """Entry point: a user's error is one clear message and exit code 2, never a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a song's name may be in any script
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
            "In a checkout 'make train' installs it; otherwise: "
            f"{sys.executable} -m pip install 'gapt[train]'",
            err=True,
        )
        sys.exit(2)
    except OSError as error:  # such as a path that is too long, or may not be looked at
        if error.strerror is None:
            raise
        what = f"cannot use {error.filename}: " if error.filename else ""
        typer.echo(f"gapt: {what}{error.strerror}", err=True)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
