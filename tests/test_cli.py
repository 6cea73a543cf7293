"""The command line: typos get a helpful line and exit code 2, never a traceback."""

import re
import subprocess
import sys

import pytest

from gapt import __version__
from gapt.training.reproduce import SYSTEMS


def start_gapt(*arguments):
    """As the fixture `gapt`, in a process of its own."""
    command = [sys.executable, "-m", "gapt", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


def test_version():
    assert start_gapt("--version") == (0, f"gapt {__version__}\n", "")


def test_the_systems_that_reproduce_knows_are_in_its_help(gapt):
    code, told, _ = gapt("reproduce", "--help")
    assert code == 0
    assert all(system in told for system in SYSTEMS)


def check(result, message):
    """The message comes once, and there is no other."""
    code, said, errors = result
    assert (code, said) == (2, "")
    assert message in " ".join(errors.split())
    assert len(re.findall(r"^(?:gapt|Error): ", errors, re.MULTILINE)) == 1
    assert "Traceback" not in errors


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "polcy", "--recipe", "r"], "'polcy' is not one of 'policy', 'anchor'"),
        (["jam", "--prot", "1"], "No such option"),
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
            ["evaluate", "--system", "a=b", "--corpus", "c", "--out", "o", "--seeds", "0,1,00"],
            "--seeds 0,1,00 names a seed twice",
        ),
        (
            ["reproduce", "--preset", "tiny", "--corpus", "c", "--out", "o", "--seeds", "0,-1"],
            "--seeds takes whole numbers below 2^32, e.g. 0,1,2; not '0,-1'",
        ),
        (
            ["reproduce", "--preset", "tiny", "--corpus", "c", "--out", "o", "--scenario", "solo"],
            "--scenario is 'solo'. Known:",
        ),
        (["jam", "--host", "192.168..5", "--no-browser"], "'192.168..5' is no address"),
        (["jam", "--bpm", "90", "--no-browser"], "--bpm is for --midi-in and --midi-out"),
        (["jam", "--midi-in", "a", "--midi-out", "b", "--port", "1"], "--port is for the page"),
        (
            ["jam", "--midi-in", "a", "--midi-out", "b", "--clock", "in", "--bpm", "90"],
            "--bpm is for --clock internal",
        ),
        (["jam", "--midi-in", "a"], "--midi-in and --midi-out go together"),
        (
            ["jam", "--model", ".", "--port", "0", "--no-browser"],
            "is a folder; of a run, 'gapt export",
        ),
        (["bench", "rollout", "--model", "gpat"], "no checkpoint at gpat. Did you mean 'gapt'?"),
        (["bench", "live", "--sessions", "257"], "a server seats 256"),
        (["accompany", "a.mid", "-o", "a.wav"], "end its name in .mid"),
        (["train", "policy", "--recipe", "r", "--corpus", "c", "--out", "o"], "cannot read recipe"),
        (
            ["evaluate", "--system", "a=b", "--corpus", "c", "--out", "o", "--seeds", "9" * 20],
            "--seeds takes whole numbers below 2^32",
        ),
    ],
)
def test_mistakes_are_explained(gapt, arguments, message):
    check(gapt(*arguments), message)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["jma"], "No such command 'jma'. Did you mean 'jam'?"),
        (["jam", "--model", "mel", "--port", "0", "--no-browser"], "no model is called 'mel'"),
        (["accompany", "a" * 300, "-o", "a.mid"], "File name too long"),
    ],
)
def test_so_they_are_by_the_process_that_is_started(arguments, message):
    """By Click, by us, and by the system."""
    check(start_gapt(*arguments), message)
