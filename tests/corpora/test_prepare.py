"""The whole way from published archives to the cached corpus, and every way to get it wrong."""

import csv
import gzip
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import published
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gapt.corpora import prepare as preparing
from gapt.corpora import tunebooks
from gapt.corpora.prepare import TUNES, prepare
from gapt.corpora.reading import Item, read_json
from gapt.corpora.store import Corpus
from gapt.errors import UserError
from gapt.music.chords import VOCABULARY_ID
from gapt.music.frames import CHORDS, MELODY, encode


@pytest.fixture
def folders(tmp_path: Path) -> dict[str, Path]:
    return {
        "hooktheory": published.hooktheory(tmp_path / "Hooktheory.json"),
        "pop909": published.pop909(tmp_path),
        "nottingham": published.nottingham(tmp_path),
        "openewld": published.openewld(tmp_path),
    }


def rows(out: Path) -> list[dict]:
    return pq.read_table(out / "corpus.parquet").to_pylist()


def test_prepares_every_corpus(folders: dict[str, Path], tmp_path: Path):
    stats = prepare(folders, tmp_path / "out")
    corpus = Corpus.load(tmp_path / "out")
    assert [song.id for song in corpus.songs] == [
        "hooktheory/a",
        "hooktheory/b",
        "pop909/007",
        "nottingham/jigs/1",
        "nottingham/jigs/4",
        "openewld/Some_Body/A_Song",
    ]
    assert json.loads((tmp_path / "out/stats.json").read_text()) == stats
    with (tmp_path / "out/skipped.csv").open() as file:
        skipped = dict(list(csv.reader(file))[1:])
    assert skipped == {
        "hooktheory/c": "no melody",
        "hooktheory/d": "inversion 3 of a chord of 3 notes",
        "nottingham/jigs/2": "no chords",
    }
    # Song a: E over C/E for a beat, then B for half a beat. Song b: C for a beat over G7/F.
    assert stats["hooktheory"] == {
        "songs": 2,
        "skipped": 2,
        "frames": 24,
        "harmony": 0.4,
        "inexact_chord_share": 0.0,
        "splits": {"train": 1, "valid": 1},
        "sha256": stats["hooktheory"]["sha256"],
    }
    assert len(stats["hooktheory"]["sha256"]) == 64
    assert stats["pop909"]["sha256"] is None  # a folder
    assert stats["openewld"]["splits"] == {"ood": 1}
    for song in corpus.songs:
        assert song.frames.melody.dtype == song.frames.chords.dtype == np.int16
        assert MELODY.is_valid(song.frames.melody)
        assert CHORDS.is_valid(song.frames.chords)
    sheet = published_sheet(folders)
    assert np.array_equal(corpus.songs[0].frames.melody, encode(sheet).melody)
    assert np.array_equal(corpus.songs[0].frames.chords, encode(sheet).chords)
    assert corpus.songs[1].title == "nobody - nothing"
    assert corpus.songs[0].title is None


def published_sheet(folders: dict[str, Path]):
    from gapt.corpora import hooktheory

    return hooktheory.parse(next(iter(hooktheory.items(folders["hooktheory"]))).payload)


def test_archives_and_folders_give_the_same_rows(folders: dict[str, Path], tmp_path: Path):
    zips = {n: published.zipped(p) for n, p in folders.items() if n != "hooktheory"}
    packed = tmp_path / "packed" / "main" / "Hooktheory.json.gz"
    packed.parent.mkdir(parents=True)
    packed.write_bytes(gzip.compress(folders["hooktheory"].read_bytes()))
    prepare(folders, tmp_path / "a")
    prepare({"hooktheory": tmp_path / "packed", **zips}, tmp_path / "b")
    assert rows(tmp_path / "a") == rows(tmp_path / "b")


def test_a_browser_may_have_unpacked_the_json_and_left_its_name(tmp_path: Path):
    plain = published.hooktheory(tmp_path / "Hooktheory.json")
    unpacked = tmp_path / "Hooktheory.json.gz"
    unpacked.write_bytes(plain.read_bytes())
    packed = tmp_path / "packed.json"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    assert len({read_json(path, "Hooktheory") for path in (plain, unpacked, packed)}) == 1


