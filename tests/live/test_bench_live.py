"""The benches tell what docs and issues read: their figures, by name."""

import json
import subprocess
import sys


def figures(tmp_path, *arguments):
    out = tmp_path / "figures.json"
    done = subprocess.run(
        [sys.executable, "-m", "gapt", "bench", *arguments, "--json", str(out)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done, json.loads(out.read_text()) if out.exists() else None


def test_many_players_on_one_server(tmp_path, model_name):
    done, found = figures(
        tmp_path, "live", "--sessions", "3", "--bpm", "200", "--seconds", "3", "--model", model_name
    )
    assert done.stderr == ""
    assert done.stdout.startswith("3 sessions at 200 BPM for 3 s: ")
    assert found["sessions"] == 3
    assert found["chords"] == 3 * 40  # sixteenths in three seconds at 200 BPM
    assert 0 < found["p50_ms"] <= found["p99_ms"] <= found["max_ms"]
    assert 0 <= found["missed"] <= found["chords"]
    assert 0 <= found["planned"] <= 1
    assert 0 < found["memory_per_session_mb"] < 100


def test_a_model_that_is_not_there_is_said_once(gapt):
    """By the server, a process of its own."""
    code, said, errors = gapt("bench", "live", "--sessions", "1", "--model", "nonesuch")
    assert (code, said) == (2, "")
    assert errors.count("nonesuch") == 1
    assert "no model is called 'nonesuch'" in errors
    assert "Traceback" not in errors


def test_one_accompanist(tmp_path, tiny_model):
    done, found = figures(tmp_path, "decision", "--frames", "20", "--model", str(tiny_model))
    assert done.returncode == 0
    assert found["replan_p50_ms"] > found["p50_ms"] > 0
