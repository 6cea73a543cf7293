"""How many chords are over after a sixteenth: struck, and struck over in the next frame.

    python docs/results/settled/stumbles.py --corpus data/all --split valid gapt realchords mle

Prints Markdown: of the songs and of each policy, from a cold start, the share of the strikes that
are followed by another strike one frame later, and the harmony and pace beside it.
"""

import argparse
from pathlib import Path

import numpy as np

from gapt.corpora.store import Corpus
from gapt.evaluation.evaluate import simulate
from gapt.evaluation.scenarios import SCENARIOS
from gapt.models.checkpoint import load_policy
from gapt.music.frames import CHORDS
from gapt.music.measures import MEASURES, Play

SHOWN = ("harmony", "changes_per_bar", "onsets_on_beat")


def stumbles(play: Play) -> float:
    """The share of the strikes [S, T] that are struck over in the next frame."""
    struck = CHORDS.is_on(play.chords) & play.real
    return float((struck[:, :-1] & struck[:, 1:]).sum() / np.maximum(struck[:, :-1].sum(), 1))


def main() -> None:
    """See above."""
    parser = argparse.ArgumentParser()
    parser.add_argument("policies", nargs="+", help="names of shipped ones, runs or checkpoints")
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--split", default="valid")
    parser.add_argument("--songs", type=int, default=256)
    given = parser.parse_args()
    scene = SCENARIOS["cold"]
    corpus = Corpus.load(given.corpus)
    songs = list(corpus.songs) if given.split == "all" else corpus.split(given.split)
    whole = scene.play(songs, given.songs)
    plays = {"ground truth": scene.measured(whole)}
    for name in given.policies:
        policy = load_policy(Path(name))
        plays[name] = scene.measured(simulate(policy, whole, scene, 0, 0.99))
    print(f"| | stumbles | {' | '.join(SHOWN)} |\n|---|---|{'---|' * len(SHOWN)}")
    for name, play in plays.items():
        others = " | ".join(f"{MEASURES[measure].of(play):.3f}" for measure in SHOWN)
        print(f"| {name} | {stumbles(play):.3f} | {others} |")


if __name__ == "__main__":
    main()
