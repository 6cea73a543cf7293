"""`gapt accompany`: no chord knows its own frame's melody, and bad input is one clear message."""

import json
import os
import subprocess
import sys

import mido
import numpy as np
import pytest

from gapt.live.accompanist import Accompanist
from gapt.live.accompany import accompany, accompany_file
from gapt.music.chords import lead_sheet_name
from gapt.music.frames import CHORDS, MELODY
from gapt.music.leadsheet import Note
from gapt.music.measures import harmony, harmony_strict
from gapt.music.midi import MelodyFile, read_melody, write

SCALE = (60, 64, 67, 65, 62, 59, 60, 67)
TUNE = tuple(Note(1 + k, 1.75 + k, SCALE[k % 8] + 12 * (k % 3 == 0)) for k in range(24))


def save(path, notes):
    write(path, MelodyFile(notes), np.zeros(0, dtype=np.int16))
    return path


def report(source, folder, model, **options):
    """What the whole command says it played."""
    out = folder / "report.json"
    accompany_file(source, folder / "out.mid", model=str(model), report=out, **options)
    return json.loads(out.read_text())


@pytest.fixture(params=["model", "tiny_model"])
def policy(request):
    """The real one, and one that chooses almost freely: its chords change at most frames."""
    return request.getfixturevalue(request.param)


@pytest.mark.parametrize("beat", [3, 10, 17])
def test_what_comes_at_a_beat_changes_no_chord_up_to_it(tmp_path, policy, beat):
    altered = tuple(
        Note(note.onset, note.offset, note.pitch + 6 * (note.onset >= beat)) for note in TUNE
    )
    cut = tuple(note for note in TUNE if note.onset < beat)
    sources = [save(tmp_path / f"{n}.mid", notes) for n, notes in enumerate((TUNE, altered, cut))]
    plain, jumped, ended = (
        report(source, tmp_path, policy, seed=5)["chords"] for source in sources
    )
    known = 4 * beat + 1  # the chord at the frame of the change is decided before it is heard
    assert plain[:known] == jumped[:known]
    assert plain[known:] != jumped[known:]
    assert ended == plain[: len(ended)]


def test_the_same_seed_plays_the_same(tmp_path, model):
    source = save(tmp_path / "in.mid", TUNE)
    first, second, other = (report(source, tmp_path, model, seed=seed) for seed in (7, 7, 8))
    assert first["chords"] == second["chords"] != other["chords"]
    drawn = report(source, tmp_path, model)
    assert report(source, tmp_path, model, seed=drawn["seed"])["chords"] == drawn["chords"]


def test_temperature_zero_needs_no_seed(tmp_path, model):
    source = save(tmp_path / "in.mid", TUNE)
    first, second = (report(source, tmp_path, model, seed=s, temperature=0) for s in (1, 2))
    assert first["chords"] == second["chords"]


def test_the_file_holds_what_sounded_when_it_sounded(tmp_path, policy):
    source = save(tmp_path / "in.mid", TUNE)
    melody = read_melody(source)
    played = accompany(melody, Accompanist.load(policy, seed=2))
    assert len(played.melody) == len(played.chords) == len(played.decision_ms) == 4 * melody.beats
    assert not MELODY.sounds(played.melody[:4]).any()  # the rest before the tune is heard too
    assert MELODY.is_on(played.melody[4])
    assert CHORDS.is_valid(played.chords)
    assert (played.decision_ms > 0).all()

    said = report(source, tmp_path, policy, seed=2)
    assert said["chords"] == played.names
    assert said["frames"] == len(played.chords)
    assert said["harmony"] == float(harmony(played.melody, played.chords))
    assert said["harmony_strict"] == float(harmony_strict(played.melody, played.chords))
    assert 0 < said["decision_ms"]["p50"] <= said["decision_ms"]["p99"]
    assert (said["model"], said["temperature"], said["seed"]) == (str(policy), 1.0, 2)

    written = mido.MidiFile(tmp_path / "out.mid")
    now, markers = 0, []
    for message in written.tracks[0]:
        now += message.time
        if message.type == "marker" and message.text != "N.C.":
            markers.append((now * 4 / written.ticks_per_beat, message.text))
    assert markers == [
        (first, lead_sheet_name(chord)) for first, _, chord in CHORDS.to_spans(played.chords)
    ]
    assert read_melody(tmp_path / "out.mid").notes == melody.notes


def test_it_waits_for_the_melody_and_comes_in_on_a_beat_that_it_listens_by(tmp_path, model):
    rest = 33  # beats, of which the melody's own first is one
    later = tuple(Note(n.onset + rest - 1, n.offset + rest - 1, n.pitch) for n in TUNE)
    chords = report(save(tmp_path / "in.mid", later), tmp_path, model, seed=0, listen=4)["chords"]
    assert chords[: 4 * 36] == [None] * (4 * 36)
    assert chords[4 * 36] is not None


def test_undefined_harmony_is_null(tmp_path, tiny_model):
    played = accompany(MelodyFile(TUNE), Accompanist.load(tiny_model, seed=0))
    silent = type(played)(played.melody, np.zeros_like(played.chords), played.decision_ms)
    assert silent.measures()["harmony"] is None
    assert silent.measures()["harmony_strict"] == 0