def test_splits_depend_on_ids_alone():
    ids = [f"pop909/{i:03}" for i in range(1, 910)]
    items = [Item(song_id, None) for song_id in ids]
    splits = preparing._splits("pop909", items)
    assert preparing._splits("pop909", items[::-1]) == splits
    assert preparing._splits("pop909", items[:50]) == {i: splits[i] for i in ids[:50]}
    # As the shipped models were trained: who trains on must not learn what they are judged by.
    assert [i[-3:] for i in ids[:50] if splits[i] == "valid"] == ["002", "032", "035", "047"]
    assert [i[-3:] for i in ids[:50] if splits[i] == "test"] == ["027"]
    counts = {s: list(splits.values()).count(s) for s in ("train", "valid", "test")}
    # Binomial: five standard deviations of 909 draws at 0.8 are 60, at 0.1 are 45.
    assert abs(counts["train"] - 727) < 60
    assert abs(counts["valid"] - 91) < 45


def test_tunes_hold_out_two_and_two(tmp_path: Path):
    stats = prepare({"tunes": TUNES}, tmp_path)
    assert stats["tunes"]["skipped"] == 0
    assert stats["tunes"]["splits"]["valid"] == stats["tunes"]["splits"]["test"] == 2
    assert stats["tunes"]["harmony"] > 0.75
    items = list(tunebooks.builtin(TUNES))
    assert preparing._splits("tunes", items[::-1]) == {
        r["song_id"]: r["split"] for r in rows(tmp_path)
    }


def test_select(folders: dict[str, Path], tmp_path: Path):
    prepare(folders, tmp_path / "out")
    corpus = Corpus.load(tmp_path / "out")
    assert [s.id for s in corpus.select("train", ["hooktheory"])] == ["hooktheory/a"]
    assert [s.corpus for s in corpus.select("ood")] == ["openewld"]
    assert corpus.select("train", ["tunes"]) == []


def test_load_refuses_what_it_cannot_use(folders: dict[str, Path], tmp_path: Path):
    with pytest.raises(UserError, match="no corpus in"):
        Corpus.load(tmp_path)
    path = tmp_path / "corpus.parquet"
    path.write_bytes(b"PAR1 not really")
    with pytest.raises(UserError, match="cannot be read"):
        Corpus.load(tmp_path)
    pq.write_table(pa.table({"a": [1]}), path)
    with pytest.raises(UserError, match="not written by"):
        Corpus.load(tmp_path)
    prepare({"pop909": folders["pop909"]}, tmp_path)
    table = pq.read_table(path)
    pq.write_table(table.replace_schema_metadata({"vocabulary": "0ther"}), path)
    with pytest.raises(UserError, match=f"vocabulary 0ther.*{VOCABULARY_ID}"):
        Corpus.load(tmp_path)


def test_a_failed_run_leaves_the_folder_as_it_was(folders: dict[str, Path], tmp_path: Path):
    out = tmp_path / "out"
    prepare({"pop909": folders["pop909"]}, out)
    (out / "notes.txt").write_text("mine")
    before = {file.name: file.read_bytes() for file in out.iterdir()}
    # Its only song is one without chords, which comes to light after reading has begun.
    book = folders["nottingham"] / "ABC_cleaned/jigs.abc"
    book.write_text("X: 1\nM:4/4\nL:1/4\nK:C\nCDEF|GABc|\n")
    with pytest.raises(UserError, match="no chords"):
        prepare({"nottingham": folders["nottingham"]}, out)
    assert {file.name: file.read_bytes() for file in out.iterdir()} == before
    prepare({"openewld": folders["openewld"]}, out)
    assert (out / "notes.txt").read_text() == "mine"
    assert [row["corpus"] for row in rows(out)] == ["openewld"]


def test_command_line(gapt, folders: dict[str, Path], tmp_path: Path):
    code, _, errors = gapt("data", "prepare", "--pop909", folders["pop909"], "--out", "out")
    assert code == 0, errors
    assert Corpus.load(tmp_path / "out").songs[0].id == "pop909/007"


