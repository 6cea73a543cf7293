"""The command line. Each command reads its options and calls one function; no logic lives here.

Libraries that a player does not have, or that are slow to import, are imported inside commands.
"""

# In the order of --help.
from gapt.cli import playing, training, evaluating, corpora, benchmarks  # noqa: I001
from gapt.cli.root import app, main

__all__ = ["app", "benchmarks", "corpora", "evaluating", "main", "playing", "training"]
