"""Downloads against a server on this machine that cuts connections, ignores ranges, and lies."""

import hashlib
import http.server
import re
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest

from gapt.corpora.download import PUBLISHED, Publication, download
from gapt.errors import UserError

DATA = bytes(range(256)) * 2000
DIGEST = hashlib.sha256(DATA).hexdigest()


class Publisher(http.server.BaseHTTPRequestHandler):
    """Serves DATA at /whole (knows ranges) and /plain (ignores them); `cuts` counts down."""

    cuts = 0
    says_length = True
    etag = '"v1"'
    data = DATA
    ranges: ClassVar[list[str | None]] = []

    def do_GET(self):
        if self.path not in ("/whole", "/plain"):
            self.send_error(404)
            return
        asked = self.headers["Range"]
        Publisher.ranges.append(asked)
        start = 0
        same = self.headers["If-Range"] in (None, Publisher.etag)  # who does not ask is not told
        if asked and self.path == "/whole" and same:
            start = int(asked.removeprefix("bytes=").removesuffix("-"))
        if start >= len(Publisher.data):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        if Publisher.says_length:
            self.send_header("Content-Length", str(len(Publisher.data) - start))
        self.send_header("ETag", Publisher.etag)
        self.end_headers()
        body = Publisher.data[start:]
        if Publisher.cuts:
            Publisher.cuts -= 1
            body = body[: len(body) // 2]
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def server() -> Iterator[str]:
    Publisher.cuts, Publisher.etag, Publisher.data, Publisher.ranges = 0, '"v1"', DATA, []
    Publisher.says_length = True
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Publisher) as running:
        threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


def at(url: str, name: str = "songs") -> list[Publication]:
    return [Publication(name, f"{name}.zip", url, "MIT")]


def test_fetches_checks_and_notes_the_checksum(server: str, tmp_path: Path, capsys):
    (path,) = download(tmp_path / "new", published=at(f"{server}/whole"))
    assert path.read_bytes() == DATA
    assert (path.parent / "SHA256SUMS").read_text() == f"{DIGEST}  songs.zip\n"
    assert sorted(p.name for p in path.parent.iterdir()) == ["SHA256SUMS", "songs.zip"]
    said = capsys.readouterr().err
    assert said.index("licence MIT") < said.index(DIGEST)
    # A second time it is there already.
    download(tmp_path / "new", published=at(f"{server}/whole"))
    assert len(Publisher.ranges) == 1


def test_goes_on_after_a_cut(server: str, tmp_path: Path):
    Publisher.cuts = 1
    half = len(DATA) // 2
    with pytest.raises(UserError, match=f"cut after {half} bytes"):
        download(tmp_path, published=at(f"{server}/whole"))
    assert not (tmp_path / "songs.zip").exists()
    (path,) = download(tmp_path, sha256=DIGEST, only=["songs"], published=at(f"{server}/whole"))
    assert path.read_bytes() == DATA
    assert Publisher.ranges == [None, f"bytes={half}-"]
    assert not list(tmp_path.glob("*.part*"))


@pytest.mark.parametrize("page", ["plain", "whole"])
def test_starts_over_where_it_cannot_go_on(server: str, tmp_path: Path, page: str):
    """The server ignores ranges, or its file has changed: never two halves of two files."""
    Publisher.cuts = 1
    with pytest.raises(UserError, match="cut after"):
        download(tmp_path, published=at(f"{server}/{page}"))
    Publisher.etag, Publisher.data = '"v2"', DATA[::-1]
    (path,) = download(tmp_path, published=at(f"{server}/{page}"))
    assert path.read_bytes() == DATA[::-1]


@pytest.mark.parametrize("mark", [None, 'W/"v1"'], ids=["none", "weak"])
def test_starts_over_where_nothing_says_that_the_file_is_the_same(
    server: str, tmp_path: Path, mark: str | None
):
    """A weak ETag is one that files which are not the same to the byte may share."""
    Publisher.cuts, Publisher.etag = 1, mark or Publisher.etag
    with pytest.raises(UserError, match="cut after"):
        download(tmp_path, published=at(f"{server}/whole"))
    if mark is None:
        (tmp_path / "songs.zip.part.etag").unlink()
    Publisher.data = DATA[::-1]
    (path,) = download(tmp_path, published=at(f"{server}/whole"))
    assert path.read_bytes() == DATA[::-1]
    assert Publisher.ranges == [None, None]


