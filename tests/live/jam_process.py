"""`gapt jam` as a player starts it: a process of its own."""

import re
import subprocess
import sys
from contextlib import contextmanager
from threading import Timer

STARTING = 60  # seconds until it must have said where it is


def gapt_jam(*arguments, first=""):
    """Start `gapt jam` with these arguments; `first` is run before it."""
    return subprocess.Popen(
        [sys.executable, "-c", f"{first}\nfrom gapt.cli import main; main()", "jam", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def first_line(process):
    """What it says first; it is killed if that takes too long."""
    limit = Timer(STARTING, process.kill)
    limit.start()
    try:
        return process.stdout.readline()
    finally:
        limit.cancel()


@contextmanager
def jam_at(model, port=0, first=""):
    """Run `gapt jam` on a free port; yields the process and its URL."""
    process = gapt_jam("--port", str(port), "--no-browser", "--model", model, first=first)
    try:
        line = first_line(process)
        match = re.search(r"http://127\.0\.0\.1:\d+/", line)
        if match is None:
            process.kill()  # else its errors would have no end
            errors = process.stderr.read()
            raise AssertionError(f"no address from gapt jam in {STARTING} s: {line}{errors}")
        yield process, match[0]
    finally:
        process.kill()
        process.communicate()
