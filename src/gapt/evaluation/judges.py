"""`gapt judge`: how good the judges are, and whether they can be trusted as rewards.

Retrieval and classification over held-out songs, as published (Wu et al., arXiv 2511.17879,
tables 3 and 4); and what scores do as true chords are made worse bit by bit: they should fall.
"""

from __future__ import annotations

import hashlib
import shlex
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from gapt.corpora.batches import Batch, spread, stack, transpose
from gapt.corpora.store import Corpus
from gapt.errors import UserError
from gapt.evaluation.corruption import move_onsets, replace_chords, thicken_chords
from gapt.evaluation.judging import classification, retrieval
from gapt.evaluation.plots import falling_scores
from gapt.files import replacing, write_json
from gapt.models.checkpoint import find_judges, load_judges
from gapt.models.judges import (
    PITCH_CLASSES,
    ContrastiveJudge,
    GenerativeJudge,
    Judge,
    pitch_classes,
)
from gapt.music.frames import MAX_TRANSPOSITION

LENGTHS = (128, 256)
"""Frames of the windows."""
SHARES = tuple(round(0.1 * tenth, 1) for tenth in range(11))
"""Of chords that are replaced, or thickened."""
SHIFTS = tuple(range(9))
"""Frames that chord onsets are moved by, at most."""

_PITCH_FAULTS = (("replaced", SHARES, replace_chords), ("thickened", SHARES, thicken_chords))
_RHYTHM_FAULTS = (("moved", SHIFTS, move_onsets),)
_GROUP = 16  # pairs that are judged at once; more would leave the processor's cache
_SEED = 0
_PUBLISHED = {
    "contrastive": {
        "recall_at_1": 0.18, "recall_at_5": 0.41, "recall_at_10": 0.54, "map_at_10": 0.28
    },
    "discriminative": {"f1": 0.87},
    "discriminative-rhythm": {"f1": 0.80},
}  # fmt: skip

Row = dict[str, Any]


def examine(folder: Path, corpus: Corpus, out: Path, *, split: str, songs: int) -> None:
    """Examine the judges of a folder; write `judges.json`, `judges.md` and `judges.png` to `out`.

    The songs are those of at least 256 frames, evenly spaced through the split, and a window is a
    song's beginning. Contrastive and generative judges choose among the chords of all songs;
    discriminative ones tell each song's chords from those of the next, one false pair to each true
    one. In random keys each song is transposed by itself, both parts alike.

    Raises:
        UserError: no judges, or fewer than two such songs.
    """
    judges = load_judges(folder)
    long = [song for song in corpus.select(split) if len(song.frames) >= max(LENGTHS)]
    if len(long) < 2:
        raise UserError(
            f"judges are examined with songs of at least {max(LENGTHS)} frames, and split "
            f"'{split}' of this corpus has {len(long)} of them; prepare a published corpus"
        )
    chosen = spread(long, songs)
    windows = {length: stack(chosen, [0] * len(chosen), length) for length in LENGTHS}
    keys = np.random.default_rng(_SEED).integers(
        -MAX_TRANSPOSITION, MAX_TRANSPOSITION + 1, size=len(chosen)
    )
    rows: list[Row] = []
    for name, judge in judges.items():
        for length, window in windows.items():
            for key, batch in (("written", window), ("random", transpose(window, keys))):
                about = {"judge": name, "frames": length, "keys": key, "songs": len(chosen)}
                rows += [
                    {**about, "measure": measure, "value": value}
                    for measure, value in _skill(judge, batch).items()
                ]
    curves = _curves(judges, windows[LENGTHS[0]])
    files = {name: hashlib.sha256(path.read_bytes()) for name, path in find_judges(folder).items()}
    results = {
        "command": shlex.join(["gapt", *sys.argv[1:]]),
        "judges": {name: digest.hexdigest() for name, digest in files.items()},
        "rows": rows,
        "curves": curves,
    }
    write_json(out / "judges.json", results)
    with replacing(out / "judges.md") as temporary:
        temporary.write_text(_report(rows, curves))
    with replacing(out / "judges.png") as temporary:
        falling_scores(curves).savefig(temporary, format="png", dpi=150)


