"""`gapt bench measures` and `gapt bench rollout`: how long parts of an evaluation take."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import torch

from gapt.evaluation.diversity import diversity_judge, embed, vendi_statistics
from gapt.models.checkpoint import load_policy
from gapt.models.rollout import draw_noise, rollout
from gapt.music.frames import CHORDS, MELODY, Voice
from gapt.music.measures import MEASURES, Play, onset_emd

FRAMES = 256

Figures = dict[str, float]


def bench_measures(judges: Path, songs: int = 1000) -> Figures:
    """Seconds that all measures of `songs` made-up songs take, and what of them the judge takes."""
    _, judge = diversity_judge(judges)
    play = _made_up(songs)
    start = time.perf_counter()
    for measure in (*MEASURES.values(), onset_emd(play)):
        measure.of(play)
    counted = time.perf_counter()
    embeddings = embed(judge, play)
    heard = time.perf_counter()
    vendi_statistics(embeddings)
    end = time.perf_counter()
    return {
        "seconds": end - start,
        "embedding_seconds": heard - counted,
        "vendi_seconds": end - heard,
        "songs": songs,
        "frames": FRAMES,
        "threads": torch.get_num_threads(),
    }


def bench_rollout(model: Path, batch: int = 64) -> Figures:
    """Frames a second, over all songs together, that a policy plays to made-up melodies."""
    policy = load_policy(model)
    play = _made_up(batch)
    melody, chords, real = (torch.from_numpy(array) for array in play)
    noise = draw_noise(0, batch, FRAMES)
    rollout(
        policy, melody[:, :8], chords[:, :8], real[:, :8], noise[:, :8]
    )  # the first steps are slower
    start = time.perf_counter()
    rollout(policy, melody, chords, real, noise)
    seconds = time.perf_counter() - start
    return {
        "frames_per_second": batch * FRAMES / seconds,
        "seconds": seconds,
        "batch": batch,
        "frames": FRAMES,
        "threads": torch.get_num_threads(),
    }


def _made_up(songs: int) -> Play:
    """Random notes of a beat each under chords of two."""
    rng = np.random.default_rng(0)
    notes = rng.integers(55, 80, size=(songs, FRAMES // 4))
    chords = rng.integers(CHORDS.symbols, size=(songs, FRAMES // 8))
    real = np.ones((songs, FRAMES), dtype=bool)
    return Play(_held(MELODY, notes), _held(CHORDS, chords), real)


def _held(voice: Voice, symbols: np.ndarray) -> np.ndarray:
    """States [S, FRAMES] of symbols [S, N] that last equally long."""
    length = FRAMES // symbols.shape[1]
    begins = np.arange(FRAMES) % length == 0
    return symbols.repeat(length, axis=1) + np.where(begins, voice.on(0), voice.hold(0))


def report(figures: Figures) -> str:
    """In words."""
    return ", ".join(f"{name.replace('_', ' ')} {value:,.4g}" for name, value in figures.items())