def test_the_command(gapt, tmp_path, model):
    source = save(tmp_path / "in.mid", TUNE)
    code, said, errors = gapt(
        "accompany", source, "-o", "out.mid", "--model", model, "--seed", 3, "--report", "r.json"
    )
    assert (code, errors) == (0, "")
    assert "7 bars" in said
    assert "seed 3" in said
    assert "harmony 0." in said
    said = json.loads((tmp_path / "r.json").read_text())
    assert said["chords"] == report(source, tmp_path, model, seed=3, listen=4)["chords"]
    assert said["chords"][:16] == [None] * 16, "it listens before it plays"
    assert said["chords"][16] is not None
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "in.mid", "out.mid", "r.json", "report.json",
    ]  # fmt: skip


@pytest.fixture
def files(tmp_path):
    """A folder with good and bad files."""
    save(tmp_path / "good.mid", TUNE)
    whole = (tmp_path / "good.mid").read_bytes()
    (tmp_path / "cut.mid").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text.mid").write_text("no MIDI at all")
    save(tmp_path / "empty.mid", ())
    save(tmp_path / "one.mid", TUNE[:1])
    chord = tuple(Note(note.onset, note.offset, 40 + 5 * k) for note in TUNE for k in range(8))
    save(tmp_path / "eight.mid", chord)
    (tmp_path / "folder").mkdir()
    return tmp_path


BAD = {
    "missing": ("none.mid -o out.mid", "no file at none.mid"),
    "folder": ("folder -o out.mid", "folder is a folder"),
    "no MIDI": ("text.mid -o out.mid", "text.mid is not a MIDI file"),
    "truncated": ("cut.mid -o out.mid", "cut.mid is a damaged MIDI file"),
    "empty": ("empty.mid -o out.mid", "empty.mid has no notes"),
    "one note": ("one.mid -o out.mid", "one note is no melody to accompany"),
    "eight voices": ("eight.mid -o out.mid", "up to 8 notes sounding together"),
    "no such track": ("good.mid -o out.mid --track 9", "no track 9"),
    "track without notes": ("good.mid -o out.mid --track 1", "track 1 has no notes"),
    "no such folder": ("good.mid -o none/out.mid", "there is no folder none"),
    "out is a folder": ("good.mid -o folder", "folder is a folder"),
    "folder is a file": ("good.mid -o text.mid/out.mid", "there is no folder text.mid"),
    "out is the melody": ("good.mid -o folder/../good.mid", "is the melody itself"),
    "report is the melody": ("good.mid -o out.mid --report good.mid", "is the melody itself"),
    "report is out": ("good.mid -o out.mid --report ./out.mid", "cannot be both"),
    "no such model": ("good.mid -o out.mid --model nobody", "no model is called 'nobody'"),
    "no model": ("good.mid -o out.mid --model text.onnx", "no model file"),
    "too hot": ("good.mid -o out.mid --temperature 3", "--temperature"),
    "not a number": ("good.mid -o out.mid --temperature nan", "temperature"),
    "negative seed": ("good.mid -o out.mid --seed -1", "--seed"),
    "listens to the end": ("good.mid -o out.mid --listen 99", "before the first chord"),
}


@pytest.mark.parametrize(("arguments", "message"), BAD.values(), ids=BAD.keys())
def test_bad_input_is_one_clear_message(gapt, files, arguments, message):
    before = {path: path.read_bytes() for path in files.glob("*.mid")}
    code, said, errors = gapt("accompany", *arguments.split())
    assert (code, said) == (2, "")
    assert message in errors
    assert "Traceback" not in errors
    assert {path: path.read_bytes() for path in files.glob("*.mid")} == before


@pytest.mark.skipif(os.name == "nt", reason="has neither pipes with names nor links for all")
def test_what_is_there_and_no_file_is_left_as_it_is(gapt, files):
    (files / "linked.mid").symlink_to("folder/target.mid")
    os.mkfifo(files / "pipe.json")
    code, _, errors = gapt("accompany", "good.mid", "-o", "out.mid", "--report", "pipe.json")
    assert (code, (files / "pipe.json").is_fifo()) == (2, True)
    assert "pipe.json" in errors
    assert gapt("accompany", "good.mid", "-o", "linked.mid")[0] == 0
    assert (files / "linked.mid").is_symlink()
    assert read_melody(files / "folder/target.mid").notes == read_melody(files / "good.mid").notes


def test_a_name_that_a_terminal_cannot_show_is_no_reason_to_fail(files):
    path = files / "笛.mid"
    path.write_bytes((files / "good.mid").read_bytes())
    done = subprocess.run(
        [sys.executable, "-m", "gapt", "accompany", path, "-o", files / "曲.mid"],
        env={**os.environ, "PYTHONIOENCODING": "cp1252"},
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="may write anywhere")
def test_a_folder_that_is_not_writable(gapt, files):
    (files / "folder").chmod(0o500)
    code, _, errors = gapt("accompany", "good.mid", "-o", "folder/out.mid")
    assert code == 2
    assert "is not writable" in errors
