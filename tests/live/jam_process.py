"""`gapt jam` as a player starts it: a process of its own."""

import re
import subprocess
import sys
from contextlib import contextmanager


def gapt_jam(*arguments, first=""):
    """Start `gapt jam` with these arguments; `first` is run before it."""
    return subprocess.Popen(
        [sys.executable, "-c", f"{first}\nfrom gapt.cli import main; main()", "jam", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@contextmanager
def jam_at(model, port=0, first=""):
    """Run `gapt jam` on a free port; yields the process and its URL."""
    process = gapt_jam("--port", str(port), "--no-browser", "--model", model, first=first)
    try:
        line = process.stdout.readline()
        match = re.search(r"http://127\.0\.0\.1:\d+/", line)
        assert match, line + process.stderr.read()
        yield process, match[0]
    finally:
        process.kill()
        process.communicate()
