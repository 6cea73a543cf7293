"""The README does what it says: its Python runs, and so do its commands, in order."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from gapt.live.models import DEFAULT_MODEL, load_model
from gapt.weights import shipped_models

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


@pytest.mark.skipif(DEFAULT_MODEL not in shipped_models(), reason="no model is shipped")
def test_the_python_example_plays_chords():
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert all(re.fullmatch(r"\d+ [A-G]\S*", line) for line in done.stdout.splitlines())


def test_the_training_commands_run_in_order(tmp_path):
    section = README.partition("## Train and evaluate")[2].partition("\n## ")[0]
    lines = [line.partition("#")[0].strip() for line in section.splitlines()]
    commands = [line for line in lines if line.startswith("gapt ")]
    assert len(commands) == 5
    (tmp_path / "recipes").symlink_to(ROOT / "recipes")
    for command in commands[:-1]:
        arguments = shlex.split(command)[1:]
        subprocess.run(
            [sys.executable, "-m", "gapt", *arguments],
            cwd=tmp_path, check=True, capture_output=True, timeout=120,
        )  # fmt: skip
    assert commands[-1].startswith("gapt jam --model ")
    load_model(tmp_path / commands[-1].split()[-1])
