"""Policies made alike in what buys harmony: how often they change chords, and how dense those are.

    python docs/results/alike/alike.py --corpus data/all --out runs/alike runs/gapt-0 runs/gapt-1

Two numbers are set, until 128 held-out songs are played with the songs' own changes a bar and pitch
classes a chord, within 2 %: `calm`, which is added to the logit of HOLD, and `plain`, which is
taken off the logit of striking a chord for each of its pitch classes beyond three.
"""

import argparse
from pathlib import Path

import msgspec
import numpy as np
import torch

from gapt.corpora.batches import held_out, stack
from gapt.corpora.store import Corpus
from gapt.models.checkpoint import Header, load_policy, save
from gapt.models.policy import Policy
from gapt.models.rollout import draw_noise, rollout
from gapt.music.chords import CHORD_TONES
from gapt.music.measures import MEASURES, Play

SONGS = 128
GUARDS = ("changes_per_bar", "pitch_classes_per_chord")
TEMPERATURE = 0.99  # as `gapt evaluate` plays
DENSITY = torch.from_numpy(CHORD_TONES.sum(1)).float()


def guards(play: Play) -> np.ndarray:
    """Changes a bar and pitch classes a chord, as logarithms."""
    return np.log([MEASURES[name].of(play) for name in GUARDS])


def make_alike(policy: Policy, truth: Play, name: str) -> None:
    """Change a policy, in place, until it plays to songs with the guards of their own chords."""
    songs = [torch.from_numpy(array) for array in truth]
    noise = draw_noise(0, *truth.melody.shape)
    wanted, bias = guards(truth), policy.chord_head.bias.detach().clone()

    @torch.no_grad()
    def off(numbers: np.ndarray) -> np.ndarray:
        calm, plain = map(float, numbers)
        policy.calm.fill_(calm)
        policy.chord_head.bias.copy_(bias)
        policy.chord_head.bias[-len(DENSITY) :] -= plain * (DENSITY - 3)
        play = rollout(policy, *songs, noise, temperature=TEMPERATURE)
        return guards(Play(*(tensor.numpy() for tensor in play[:3]))) - wanted

    # Broyden's method, from slopes that are about right.
    numbers, slopes = np.zeros(2), np.array([[-0.15, -0.02], [0.0, -0.08]])
    error = off(numbers)
    for _ in range(12):
        print(name, numbers.round(2), np.exp(wanted + error).round(3), flush=True)
        if np.abs(error).max() < 0.02:
            break
        step = np.clip(-np.linalg.solve(slopes, error), -1.5, 1.5)
        numbers, before = numbers + step, error
        error = off(numbers)
        slopes += np.outer(error - before - slopes @ step, step) / (step @ step)


def main() -> None:
    """See above."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("policies", nargs="+", type=Path)
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    asked = parser.parse_args()
    songs = held_out(Corpus.load(asked.corpus), ("hooktheory", "pop909", "nottingham"), SONGS)
    truth = Play(*stack(songs, [0] * len(songs), 256))
    print("the songs", np.exp(guards(truth)).round(3), flush=True)
    asked.out.mkdir(parents=True, exist_ok=True)
    for path in asked.policies:
        policy = load_policy(path)
        make_alike(policy, truth, path.stem)
        header = Header(model="policy", config=msgspec.to_builtins(policy.config))
        save(asked.out / f"{path.stem}.safetensors", header, policy.state_dict())


if __name__ == "__main__":
    main()
