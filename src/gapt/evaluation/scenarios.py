"""Scenarios: which songs are played to the systems, and from where on their chords are measured.

Knows no model. A scenario gives every system the same melodies and the same frames to be measured
in, so rows of one scenario can be compared; those of two cannot.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gapt.corpora.batches import spread, stack
from gapt.corpora.store import Song
from gapt.errors import UserError
from gapt.music.frames import (
    CHORDS,
    FRAMES_PER_BEAT,
    MAX_TRANSPOSITION,
    MELODY,
    SILENCE,
    transpose_chords,
    transpose_melody,
)
from gapt.music.measures import Play


@dataclass(frozen=True, slots=True)
class Scenario:
    """How a system is tried (Wu et al., arXiv 2511.17879, section 5).

    Attributes:
        frames: songs are played from their first frame, at most this long.
        at_least: songs of fewer frames are left out.
        given: for so many frames the true chords are played; they are not measured.
        jump: the frame from which on everything is six semitones higher; None: nowhere.
        duet: the melodies are improvised too, by a melodist who hears the system; of the songs only
            the lengths are left.
    """

    frames: int = 256
    at_least: int = 1
    given: int = 0
    jump: int | None = None
    duet: bool = False

    def play(self, songs: list[Song], count: int) -> Play:
        """At most `count` of the songs with their own chords: states [S, frames].

        Raises:
            UserError: no song is long enough.
        """
        long = [song for song in songs if len(song.frames) >= self.at_least]
        if not long:
            raise UserError(
                f"none of the {len(songs)} songs of this split has the {self.at_least} frames "
                "that the scenario needs; choose another scenario, or prepare longer songs"
            )
        chosen = spread(long, count)
        melody, chords, real = stack(chosen, [0] * len(chosen), self.frames)
        if self.jump is not None:
            up, at = MAX_TRANSPOSITION, self.jump
            melody[:, at:] = transpose_melody(MELODY.strike(melody[:, at:]), up)
            chords[:, at:] = transpose_chords(CHORDS.strike(chords[:, at:]), up)
        return Play(melody, chords, real)

    def measured(self, play: Play) -> Play:
        """What of a play is measured: states [S, frames - given]."""
        melody, chords, real = (states[:, self.given :] for states in play)
        return Play(MELODY.strike(melody), CHORDS.strike(chords), real)


_BEATS = FRAMES_PER_BEAT

GROUND_TRUTH = "ground-truth"
ANCHOR = "anchor"
LATE = "late"
"""Who is always there: the songs' own chords, the offline anchor, and what `a_beat_late` makes."""

SCENARIOS = {
    "cold": Scenario(),
    "primed": Scenario(given=8 * _BEATS, at_least=16 * _BEATS),
    "perturbed": Scenario(jump=16 * _BEATS, at_least=32 * _BEATS),
    "long": Scenario(frames=512, at_least=512),
    "duet": Scenario(duet=True),
}
"""cold: nothing is known. primed: the first 8 beats have the true chords. perturbed: from beat 17
on the melody is six semitones higher. long: 512 frames, more than a model reaches back. duet: with
a melodist, another model, who improvises too."""


def a_beat_late(whole: Play) -> Play:
    """The same with every chord a beat later: what someone would play who foresees none of them."""
    chords = np.roll(whole.chords, FRAMES_PER_BEAT, axis=1)
    chords[:, :FRAMES_PER_BEAT] = SILENCE
    return whole._replace(chords=chords)
