"""Piano rolls: the same melody under each system's chords, one above the other."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from gapt.evaluation.measures import Play
from gapt.evaluation.plots import Style
from gapt.music.chords import CHORD_TONES, lead_sheet_name
from gapt.music.frames import CHORDS, FRAMES_PER_BEAT, MELODY

_FRAMES = 128  # eight bars of 4/4: more would not leave room for the chords' names
_BAR = 4 * FRAMES_PER_BEAT


def piano_rolls(plays: Mapping[str, Play], styles: Mapping[str, Style]) -> Figure:
    """The song with most melody in it, its first 128 frames, under each system.

    A chord is its name and, behind the melody, the pitches of all octaves that it holds: a note on
    a band is in the chord.

    Args:
        plays: by system, all to the same melodies.
        styles: by system.
    """
    first, *_ = plays.values()
    sounding = (MELODY.sounds(first.melody) & first.real)[:, :_FRAMES]
    song = int(sounding.sum(1).argmax())
    figure = Figure(figsize=(13, 1.7 * len(plays) + 0.4), layout="constrained")
    panels = figure.subplots(len(plays), 1, sharex=True, sharey=True, squeeze=False)[:, 0]
    for axes, (name, play) in zip(panels, plays.items(), strict=True):
        _draw(axes, play.melody[song, :_FRAMES], play.chords[song, :_FRAMES], styles[name].colour)
        axes.set_title(name, color=styles[name].colour, loc="left", fontsize=10, pad=12)
    panels[-1].set_xlabel("bar")
    return figure


def _draw(axes: Axes, melody: np.ndarray, chords: np.ndarray, colour: str) -> None:
    notes = MELODY.to_spans(melody)
    pitches = [pitch for _, _, pitch in notes] or [60]
    low, high = min(pitches) - 3, max(pitches) + 3
    for onset, end, chord in CHORDS.to_spans(chords):
        for pitch in range(low, high + 1):
            if CHORD_TONES[chord, pitch % 12]:
                band = Rectangle(
                    (onset, pitch - 0.5), end - onset, 1, color=colour, alpha=0.22, lw=0
                )
                axes.add_patch(band)
        axes.plot([onset, onset], [low - 0.5, high + 0.5], color=colour, lw=0.8)
        axes.annotate(
            lead_sheet_name(chord), (onset, high + 0.5), (1, 1), textcoords="offset points",
            fontsize=8, color=colour, annotation_clip=False,
        )  # fmt: skip
    for onset, end, pitch in notes:
        axes.add_patch(
            Rectangle((onset + 0.1, pitch - 0.4), end - onset - 0.2, 0.8, color="black", lw=0)
        )
    axes.set_xlim(0, len(melody))
    axes.set_ylim(low - 0.5, high + 0.5)
    axes.set_xticks(
        range(0, len(melody), _BAR), [str(1 + t // _BAR) for t in range(0, len(melody), _BAR)]
    )
    axes.set_yticks([p for p in range(low, high + 1) if p % 12 == 0])
    axes.set_yticklabels([f"C{p // 12 - 1}" for p in range(low, high + 1) if p % 12 == 0])
    axes.spines[["top", "right"]].set_visible(False)
