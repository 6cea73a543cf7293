"""How often chords change, and whether they fit, minutes into a session.

    python docs/results/minutes/minutes.py --corpus data/all gapt realchords mle

Each policy plays to long songs, each four times in a row: 2048 frames, four minutes at 120 BPM.
Prints Markdown: chord changes a bar, and harmony, of each 32 bars.
"""

import argparse
from pathlib import Path

import numpy as np
import torch

from gapt.corpora.store import Corpus
from gapt.evaluation.scenarios import SCENARIOS
from gapt.models.checkpoint import load_policy
from gapt.models.rollout import draw_noise, rollout
from gapt.music.measures import MEASURES, Play

SONGS, TIMES, PART = 64, 4, 512  # frames
TEMPERATURE = 0.99  # as `gapt evaluate` plays


def line(name: str, play: Play) -> str:
    """A row of the table."""
    frames = play.melody.shape[1]
    parts = [Play(*(x[:, at : at + PART] for x in play)) for at in range(0, frames, PART)]
    changes, harmony = (
        [f"{MEASURES[measure].of(part):.2f}" for part in parts]
        for measure in ("changes_per_bar", "harmony")
    )
    return f"| `{name}` | {' | '.join(changes)} | {', '.join(harmony)} |"


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--corpus", required=True)
    parser.add_argument("--split", default="test")
    parser.add_argument("policies", nargs="+", type=Path)
    asked = parser.parse_args()
    once = SCENARIOS["long"].play(Corpus.load(asked.corpus).split(asked.split), SONGS)
    whole = Play(*(np.tile(part, TIMES) for part in once))
    print(line("ground-truth", whole))
    songs = [torch.from_numpy(part) for part in whole]
    noise = draw_noise(0, *whole.melody.shape)
    for path in asked.policies:
        played = rollout(load_policy(path), *songs, noise, temperature=TEMPERATURE)
        print(line(path.name, whole._replace(chords=played.chords.numpy())), flush=True)


if __name__ == "__main__":
    main()