def test_a_server_need_not_say_how_long_a_file_is(server: str, tmp_path: Path):
    """GitHub does not, of an archive that it makes on demand."""
    Publisher.says_length = False
    (path,) = download(tmp_path, published=at(f"{server}/whole"))
    assert path.read_bytes() == DATA


def test_a_complete_part_is_fetched_again(server: str, tmp_path: Path):
    """Asking for the bytes after the last is an error to a server, not to the user."""
    (tmp_path / "songs.zip.part").write_bytes(DATA)
    (tmp_path / "songs.zip.part.etag").write_text(Publisher.etag)
    (path,) = download(tmp_path, published=at(f"{server}/whole"))
    assert path.read_bytes() == DATA


def test_refuses_a_wrong_checksum(server: str, tmp_path: Path):
    with pytest.raises(UserError, match=f"SHA-256 {DIGEST}, but --sha256 says {'0' * 64}"):
        download(tmp_path, only=["songs"], sha256="0" * 64, published=at(f"{server}/whole"))
    assert list(tmp_path.iterdir()) == []


def test_refuses_what_differs_from_an_earlier_download(server: str, tmp_path: Path):
    (path,) = download(tmp_path, published=at(f"{server}/whole"))
    path.write_bytes(b"touched")
    with pytest.raises(UserError, match="SHA256SUMS', from an earlier download, says"):
        download(tmp_path, published=at(f"{server}/whole"))
    assert path.read_bytes() == b"touched"
    path.unlink()
    Publisher.data = b"another branch"
    with pytest.raises(UserError, match="has changed where it is published"):
        download(tmp_path, published=at(f"{server}/whole"))
    assert not path.exists()
    accepted = hashlib.sha256(b"another branch").hexdigest()
    download(tmp_path, ["songs"], accepted, at(f"{server}/whole"))
    assert (tmp_path / "SHA256SUMS").read_text() == f"{accepted}  songs.zip\n"


def test_refuses_what_the_publisher_did_not_sign(server: str, tmp_path: Path):
    signed = Publication("songs", "songs.zip", f"{server}/whole", "MIT", DIGEST)
    assert download(tmp_path / "a", published=[signed])[0].read_bytes() == DATA
    Publisher.data = DATA[1:]
    with pytest.raises(UserError, match=f"its publisher says {DIGEST}"):
        download(tmp_path / "b", published=[signed])


def test_a_checksum_that_the_user_gives_is_the_last_word(server: str, tmp_path: Path):
    signed = Publication("songs", "songs.zip", f"{server}/whole", "MIT", "0" * 64)
    assert download(tmp_path, ["songs"], DIGEST.upper(), [signed])[0].read_bytes() == DATA


def test_checksums_are_read_and_kept_as_sha256sum_writes_them(server: str, tmp_path: Path):
    (tmp_path / "SHA256SUMS").write_text(f"{'AB' * 32}  other.zip\n{'0' * 64} *songs.zip\n\n")
    with pytest.raises(UserError, match=f"from an earlier download, says {'0' * 64}"):
        download(tmp_path, published=at(f"{server}/whole"))
    (tmp_path / "SHA256SUMS").write_text(f"{'AB' * 32}  other.zip\n{DIGEST.upper()} *songs.zip\n")
    download(tmp_path, published=at(f"{server}/whole"))
    kept = f"{'ab' * 32}  other.zip\n{DIGEST}  songs.zip\n"
    assert (tmp_path / "SHA256SUMS").read_text() == kept


def test_no_such_page(server: str, tmp_path: Path):
    with pytest.raises(UserError, match="answered 404"):
        download(tmp_path, published=at(f"{server}/gone"))


def test_no_connection(tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/songs"
    with pytest.raises(UserError, match=f"Cannot reach {re.escape(url)}"):
        download(tmp_path, published=at(url))


def test_names_that_are_not_known(tmp_path: Path):
    with pytest.raises(UserError, match="Did you mean 'pop909'"):
        download(tmp_path, only=["pop90"])
    with pytest.raises(UserError, match="--only"):
        download(tmp_path, sha256=DIGEST)


def test_a_folder_that_cannot_be_written(server: str, tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be written"):
        download(tmp_path / "file" / "out", published=at(f"{server}/whole"))


def test_every_corpus_that_is_prepared_from_a_file_can_be_fetched():
    from gapt.corpora.prepare import READERS

    assert {p.name for p in PUBLISHED} == set(READERS) - {"tunes"}
    assert all(p.url.startswith("https://") for p in PUBLISHED)
