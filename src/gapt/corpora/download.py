"""`gapt data download`: the published corpora from their publishers.

An interrupted download leaves FILE.part and goes on from there next time, if the server still has
the same file. Checksums are kept in SHA256SUMS. Knows nothing of what is in the files.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import ssl
import urllib.error
import urllib.request
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

from gapt.errors import UserError, did_you_mean
from gapt.files import replacing

_GITHUB = "https://github.com"
_TIMEOUT = 30.0  # seconds without a byte
_CHUNK = 1 << 16
SUMS = "SHA256SUMS"


@dataclass(frozen=True, slots=True)
class Publication:
    """A corpus as its publisher serves it."""

    name: str
    file: str
    url: str
    licence: str
    sha256: str | None = None


# Archives of a branch change when the branch does: only the one published file has a checksum.
PUBLISHED = (
    Publication(
        "hooktheory",
        "Hooktheory.json.gz",
        f"{_GITHUB}/chrisdonahue/sheetsage-data/raw/refs/heads/main/hooktheory/Hooktheory.json.gz",
        "CC BY-NC-SA 3.0 (non-commercial, share alike)",
        "917b7cd58f5f4e07d6c36acf7bfad958c99ee05472dab3555399141094698e0c",
    ),
    Publication(
        "pop909",
        "POP909-Dataset-master.zip",
        f"{_GITHUB}/music-x-lab/POP909-Dataset/archive/refs/heads/master.zip",
        "MIT",
    ),
    Publication(
        "nottingham",
        "nottingham-dataset-master.zip",
        f"{_GITHUB}/jukedeck/nottingham-dataset/archive/refs/heads/master.zip",
        "GPL v3 (the collection; the tunes are traditional)",
    ),
    Publication(
        "openewld",
        "OpenEWLD-master.zip",
        f"{_GITHUB}/00sapo/OpenEWLD/archive/refs/heads/master.zip",
        "public domain",
    ),
)


def download(
    out: Path,
    only: Collection[str] = (),
    sha256: str | None = None,
    published: Sequence[Publication] = PUBLISHED,
) -> list[Path]:
    """Fetch corpora into `out`; those that are there already are checked, not fetched.

    Args:
        out: the folder; made if needed.
        only: names of the corpora to fetch; all if empty.
        sha256: the checksum that the one file of `only` must have.
        published: where each corpus is.

    Returns:
        The files, complete and checked.

    Raises:
        UserError: an unknown name, no connection, an error of the server, a connection that was
            cut, a wrong checksum, or a folder that cannot be written.
    """
    for name in only:
        if name not in {publication.name for publication in published}:
            known = did_you_mean(name, [publication.name for publication in published])
            raise UserError(f"There is no corpus '{name}'. {known}")
    if sha256 and len(only) != 1:
        raise UserError("--sha256 is of one file: name its corpus with --only.")
    wanted = [p for p in published if not only or p.name in only]
    console = Console(stderr=True)
    try:
        out.mkdir(parents=True, exist_ok=True)
        return [_one(publication, out, sha256, console) for publication in wanted]
    except OSError as error:
        raise UserError(
            f"'{out}' cannot be written: {error.strerror or error}. "
            f"Choose another folder with --out."
        ) from error


def _one(publication: Publication, out: Path, sha256: str | None, console: Console) -> Path:
    target = out / publication.file
    sums = _read_sums(out)
    console.print(f"{publication.file}: licence {publication.licence}", markup=False)
    there = target.exists()
    part = target if there else _fetch(publication, target.with_name(f"{target.name}.part"))
    found = _sha256(part)
    authorities = {
        "--sha256": sha256.lower() if sha256 else None,
        "its publisher": publication.sha256,
        f"'{out / SUMS}', from an earlier download,": sums.get(publication.file),
    }
    # A checksum that the user gives is the last word.
    says, expected = next(
        ((who, digest) for who, digest in authorities.items() if digest), ("", "")
    )
    if expected and found != expected:
        if not there:
            part.unlink()
        raise UserError(
            f"{publication.file} has SHA-256 {found}, but {says} says {expected}: it is damaged, "
            f"or has changed where it is published. "
            + (f"To fetch it anew, remove '{target}'. " if there else "")
            + f"To take it as it is: --only {publication.name} --sha256 {found}"
        )
    os.replace(part, target)
    with replacing(out / SUMS) as temporary:
        lines = sorted(({**sums, publication.file: found}).items())
        temporary.write_text("".join(f"{digest}  {file}\n" for file, digest in lines))
    console.print(f"{publication.file}: SHA-256 {found}", markup=False, highlight=False)
    return target


def _fetch(publication: Publication, part: Path) -> Path:
    """Download to `part`, going on where it ends if the server's file is still the same."""
    # What identifies the server's file: without it, two versions could be spliced together.
    mark = part.with_name(f"{part.name}.etag")
    have = part.stat().st_size if part.exists() and mark.exists() else 0
    request = urllib.request.Request(publication.url)
    if have:
        request.add_header("Range", f"bytes={have}-")
        request.add_header("If-Range", mark.read_text())
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT) as response:
            resumed = response.status == http.HTTPStatus.PARTIAL_CONTENT
            have = have if resumed else 0
            length = response.headers["Content-Length"]
            total = have + int(length) if length else None
            if not resumed:
                mark.unlink(missing_ok=True)
                etag = response.headers["ETag"]
                if etag and not etag.startswith("W/"):
                    mark.write_text(etag)
            with part.open("ab" if resumed else "wb") as file:
                columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
                with Progress(*columns, console=Console(stderr=True)) as progress:
                    bar = progress.add_task(publication.file, total=total, completed=have)
                    while chunk := response.read(_CHUNK):
                        file.write(chunk)
                        have += len(chunk)
                        progress.update(bar, completed=have)
    except urllib.error.HTTPError as error:
        if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and have:
            part.unlink()
            return _fetch(publication, part)
        raise UserError(
            f"{publication.url} answered {error.code} {error.reason}. If it has moved, fetch "
            f"{publication.file} with a browser and give it to 'gapt data prepare'."
        ) from error
    except urllib.error.URLError as error:
        raise UserError(
            f"Cannot reach {publication.url}: {error.reason}. Check the connection, or fetch "
            f"{publication.file} elsewhere and give it to 'gapt data prepare'."
        ) from error
    except (ConnectionError, TimeoutError, ssl.SSLError, http.client.HTTPException) as error:
        raise _cut(publication, part.stat().st_size if part.exists() else 0) from error
    if total is not None and have < total:
        raise _cut(publication, have)
    mark.unlink(missing_ok=True)
    return part


def _cut(publication: Publication, have: int) -> UserError:
    return UserError(
        f"The connection to {publication.url} was cut after {have} bytes. "
        f"Run the same command again to go on."
    )


def _read_sums(out: Path) -> dict[str, str]:
    """File name -> checksum, from SHA256SUMS as `sha256sum` writes it."""
    path = out / SUMS
    lines = path.read_text().splitlines() if path.exists() else []
    return {line[64:].strip(" *"): line[:64].lower() for line in lines if len(line) > 64}


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
