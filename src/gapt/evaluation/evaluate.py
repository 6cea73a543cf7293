"""`gapt evaluate`: systems play along with held-out melodies; what they play is measured.

Lets them play, and turns measures into rows. `gapt.evaluation.scenarios` says what is played,
`gapt.evaluation.report` what is written.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from rich.progress import track

from gapt.corpora.store import Corpus
from gapt.errors import UserError
from gapt.evaluation.diversity import diversity_judge, embed, vendi, vendi_in_any_key
from gapt.evaluation.listening import render
from gapt.evaluation.report import Chapter, Row, write
from gapt.evaluation.scenarios import (
    ANCHOR,
    GROUND_TRUTH,
    LATE,
    SCENARIOS,
    Scenario,
    a_beat_late,
)
from gapt.files import make_folder
from gapt.models.anchor import Anchor
from gapt.models.checkpoint import find_judges, load_anchor, load_policy
from gapt.models.judges import ContrastiveJudge
from gapt.models.policy import Policy
from gapt.models.rollout import draw_noise, duet, rollout
from gapt.music.frames import CHORDS, FRAMES_PER_BEAT
from gapt.music.measures import MEASURES, Play, onset_emd, ratio, recoveries

_RESAMPLES = 1000
_GROUP = 128  # songs that play at once
_OTHER = 1_000_000  # between the seeds of two who play together

Player = Policy | Anchor


def evaluate(
    systems: Mapping[str, Sequence[Path]],
    corpus: Corpus,
    out: Path,
    *,
    anchor: Path,
    judges: Path,
    splits: Sequence[str],
    scenarios: Sequence[str],
    songs: int,
    seeds: Sequence[int],
    temperature: float,
    melodist: Path | None = None,
    audio: int = 0,
) -> None:
    """Simulate live play of `systems` over held-out melodies, and write what comes of it to `out`.

    Each table also has the songs' own chords (`ground-truth`), the same one beat late (`late`), and
    the offline anchor. In a scenario every system hears the same songs. A row's `mean` and `std`
    are over a system's runs and the seeds of the sampling. `low` and `high` come from a bootstrap
    over the songs of the first play, shifted to the mean, because a bootstrap leaves songs out and
    so lowers counts and entropies by itself.

    Args:
        systems: policies by the names to give them: runs, checkpoints, or names of shipped models;
            several are runs of one system, say with other seeds.
        corpus: a prepared one.
        out: a folder, made if it is not there.
        anchor: a run, a checkpoint, or the shipped one's name.
        judges: the folder of the judge that measures diversity.
        splits, scenarios: of the corpus; of `SCENARIOS`.
        songs: of a split, at most.
        seeds, temperature: of the sampling; from 0, and above 0.
        melodist: the policy that improvises the melodies of a duet: the melody agent, say.
        audio: how many examples of each system to render as sound.

    Raises:
        UserError: a network cannot be loaded, a split has no songs that a scenario can use, or
            there is a duet without a melodist or a melodist without one; a name is taken; or `out`
            cannot be written.
    """
    duets = any(SCENARIOS[scenario].duet for scenario in scenarios)
    if duets and melodist is None:
        raise UserError("a duet needs a melodist; --melodist takes a policy, e.g. --melodist mle")
    if melodist and not duets:
        raise UserError("--melodist is for duets; name the scenario, too: --scenario duet")
    for name in systems:
        if name in (ANCHOR, GROUND_TRUTH, LATE):
            raise UserError(f"no system can be named '{name}': that row is always there")
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._+-]*", name):
            raise UserError(
                f"no system can be named '{name}': take letters and digits, and within it ._+-"
            )
    for name, paths in systems.items():
        if len({path.resolve() for path in paths}) < len(paths):
            raise UserError(f"--system {name} has a run twice, which would count as two")
    # What would fail in the end, after an hour perhaps, fails now.
    wholes = {
        (split, scenario): SCENARIOS[scenario].play(corpus.split(split), songs)
        for split, scenario in product(splits, scenarios)
    }
    make_folder(out)
    partner = load_policy(melodist) if melodist else None
    players: dict[str, list[Player]] = {ANCHOR: [_load_anchor(anchor)]}
    players |= {name: [load_policy(path) for path in runs] for name, runs in systems.items()}
    judge_name, judge = diversity_judge(judges)
    chapters = []
    for (split, scenario), whole in wholes.items():
        scene = SCENARIOS[scenario]
        plays = {GROUND_TRUTH: [scene.measured(whole)]}
        for name, runs in players.items():
            if scene.duet and name == ANCHOR:
                continue  # there is no future yet that it could see
            turns = list(product(runs, seeds))
            plays[name] = [
                scene.measured(simulate(player, whole, scene, seed, temperature, partner))
                for player, seed in track(turns, f"{name}, {scenario}, {split}", transient=True)
            ]
        about = {
            "split": split, "scenario": scenario, "songs": len(whole.melody), "seeds": list(seeds)
        }  # fmt: skip
        rows = [{**about, **row} for row in _measured(plays, players, whole, scene, judge)]
        embeddings = {name: embed(judge, played[0]) for name, played in plays.items()}
        chapters.append(Chapter(split, scenario, rows, plays, embeddings))
        render(out / "audio" / f"{split}-{scenario}", plays, audio)
    judge_file = find_judges(judges)[judge_name].read_bytes()
    used = {judge_name: hashlib.sha256(judge_file).hexdigest()}
    write(out, chapters, corpus=corpus.fingerprint(), judges=used)


def _load_anchor(path: Path) -> Anchor:
    try:
        anchor = load_anchor(path)
    except UserError as error:
        raise UserError(f"{error}; --anchor takes a run that 'gapt train anchor' made") from None
    if anchor.part != CHORDS:
        raise UserError(f"{path} plays the melody; --anchor takes one that plays the chords")
    return anchor


def _measured(
    plays: Mapping[str, Sequence[Play]],
    players: Mapping[str, Sequence[Player]],
    whole: Play,
    scene: Scenario,
    judge: ContrastiveJudge,
) -> list[Row]:
    """Every measure of every system, and of the songs' own chords a beat late."""
    (truth,) = plays[GROUND_TRUTH]
    measures = {
        **MEASURES,
        "vendi": vendi(judge),
        "vendi_in_any_key": vendi_in_any_key(judge),
        "onset_emd": onset_emd(truth),
    }
    if scene.jump is not None:
        measures |= recoveries((scene.jump - scene.given) // FRAMES_PER_BEAT)
    late = scene.measured(a_beat_late(whole))
    rows: list[Row] = []
    for name, played in {GROUND_TRUTH: [truth], LATE: [late], **plays}.items():
        found = [
            _summary(measure, reduce, [statistics(play) for play in played])
            for measure, (statistics, reduce) in measures.items()
        ]
        if name in players and not scene.duet:
            nll = [_nll_statistics(run, scene.given, whole) for run in players[name]]
            found.append(_summary("nll", ratio, nll))
        rows += [{"system": name, **figures} for figures in found]
    return rows


def simulate(
    player: Player,
    whole: Play,
    scene: Scenario,
    seed: int,
    temperature: float,
    melodist: Policy | None = None,
) -> Play:
    """What a player plays to the songs of `whole`; in a duet, what it and the melodist play."""
    shape = whole.melody.shape
    noise, other_noise = draw_noise(seed, *shape), draw_noise(seed + _OTHER, *shape)
    played = []
    for first in range(0, len(whole.melody), _GROUP):
        some = slice(first, first + _GROUP)
        melody, chords, real = (torch.from_numpy(array[some]) for array in whole)
        if scene.duet:
            assert isinstance(melodist, Policy)
            assert isinstance(player, Policy)
            chances = other_noise[some], noise[some]
            played.append(duet(melodist, player, chances, temperature=temperature))
        else:
            out = rollout(
                player, melody, chords, real, noise[some], given=scene.given,
                temperature=temperature,
            )  # fmt: skip
            played.append((out.melody, out.chords))
    melodies, chords_played = (torch.cat(parts).numpy() for parts in zip(*played, strict=True))
    return Play(melodies, chords_played, whole.real)


@torch.no_grad()
def _nll_statistics(player: Player, given: int, truth: Play) -> np.ndarray:
    """Chord negative log-likelihood of the true chords, and measured frames, a song: [S, 2]."""
    parts = []
    for first in range(0, len(truth.melody), _GROUP):
        rows = (array[first : first + _GROUP] for array in truth)
        melody, chords, real = map(torch.from_numpy, rows)
        if isinstance(player, Anchor):
            logits = player(melody, chords, real)
        else:
            logits = player(melody, chords).chords
        actions = CHORDS.actions(chords)
        nll = F.cross_entropy(logits.transpose(1, 2), actions, reduction="none")[:, given:]
        counted = real[:, given:]
        parts.append(torch.stack([(nll * counted).sum(1), counted.sum(1)], dim=1))
    return torch.cat(parts).numpy().astype(float)


def _summary(
    measure: str,
    reduce: Callable[[np.ndarray], np.ndarray],
    statistics: Sequence[np.ndarray],
) -> dict[str, Any]:
    """A measure's mean and deviation over plays, and its bootstrap over the songs of the first.

    None where there is nothing to measure.

    Args:
        measure: its name.
        reduce: see `Measure`.
        statistics: [S, K] of each play; see `Measure`.
    """
    songs = len(statistics[0])
    rng = np.random.default_rng(0)
    picks = rng.multinomial(songs, np.full(songs, 1 / songs), size=_RESAMPLES)
    by_play = np.array([reduce(part.sum(0)) for part in statistics])
    resampled = reduce(picks @ statistics[0])
    resampled = resampled[~np.isnan(resampled)]
    low, high = np.nan, np.nan
    if len(resampled):
        moved = by_play.mean() + resampled - resampled.mean()
        low, high = np.percentile(moved, [2.5, 97.5])
        if resampled.min() >= 0:  # then what is measured cannot be negative
            low = max(low, 0.0)
    return {
        "measure": measure,
        "mean": _number(by_play.mean()),
        "std": _number(by_play.std(ddof=1)) if len(by_play) > 1 else 0.0,
        "low": _number(low),
        "high": _number(high),
    }


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
