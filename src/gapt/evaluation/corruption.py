"""True chords made worse by a stated amount, to see whether judges notice. Knows no judge."""

from __future__ import annotations

import numpy as np

from gapt.music.chords import CHORD_TONES
from gapt.music.frames import CHORDS, SILENCE

_TONES = CHORD_TONES[::12]  # of each quality, on C
_THICKER = (_TONES[None] >= _TONES[:, None]).all(-1) & (
    _TONES.sum(-1) == _TONES.sum(-1)[:, None] + 1
)
"""bool [qualities, qualities]: whether the second, on one root, is the first with a tone more."""


def replace_chords(chords: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """Chord states [S, T], a share of the chords being others, drawn from all that they play.

    With one state of `rng`, what a smaller share replaces a larger one replaces too.
    """
    played = _played(chords)
    spared = rng.random(len(played)) >= share
    return _with(chords, np.where(spared, played, rng.choice(played, size=len(played))))


def thicken_chords(chords: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """Chord states [S, T], a share of the chords having one tone more.

    Which one is drawn by how common the thicker chords are among all that are played; where there
    is none, a chord stays as it is. With one state of `rng`, a larger share thickens what a smaller
    one does.
    """
    played = _played(chords)
    qualities = played // 12
    weights = _THICKER * np.bincount(qualities, minlength=len(_THICKER))
    reached = weights.cumsum(1)[qualities]
    can = (reached[:, -1] > 0) & (rng.random(len(played)) < share)
    picked = (reached > rng.random((len(played), 1)) * reached[:, -1:]).argmax(1)
    return _with(chords, np.where(can, 12 * picked + played % 12, played))


def _played(chords: np.ndarray) -> np.ndarray:
    """The symbols that are struck, [N], song by song."""
    return CHORDS.symbol(chords[CHORDS.is_on(chords)])


def _with(chords: np.ndarray, symbols: np.ndarray) -> np.ndarray:
    """The same with other symbols [N] struck, and held for as long."""
    number = CHORDS.is_on(chords).ravel().cumsum().reshape(chords.shape) - 1  # of what sounds
    return chords + np.where(CHORDS.sounds(chords), symbols[number] - CHORDS.symbol(chords), 0)


def move_onsets(chords: np.ndarray, most: float, rng: np.random.Generator) -> np.ndarray:
    """Chord states [S, T], each onset moved by -most..most frames, silences' beginnings too.

    What begins with the window stays there. Where two onsets meet, the later one wins.
    """
    songs, frames = chords.shape
    sounds = CHORDS.sounds(chords)
    begins = CHORDS.is_on(chords)
    begins[:, 1:] |= ~sounds[:, 1:] & sounds[:, :-1]
    begins[:, 0] = True
    row, column = np.nonzero(begins)
    offset = np.rint(rng.uniform(-most, most, size=len(row))).astype(int) * (column > 0)
    moved = np.clip(column + offset, 0, frames - 1)
    source = np.full_like(chords, -1)  # where what begins in a frame began before
    source[row, moved] = column
    latest = np.maximum.accumulate(np.where(source >= 0, np.arange(frames), 0), axis=1)
    song = np.arange(songs)[:, None]
    origin = source[song, latest]
    symbol = CHORDS.symbol(chords[song, origin])
    states = np.where(source >= 0, CHORDS.on(symbol), CHORDS.hold(symbol))
    return np.where(sounds[song, origin], states, SILENCE)
