"""`gapt evaluate`: systems play along with held-out melodies, cold; what they play is measured.

Writes `results.json`, a flat list of rows, and `results.md`, the table that people read.
"""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from rich.progress import track

from gapt.corpora.store import Corpus
from gapt.errors import UserError
from gapt.evaluation.measures import MEASURES, Measure, Play, onset_emd
from gapt.files import replacing
from gapt.models.checkpoint import load_policy
from gapt.models.policy import Policy
from gapt.training.batches import Batch, spread, stack
from gapt.training.pretrain import policy_nll
from gapt.training.rollout import draw_noise, rollout

FRAMES = 256
GROUND_TRUTH = "ground truth"
_RESAMPLES = 1000
_GROUP = 128  # songs that play at once

_RATIO = MEASURES["harmony"].reduce


def evaluate(
    systems: Mapping[str, Path],
    corpus: Corpus,
    out: Path,
    *,
    splits: Sequence[str],
    songs: int,
    seeds: Sequence[int],
    temperature: float,
) -> None:
    """Simulate live play of `systems` over held-out melodies, and write the figures to `out`.

    Each song is cut to its first 256 frames, and every system hears the same songs. A row's
    `mean` and `std` are over seeds; `low` and `high` bound the middle 95 % of a bootstrap over
    songs of the first seed.

    Raises:
        UserError: a system cannot be loaded, or a split has no songs.
    """
    policies = {name: load_policy(path) for name, path in systems.items()}
    rows: list[dict[str, object]] = []
    for split in splits:
        chosen = spread(corpus.select(split=split), songs)
        if not chosen:
            raise UserError(f"no songs of split '{split}' in this corpus folder")
        batch = stack(chosen, [0] * len(chosen), FRAMES)
        about = {"split": split, "scenario": "cold", "songs": len(chosen), "seeds": list(seeds)}
        truth = Play(*batch)
        measures = {**MEASURES, "onset_emd": onset_emd(truth)}
        rows += [{"system": GROUND_TRUTH, **about, **row} for row in _figures(measures, [truth])]
        for name, policy in policies.items():
            plays = [
                truth._replace(chords=simulate(policy, batch, seed, temperature))
                for seed in track(seeds, f"{name} on {split}", transient=True)
            ]
            nll = Measure(partial(_nll_statistics, policy), _RATIO)
            figures = [*_figures(measures, plays), *_figures({"nll": nll}, [truth])]
            rows += [{"system": name, **about, **row} for row in figures]
    results = {"command": shlex.join(["gapt", *sys.argv[1:]]), "rows": rows}
    with replacing(out / "results.json") as temporary:
        temporary.write_text(json.dumps(results, indent=1))
    with replacing(out / "results.md") as temporary:
        temporary.write_text(table(rows))


def simulate(policy: Policy, batch: Batch, seed: int, temperature: float) -> np.ndarray:
    """Chord states [S, T] that a policy plays to a batch's melodies."""
    noise = draw_noise(seed, *batch.melody.shape)
    played = []
    for first in range(0, len(batch.melody), _GROUP):
        some = slice(first, first + _GROUP)
        melody, _, real = (torch.from_numpy(array[some]) for array in batch)
        play = rollout(policy, melody, real, noise[some], temperature=temperature)
        played.append(play.chords)
    return torch.cat(played).numpy()


@torch.no_grad()
def _nll_statistics(policy: Policy, truth: Play) -> np.ndarray:
    """Chord negative log-likelihood of the true chords, and real frames, a song: [S, 2]."""
    parts = []
    for first in range(0, len(truth.melody), _GROUP):
        rows = (array[first : first + _GROUP] for array in truth)
        melody, chords, real = map(torch.from_numpy, rows)
        chord_nll = policy_nll(policy, melody, chords, real)["chord_nll"]
        parts.append(torch.stack([(chord_nll * real).sum(1), real.sum(1)], dim=1))
    return torch.cat(parts).numpy().astype(float)


def _figures(measures: Mapping[str, Measure], plays: Sequence[Play]) -> list[dict[str, object]]:
    """Each measure's mean and deviation over plays, one a seed, and its bootstrap over songs."""
    figures: list[dict[str, object]] = []
    songs = len(plays[0].chords)
    rng = np.random.default_rng(0)
    picks = rng.multinomial(songs, np.full(songs, 1 / songs), size=_RESAMPLES)
    for name, measure in measures.items():
        statistics = [measure.statistics(play) for play in plays]
        by_seed = np.array([measure.reduce(part.sum(0)) for part in statistics])
        low, high = np.nanpercentile(measure.reduce(picks @ statistics[0]), [2.5, 97.5])
        figures.append(
            {
                "measure": name,
                "mean": float(by_seed.mean()),
                "std": float(by_seed.std(ddof=1)) if len(by_seed) > 1 else 0.0,
                "low": float(low),
                "high": float(high),
            }
        )
    return figures


def table(rows: Sequence[Mapping[str, object]]) -> str:
    """The rows as Markdown: one line a system and split, one column a measure."""
    measures = list(dict.fromkeys(str(row["measure"]) for row in rows))
    lines: dict[tuple[object, object], dict[str, str]] = {}
    for row in rows:
        cells = lines.setdefault((row["split"], row["system"]), {})
        deviation = f" ± {row['std']:.3f}" if row["std"] else ""
        cells[str(row["measure"])] = f"{row['mean']:.3f}{deviation}"
    head = ["split", "system", *(name.replace("_", " ") for name in measures)]
    text = [f"| {' | '.join(head)} |", f"|{' --- |' * len(head)}"]
    for (split, system), cells in lines.items():
        line = [str(split), str(system), *(cells.get(measure, "") for measure in measures)]
        text.append(f"| {' | '.join(line)} |")
    return "\n".join(text) + "\n"
