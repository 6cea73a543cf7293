"""`gapt data`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gapt.cli.root import data


@data.command("download")
def _download(
    out: Annotated[Path, typer.Option(help="Folder for the archives.")],
    only: Annotated[list[str] | None, typer.Option(help="Only this corpus; repeatable.")] = None,
    sha256: Annotated[str | None, typer.Option(help="The checksum that --only must have.")] = None,
) -> None:
    """Fetch the published corpora from their publishers (a few MB each)."""
    from gapt.corpora.download import download

    download(out, only or (), sha256)


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
