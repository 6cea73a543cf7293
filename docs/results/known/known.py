"""What can be known in time: the chord that is likeliest to who hears the melody up to just before.

    python docs/results/known/known.py --corpus data/all --tunes data/tunes

Trains a Transformer to name the chord of every frame from the melody of the frames before it, by
maximum likelihood: it hears no chords, so it has no mistakes of its own to believe. Then it plays:
wherever it may move, to the likeliest chord. Prints Markdown: that, with moves on every bar of 4/4,
half bar, beat and sixteenth, beside the songs, the same one beat late, and a policy.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from rich.progress import track
from torch import Tensor, nn

from gapt.corpora.batches import Mixture
from gapt.corpora.store import Corpus
from gapt.evaluation.evaluate import simulate
from gapt.evaluation.scenarios import SCENARIOS, a_beat_late
from gapt.models.checkpoint import load_policy
from gapt.models.policy import shift
from gapt.models.transformer import Transformer, TransformerConfig
from gapt.models.voices import VoiceEmbedding
from gapt.music.frames import CHORDS, MELODY
from gapt.music.measures import MEASURES, Play

SHOWN = (
    "harmony", "harmony_above_chance", "chord_entropy", "changes_per_bar", "pitch_classes_per_chord"
)  # fmt: skip
MOVES = {"bar": 16, "half bar": 8, "beat": 4, "sixteenth": 1}
SHARES = {"hooktheory": 0.45, "pop909": 0.2, "nottingham": 0.35}  # more folk than our recipes have


class Listener(nn.Module):
    """Names every frame's chord, having heard the melody of the frames before."""

    def __init__(self) -> None:
        super().__init__()
        config = TransformerConfig(dim=160, layers=4, heads=5)
        self.embedding = VoiceEmbedding(MELODY, config.dim)
        self.transformer = Transformer(config)
        self.head = nn.Linear(config.dim, CHORDS.symbols + 1)  # the last: silence

    def forward(self, melody: Tensor) -> Tensor:
        """Logits float [B, T, symbols + 1] from states int64 [B, T]."""
        return self.head(self.transformer(self.embedding(shift(melody, MELODY))))


def taught(corpus: Corpus, steps: int) -> Listener:
    """A listener that has learnt from the train split for so many updates; seed 0."""
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    listener, mixture = Listener(), Mixture.of(corpus, "train", SHARES)
    optimizer = torch.optim.AdamW(listener.parameters(), lr=1e-3, betas=(0.9, 0.95))
    rate = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-3, total_steps=steps, pct_start=0.05)
    for _ in track(range(steps), "the listener"):
        melody, chords, real = map(torch.from_numpy, mixture.draw(rng, 32, 192))
        wanted = torch.where(CHORDS.sounds(chords), CHORDS.symbol(chords), CHORDS.symbols)
        with torch.autocast("cpu", torch.bfloat16):
            logits = listener(melody)
        loss = F.cross_entropy(logits.float()[real], wanted[real])
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(listener.parameters(), 1.0)
        optimizer.step()
        rate.step()
    return listener.eval()


@torch.no_grad()
def played(listener: Listener, whole: Play, every: int) -> Play:
    """What it plays, moving every so many frames if another chord is likelier by then."""
    melody = torch.from_numpy(whole.melody)
    likeliest = torch.cat([listener(some)[..., :-1].argmax(-1) for some in melody.split(64)])
    frames = np.arange(melody.shape[1])
    symbol = likeliest.numpy()[:, frames - frames % every]
    return Play(whole.melody, CHORDS.strike(CHORDS.hold(symbol)), whole.real)


def main() -> None:
    """See above."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--tunes", type=Path, required=True)
    parser.add_argument("--policy", default="gapt")
    parser.add_argument("--songs", type=int, default=256)
    parser.add_argument("--steps", type=int, default=3000)
    given = parser.parse_args()
    scene, corpus = SCENARIOS["cold"], Corpus.load(given.corpus)
    policy, listener = load_policy(Path(given.policy)), taught(corpus, given.steps)
    songs = {split: corpus.split(split) for split in ("valid", "test", "ood")}
    songs["tunes"] = list(Corpus.load(given.tunes).songs)
    print(f"| | | {' | '.join(SHOWN)} |\n|---|---|{'---|' * len(SHOWN)}")
    for name, some in songs.items():
        whole = scene.play(some, given.songs)
        plays = {"ground truth": whole, "late": a_beat_late(whole)}
        plays[given.policy] = simulate(policy, whole, scene, 0, 0.99)
        for moves, every in MOVES.items():
            plays[f"likeliest, every {moves}"] = played(listener, whole, every)
        for player, play in plays.items():
            figures = (f"{MEASURES[measure].of(scene.measured(play)):.3f}" for measure in SHOWN)
            print(f"| {name} | {player} | {' | '.join(figures)} |")


if __name__ == "__main__":
    main()