@torch.no_grad()
def _skill(judge: Judge, batch: Batch) -> dict[str, float]:
    melody, chords, real = map(torch.from_numpy, batch)
    if isinstance(judge, ContrastiveJudge):
        melodies = _in_groups(judge.embed_melody, melody, real)
        return retrieval(judge.logits(melodies, _in_groups(judge.embed_chords, chords, real)))
    if isinstance(judge, GenerativeJudge):
        notes = F.one_hot(pitch_classes(melody), PITCH_CLASSES + 1).float()
        worth = _in_groups(judge.worth, chords, real)
        return retrieval(torch.einsum("mtp,ctp->mc", notes, worth))
    others = chords.roll(1, dims=0)
    return classification(
        _in_groups(judge.score, melody, chords, real), _in_groups(judge.score, melody, others, real)
    )


def _in_groups(listen: Callable[..., Tensor], *inputs: Tensor) -> Tensor:
    groups = [slice(first, first + _GROUP) for first in range(0, len(inputs[0]), _GROUP)]
    return torch.cat([listen(*(x[some] for x in inputs)) for some in groups])


@torch.no_grad()
def _curves(judges: Mapping[str, Judge], batch: Batch) -> list[Row]:
    """Mean scores as chords are made worse in the ways that a judge can hear."""
    melody, _, real = map(torch.from_numpy, batch)
    curves: list[Row] = []
    for name, judge in judges.items():
        for what, amounts, spoil in _RHYTHM_FAULTS if judge.config.rhythm else _PITCH_FAULTS:
            scores = []
            for amount in amounts:
                chords = spoil(batch.chords, amount, np.random.default_rng(_SEED))
                judged = _in_groups(judge.score, melody, torch.from_numpy(chords), real)
                scores.append(float(judged.mean()))
            curves.append({"judge": name, "chords": what, "amounts": amounts, "scores": scores})
    return curves


def _report(rows: list[Row], curves: list[Row]) -> str:
    songs = rows[0]["songs"]
    text = [
        f"Windows are the beginnings of {songs} songs. Keys: as *written*, or each song in a "
        "*random* one.\n"
    ]
    for kind, about in (
        (
            "contrastive",
            f"One of {songs} chord sequences is the melody's own, and the other way round.",
        ),
        ("generative", "The same; there is none in the papers."),
        ("discriminative", "As many pairs of two songs as of one; chance has an F1 of 0.667."),
    ):
        lines: dict[tuple, dict[str, float]] = {}
        for row in rows:
            if row["judge"].startswith(kind):
                line = (row["judge"], row["frames"], row["keys"])
                lines.setdefault(line, {})[row["measure"]] = row["value"]
        if not lines:
            continue
        measures = list(next(iter(lines.values())))
        names = [name for name in _PUBLISHED if name.startswith(kind)]
        table = {**lines, **{(f"published {name}", "", ""): _PUBLISHED[name] for name in names}}
        head = ["judge", "frames", "keys", *(name.replace("_", " ") for name in measures)]
        text += [f"{about}\n", f"| {' | '.join(head)} |", f"|{' --- |' * len(head)}"]
        for line, values in table.items():
            cells = [f"{values[name]:.3f}" if name in values else "" for name in measures]
            text.append(f"| {' | '.join([*map(str, line), *cells])} |")
        text.append("")
    text += ["Mean scores as true chords are made worse (windows of 128 frames):\n"]
    for curve in curves:
        scores = curve["scores"]
        steps = zip(curve["amounts"][1:], np.diff(scores), strict=True)
        rises = {f"{amount:g}": step for amount, step in steps if step >= 0}
        verdict = "falls at every step"
        if rises:
            verdict = (
                f"does not fall at {', '.join(rises)}: rises by up to {max(rises.values()):.3f}"
            )
        amounts = f"{curve['amounts'][0]:g} to {curve['amounts'][-1]:g}"
        listed = ", ".join(f"{score:.3f}" for score in scores)
        text.append(
            f"- `{curve['judge']}`, chords {curve['chords']} {amounts}: {listed}; {verdict}"
        )
    return "\n".join([*text, "\n![Scores as chords are made worse](judges.png)\n"])
