"""`gapt jam` as a player starts it: a process of its own."""

import re
import subprocess
import sys
from contextlib import contextmanager


def gapt_jam(*arguments):
    """Start `gapt jam` with these arguments."""
    return subprocess.Popen(
        [sys.executable, "-c", "from gapt.cli import main; main()", "jam", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@contextmanager
def jam_at(model, port=0):
    """Run `gapt jam` on a free port; yields the process and its URL."""
    process = gapt_jam("--port", str(port), "--no-browser", "--model", model)
    try:
        line = process.stdout.readline()
        match = re.search(r"http://127\.0\.0\.1:\d+/", line)
        assert match, line + process.stderr.read()
        yield process, match[0]
    finally:
        process.kill()
        process.communicate()
