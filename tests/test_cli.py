"""The command line: typos get a helpful line and exit code 2, never a traceback."""

import subprocess
import sys

import pytest

from gapt import __version__
from gapt.training.reproduce import SYSTEMS


def gapt(*arguments):
    command = [sys.executable, "-m", "gapt", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_version():
    assert gapt("--version").stdout == f"gapt {__version__}\n"


def test_the_systems_that_reproduce_knows_are_in_its_help():
    told = gapt("reproduce", "--help").stdout
    assert all(system in told for system in SYSTEMS)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["jma"], "No such command 'jma'. Did you mean 'jam'?"),
        (["train", "polcy", "--recipe", "r"], "'polcy' is not one of 'policy', 'anchor'"),
        (["jam", "--prot", "1"], "No such option"),
        (["jam", "--model", "mel", "--no-browser"], "no model is called 'mel'"),
        (["export", "nowhere", "--out", "x.onnx"], "no checkpoint at nowhere"),
        (["evaluate", "--system", "mle", "--corpus", "c", "--out", "o"], "NAME=PATH"),
        (
            ["evaluate", "--system", "a=b", "--corpus", "c", "--out", "o", "--split", "tets"],
            "--split is 'tets'. Did you mean 'test'?",
        ),
        (
            ["evaluate", "--system", "a=b", "--corpus", "c", "--out", "o", "--scenario", "col"],
            "--scenario is 'col'. Did you mean 'cold'?",
        ),
        (
            ["judge", "--corpus", "c", "--out", "o", "--split", "all"],
            "--split is 'all'. Known: ood, test.",
        ),
        (
            ["evaluate", "--system", "a=b", "--corpus", "c", "--out", "o", "--seeds", "a"],
            "--seeds takes whole numbers",
        ),
        (
            ["reproduce", "--preset", "tiny", "--corpus", "c", "--out", "o", "--seeds", "0,-1"],
            "--seeds takes whole numbers below 2^32, e.g. 0,1,2; not '0,-1'",
        ),
        (
            ["reproduce", "--preset", "tiny", "--corpus", "c", "--out", "o", "--scenario", "duet"],
            "--scenario is 'duet'. Known:",
        ),
        (["jam", "--host", "192.168..5", "--no-browser"], "'192.168..5' is no address"),
        (["jam", "--bpm", "90", "--no-browser"], "--bpm is for --midi-in and --midi-out"),
        (["jam", "--midi-in", "a", "--midi-out", "b", "--port", "1"], "--port is for the page"),
        (["jam", "--midi-in", "a"], "--midi-in and --midi-out go together"),
        (["jam", "--model", ".", "--no-browser"], "is a folder; of a run, 'gapt export"),
        (["bench", "rollout", "--model", "gpat"], "no checkpoint at gpat. Did you mean 'gapt'?"),
        (["accompany", "a.mid", "-o", "a.wav"], "end its name in .mid"),
        (["train", "policy", "--recipe", "r", "--corpus", "c", "--out", "o"], "cannot read recipe"),
        (["accompany", "a" * 300, "-o", "a.mid"], "File name too long"),
        (
            ["evaluate", "--system", "a=b", "--corpus", "c", "--out", "o", "--seeds", "9" * 20],
            "--seeds takes whole numbers below 2^32",
        ),
    ],
)
def test_mistakes_are_explained(arguments, message):
    done = gapt(*arguments)
    assert done.returncode == 2
    assert message in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