def test_command_line_needs_a_corpus(gapt, tmp_path: Path):
    code, _, errors = gapt("data", "prepare", "--out", "out")
    assert code == 2
    assert "Give at least one" in errors
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("out", ["file/out", "/proc/none"])
def test_command_line_names_a_folder_that_cannot_be_written(
    gapt, folders: dict[str, Path], tmp_path: Path, out: str
):
    if out.startswith("/proc") and not Path("/proc").is_dir():
        pytest.skip("no /proc here")
    (tmp_path / "file").write_text("")
    code, _, errors = gapt("data", "prepare", "--pop909", folders["pop909"], "--out", out)
    assert code == 2
    assert out in errors
    assert "cannot be written" in errors


def damaged(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


BROKEN = {
    "missing": lambda f, tmp: ("openewld", tmp / "nowhere.zip", "does not exist"),
    "another corpus": lambda f, tmp: (
        "openewld",
        published.zipped(f["pop909"]),
        "not the OpenEWLD corpus",
    ),
    "empty folder": lambda f, tmp: ("nottingham", f["pop909"] / "POP909", "not the Nottingham"),
    "truncated zip": lambda f, tmp: (
        "pop909",
        damaged(tmp / "cut.zip", published.zipped(f["pop909"]).read_bytes()[:-100]),
        "not a readable zip archive",
    ),
    "damaged zip": lambda f, tmp: (
        "nottingham",
        damaged(
            tmp / "bad.zip",
            published.damaged(published.zipped(f["nottingham"]).read_bytes(), b"jigs.abc"),
        ),
        "not a readable zip archive",
    ),
    "truncated gzip": lambda f, tmp: (
        "hooktheory",
        damaged(tmp / "cut.json.gz", gzip.compress(f["hooktheory"].read_bytes())[:-40]),
        "not a readable gzip file",
    ),
    "json of something else": lambda f, tmp: (
        "hooktheory",
        damaged(tmp / "other.json", b'{"a": [1, 2]}'),
        "not the Hooktheory corpus",
    ),
    "no folder": lambda f, tmp: ("openewld", TUNES / "a.zip", "cannot be read"),
    "no folder of json": lambda f, tmp: ("hooktheory", TUNES / "a.json", "cannot be read"),
    "no tunebook": lambda f, tmp: ("tunes", tmp / "none.abc", "does not exist"),
    "no json": lambda f, tmp: ("hooktheory", TUNES, "not the Hooktheory corpus"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_unusable_input_is_named(case: str, folders: dict[str, Path], tmp_path: Path):
    corpus, path, message = BROKEN[case](folders, tmp_path)
    with pytest.raises(UserError, match=message) as error:
        prepare({corpus: path}, tmp_path / "out")
    assert str(path) in str(error.value)
    assert not (tmp_path / "out").exists()


def test_many_songs_are_read_by_several_processes(tmp_path: Path):
    """Enough songs for a pool: the rows are the same and in the same order."""
    folder = tmp_path / "nottingham-dataset-master" / "ABC_cleaned"
    folder.mkdir(parents=True)
    tune = 'X: {}\nT:t\nM:4/4\nL:1/4\nK:C\n"C"CDE{}|c4|\n'
    (folder / "t.abc").write_text("\n".join(tune.format(i, "FGAB"[i % 4]) for i in range(70)))
    prepare({"nottingham": folder}, tmp_path / "out")
    read = rows(tmp_path / "out")
    assert [row["song_id"] for row in read] == [f"nottingham/t/{i}" for i in range(70)]
    last = [MELODY.symbol(row["melody"][12]) for row in read[:4]]
    assert last == [65, 67, 69, 71]


def test_a_corpus_has_a_fingerprint_of_all_that_is_learnt_from(tmp_path: Path):
    prepare({"tunes": TUNES}, tmp_path / "tunes")
    songs = Corpus.load(tmp_path / "tunes").songs
    whole = Corpus(songs).fingerprint()
    assert Corpus.load(tmp_path / "tunes").fingerprint() == whole
    louder = songs[0].frames.melody.copy()
    louder[-1] = 0
    assert songs[0].frames.melody[-1] != 0
    frames = replace(songs[0].frames, melody=louder)
    others = [replace(songs[0], split="ood"), replace(songs[0], frames=frames)]
    found = {Corpus((other, *songs[1:])).fingerprint() for other in others}
    assert len(found | {whole}) == 3
