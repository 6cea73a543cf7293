"""Measures of an accompaniment, computed from frames alone. Knows no model and no corpus.

Arrays are states as `gapt.music.frames` defines them. A `Measure` is a sum over songs of a few
statistics, and a function of that sum, so a bootstrap over songs is one matrix product.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np

from gapt.music.chords import CHORD_TONES
from gapt.music.frames import CHORDS, FRAMES_PER_BEAT, MELODY, SILENCE

FRAMES_PER_BAR = 4 * FRAMES_PER_BEAT


class Play(NamedTuple):
    """What was played, and where it counts.

    Attributes:
        melody, chords: states, integers [S, T].
        real: bool [S, T], False in frames after a song's end.
    """

    melody: np.ndarray
    chords: np.ndarray
    real: np.ndarray


class Measure(NamedTuple):
    """One figure of a table.

    Attributes:
        statistics: from a `Play`, float [S, K]: what each song adds to the sum.
        reduce: from sums [..., K] to the figure [...]; NaN where there is nothing to measure.
    """

    statistics: Callable[[Play], np.ndarray]
    reduce: Callable[[np.ndarray], np.ndarray]

    def of(self, play: Play) -> float:
        """The figure over all songs together."""
        return float(self.reduce(self.statistics(play).sum(0)))


def harmony(melody: np.ndarray, chords: np.ndarray) -> np.ndarray:
    """The note-in-chord ratio: how often the melody's pitch class is in the sounding chord.

    Counted over the frames where a note and a chord sound, so it rewards silence: read it beside
    `harmony_strict`. To pool songs of different lengths, concatenate them.

    Args:
        melody: integer states [..., T].
        chords: integer states [..., T].

    Returns:
        Shares [...]; NaN where no frame counts.
    """
    both = MELODY.sounds(melody) & CHORDS.sounds(chords)
    return ratio(_counts(in_chord(melody, chords), both))


def harmony_strict(melody: np.ndarray, chords: np.ndarray) -> np.ndarray:
    """`harmony` over all frames where a note sounds: a silent chord is a miss.

    Args:
        melody: integer states [..., T].
        chords: integer states [..., T].

    Returns:
        Shares [...]; NaN where the melody is silent throughout.
    """
    return ratio(_counts(in_chord(melody, chords), MELODY.sounds(melody)))


def harmony_above_chance(melody: np.ndarray, chords: np.ndarray) -> np.ndarray:
    """`harmony` less what the same chords would have in any order: how well they follow the melody.

    The mean of `harmony` over all orders of the counted frames' chords is the sum over pitch
    classes of the note's share of these frames times the share of those whose chord holds it. So
    nothing is earned by the right key alone, by dense chords, or by one chord for ever.

    Args:
        melody: integer states [..., T].
        chords: integer states [..., T].

    Returns:
        Differences of shares [...]; NaN where no frame counts.
    """
    both = MELODY.sounds(melody) & CHORDS.sounds(chords)
    notes = both[..., None] & (MELODY.symbol(melody)[..., None] % 12 == np.arange(12))
    tones = both[..., None] & CHORD_TONES[CHORDS.symbol(chords)]
    pairs = (notes.sum(-2) * tones.sum(-2)).sum(-1)
    return harmony(melody, chords) - ratio(np.stack([pairs, both.sum(-1) ** 2.0], axis=-1))


def harmony_by_beat(play: Play) -> np.ndarray:
    """`harmony` counted in every beat: [S, beats, 2], the frames that hit, and those that count.

    Sum over songs, then divide: few songs have something in a given beat.
    """
    melody, chords = np.where(play.real, play.melody, SILENCE), play.chords
    both = MELODY.sounds(melody) & CHORDS.sounds(chords)
    songs = len(melody)
    beats = [x.reshape(songs, -1, FRAMES_PER_BEAT) for x in (in_chord(melody, chords), both)]
    return _counts(*beats)


def changes_by_bar(play: Play) -> np.ndarray:
    """Chord onsets in every bar of 16 frames: [S, bars, 2], how many, and how much of it is real.

    Sum over songs, then divide: songs end.
    """
    parts = _onsets(play), play.real / FRAMES_PER_BAR
    return _counts(*(x.reshape(len(x), -1, FRAMES_PER_BAR) for x in parts))


def recoveries(jump: int) -> dict[str, Measure]:
    """How much of the harmony before a jump is there after it, by how many beats after.

    Harmony over beats 1 to 4, 5 to 8 and 9 to 16 after the jump, over that of the eight beats
    before, each of all songs together. As a policy that must find the new key comes back, the three
    rise to 1.

    Args:
        jump: the beat, from 0, from which on the melody is elsewhere.
    """

    def statistics(play: Play, *, first: int, last: int) -> np.ndarray:
        beats = harmony_by_beat(play)
        before, after = beats[:, jump - 8 : jump], beats[:, jump + first - 1 : jump + last]
        return np.concatenate([after.sum(1), before.sum(1)], axis=-1)

    def share(counts: np.ndarray) -> np.ndarray:
        return ratio(np.stack([ratio(counts[..., :2]), ratio(counts[..., 2:])], axis=-1))

    return {
        f"recovered_{first}_to_{last}": Measure(partial(statistics, first=first, last=last), share)
        for first, last in ((1, 4), (5, 8), (9, 16))
    }


def in_chord(melody: np.ndarray, chords: np.ndarray) -> np.ndarray:
    """bool [..., T]: a note sounds, and a chord that holds it."""
    both = MELODY.sounds(melody) & CHORDS.sounds(chords)
    return both & CHORD_TONES[CHORDS.symbol(chords), MELODY.symbol(melody) % 12]


def _counts(hits: np.ndarray, of: np.ndarray) -> np.ndarray:
    """The two statistics of a ratio: what was hit, and what was counted; [..., T] -> [..., 2]."""
    return np.stack([hits.sum(-1), of.sum(-1)], axis=-1).astype(float)


def ratio(counts: np.ndarray) -> np.ndarray:
    """Hits over what was counted, [..., 2] -> [...]; NaN where nothing was."""
    hits, of = counts[..., 0], counts[..., 1]
    return np.where(of > 0, hits / np.maximum(of, 1e-12), np.nan)


def _mean_over_songs(share: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> Measure:
    """Of a share of melody and chords: its mean over the songs in which it is defined."""

    def statistics(play: Play) -> np.ndarray:
        shares = share(np.where(play.real, play.melody, SILENCE), play.chords)
        defined = ~np.isnan(shares)
        return np.stack([np.where(defined, shares, 0.0), defined], axis=-1).astype(float)

    return Measure(statistics, ratio)


def _sounding(play: Play) -> np.ndarray:
    return CHORDS.sounds(play.chords) & play.real


def _onsets(play: Play) -> np.ndarray:
    return CHORDS.is_on(play.chords) & play.real


def _density_statistics(play: Play) -> np.ndarray:
    sizes = CHORD_TONES.sum(-1)[CHORDS.symbol(play.chords)]
    return _counts(sizes * _sounding(play), _sounding(play))


def _silent_statistics(play: Play) -> np.ndarray:
    return _counts(~CHORDS.sounds(play.chords) & play.real, play.real)


def _onset_statistics(play: Play) -> np.ndarray:
    return _counts(_onsets(play), play.real / FRAMES_PER_BAR)


def _on_beat_statistics(play: Play) -> np.ndarray:
    onsets = _onsets(play)
    return _counts(onsets[:, ::FRAMES_PER_BEAT], onsets)


def _move_statistics(play: Play, *, fitting: bool) -> np.ndarray:
    here, later = Play(*(part[:, :-1] for part in play)), Play(*(part[:, 1:] for part in play))
    both = MELODY.sounds(here.melody) & CHORDS.sounds(here.chords) & later.real
    counted = both & (in_chord(here.melody, here.chords) == fitting)
    another = CHORDS.symbol(later.chords) != CHORDS.symbol(here.chords)
    return _counts(counted & another & CHORDS.is_on(later.chords), counted)


def chord_counts(play: Play) -> np.ndarray:
    """How many frames each chord sounds in each song, [S, NUM_CHORDS]."""
    songs = np.arange(len(play.chords))[:, None] * CHORDS.symbols
    cells = (songs + CHORDS.symbol(play.chords))[_sounding(play)]
    size = len(play.chords) * CHORDS.symbols
    return np.bincount(cells, minlength=size).reshape(-1, CHORDS.symbols).astype(float)


def _entropy(counts: np.ndarray) -> np.ndarray:
    """Entropy in nats of counts [..., K]."""
    total = counts.sum(-1, keepdims=True)
    shares = counts / np.maximum(total, 1e-12)
    logs = np.log(np.where(shares > 0, shares, 1.0))
    return np.where(total[..., 0] > 0, -(shares * logs).sum(-1), np.nan)


def duration_counts(play: Play) -> np.ndarray:
    """How many chords of each song last how many frames, [S, T + 1]; entry 0 stays 0."""
    songs, frames = play.chords.shape
    counts = np.zeros((songs, frames + 1))
    sounding = _sounding(play)
    onsets = _onsets(play)
    # A chord's number within its song, and so within all: the running count of onsets.
    number = onsets.cumsum(1) + np.concatenate([[0], onsets.sum(1).cumsum()[:-1]])[:, None]
    durations = np.bincount(number[sounding], minlength=onsets.sum() + 1)[1:]
    np.add.at(counts, (np.repeat(np.arange(songs), onsets.sum(1)), durations), 1)
    return counts


_FAR = 16  # frames; a chord this long after the last note began, or longer, answers no note


def _interval_counts(play: Play) -> np.ndarray:
    """How many chords of each song begin how long after a note began, [S, 17]."""
    songs, frames = play.chords.shape
    now = np.arange(frames)
    note_onsets = np.where(MELODY.is_on(play.melody) & play.real, now, -_FAR)
    since = np.minimum(now - np.maximum.accumulate(note_onsets, axis=1), _FAR)
    counts = np.zeros((songs, _FAR + 1))
    row, column = np.nonzero(_onsets(play))
    np.add.at(counts, (row, since[row, column]), 1)
    return counts


def onset_emd(truth: Play) -> Measure:
    """Synchronisation: how far chord onsets lie from where the data puts them, in frames.

    The earth mover's distance between the distributions of the interval from a chord's onset back
    to the latest note's onset (0 to 16 frames), as played and in `truth` (ReaLchords, arXiv
    2506.14723, section 5).
    """
    reference = _interval_counts(truth).sum(0)

    def distance(counts: np.ndarray) -> np.ndarray:
        total = counts.sum(-1, keepdims=True)
        played = counts.cumsum(-1) / np.maximum(total, 1e-12)
        wanted = reference.cumsum() / max(reference.sum(), 1e-12)
        apart = np.abs(played - wanted).sum(-1)
        return np.where((total[..., 0] > 0) & (reference.sum() > 0), apart, np.nan)

    return Measure(_interval_counts, distance)


MEASURES: dict[str, Measure] = {
    "harmony": _mean_over_songs(harmony),
    "harmony_strict": _mean_over_songs(harmony_strict),
    "harmony_above_chance": _mean_over_songs(harmony_above_chance),
    "chord_entropy": Measure(chord_counts, _entropy),
    "distinct_chords": Measure(chord_counts, lambda counts: (counts > 0).sum(-1).astype(float)),
    "pitch_classes_per_chord": Measure(_density_statistics, ratio),
    "changes_per_bar": Measure(_onset_statistics, ratio),
    "onsets_on_beat": Measure(_on_beat_statistics, ratio),
    "moves_when_fitting": Measure(partial(_move_statistics, fitting=True), ratio),
    "moves_when_clashing": Measure(partial(_move_statistics, fitting=False), ratio),
    "silent_share": Measure(_silent_statistics, ratio),
    "duration_entropy": Measure(duration_counts, _entropy),
}
"""The figures that frames alone give:

harmony, harmony_strict, harmony_above_chance: see the functions of these names; the mean over
    songs, each song counting alike, as in the published figures. The others are over all songs
    together.
chord_entropy: of the chords' shares of the sounding frames, in nats.
distinct_chords: how many chords of the vocabulary sound at all.
pitch_classes_per_chord: mean over the sounding frames; dense chords inflate harmony.
changes_per_bar: chord onsets in 16 frames.
onsets_on_beat: the share of them that fall on a beat; who waits for a clash comes after it.
moves_when_fitting, moves_when_clashing: of the frames whose note the chord holds, or does not hold,
    the share after which another chord is struck: who listens moves sooner when it clashes.
silent_share: frames without a chord.
duration_entropy: of the chords' durations in frames, in nats: rhythmic diversity.

`onset_emd` makes one more, which needs the data to compare with; `gapt.evaluation.diversity` the
Vendi score, which needs a judge.
"""
