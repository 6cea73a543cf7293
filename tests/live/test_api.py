"""docs/api.md does what it says: its programs run."""

import re
import subprocess
import sys
from pathlib import Path

PAGE = (Path(__file__).parents[2] / "docs" / "api.md").read_text(encoding="utf-8")
CODE = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


def run(code, *arguments):
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    return done.stdout.splitlines()


def test_the_accompanist():
    *struck, plan = run("".join(CODE[:2]) + "assert len(voicing) > 3")
    assert struck
    assert all(re.fullmatch(r"\d+ [A-G]\S*", line) for line in struck)
    assert plan.startswith("and then")


def test_the_socket(jam):
    (program,) = CODE[2:]
    struck = run(program, jam.replace("http", "ws") + "session")
    assert struck
    assert all(re.fullmatch(r"\d+ [A-G]\S* \[\d+(, \d+)+\]", line) for line in struck)
