"""True chords made worse by a stated amount, to see whether judges notice. Knows no judge."""

from __future__ import annotations

import numpy as np

from gapt.music.frames import CHORDS, SILENCE


def replace_chords(chords: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """Chord states [S, T], a share of the chords being others, drawn from all that they play.

    With one state of `rng`, what a smaller share replaces a larger one replaces too.
    """
    onsets = CHORDS.is_on(chords)
    played = CHORDS.symbol(chords[onsets])
    spared = rng.random(len(played)) >= share
    symbols = np.where(spared, played, rng.choice(played, size=len(played)))
    number = onsets.ravel().cumsum().reshape(chords.shape) - 1  # of the chord that sounds
    change = np.where(CHORDS.sounds(chords), symbols[number] - CHORDS.symbol(chords), 0)
    return chords + change


def move_onsets(chords: np.ndarray, most: float, rng: np.random.Generator) -> np.ndarray:
    """Chord states [S, T], each onset moved by -most..most frames, silences' beginnings too.

    A window's first frame stays what it is. Where two onsets meet, the later one wins.
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
    states = np.where(source >= 0, 1 + symbol, 1 + CHORDS.symbols + symbol)
    return np.where(sounds[song, origin], states, SILENCE)
