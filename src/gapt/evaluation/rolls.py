"""Piano rolls: the same melody under each system's chords, one above the other."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from gapt.evaluation.plots import Style, clean
from gapt.music.chords import CHORD_TONES, lead_sheet_name
from gapt.music.frames import CHORDS, MELODY
from gapt.music.measures import FRAMES_PER_BAR, Play

_FRAMES = 128  # eight bars of 4/4: more would not leave room for the chords' names


def piano_rolls(plays: Mapping[str, Play], styles: Mapping[str, Style]) -> Figure:
    """The song with most melody in it, its first 128 frames, under each system.

    A chord is its name and, behind the melody, the pitches of all octaves that it holds: a note on
    a band is in the chord.

    Args:
        plays: by system, all to the same melodies; in a duet each has its own.
        styles: by system.
    """
    first, *_ = plays.values()
    sounding = (MELODY.sounds(first.melody) & first.real)[:, :_FRAMES]
    song = int(sounding.sum(1).argmax())
    figure = Figure(figsize=(13, 1.7 * len(plays) + 0.4), layout="constrained")
    panels = figure.subplots(len(plays), 1, sharex=True, sharey=True, squeeze=False)[:, 0]
    shown = {
        name: Play(*(states[song, :_FRAMES] for states in play)) for name, play in plays.items()
    }
    pitches = [pitch for play in shown.values() for *_, pitch in MELODY.to_spans(play.melody)]
    reach = range(min(pitches, default=60) - 3, max(pitches, default=60) + 4)
    for axes, (name, play) in zip(panels, shown.items(), strict=True):
        _draw(axes, play, reach, styles[name].colour)
        axes.set_title(name, color=styles[name].colour, loc="left", fontsize=10, pad=12)
    panels[-1].set_xlabel("bar")
    return figure


def _draw(axes: Axes, play: Play, reach: range, colour: str) -> None:
    """One song, states [T]; `reach`: the pitches that there is room for."""
    low, high = reach[0], reach[-1]
    for onset, end, chord in CHORDS.to_spans(play.chords):
        for pitch in reach:
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
    for onset, end, pitch in MELODY.to_spans(play.melody):
        axes.add_patch(
            Rectangle((onset + 0.1, pitch - 0.4), end - onset - 0.2, 0.8, color="black", lw=0)
        )
    frames = len(play.melody)
    axes.set_xlim(0, frames)
    axes.set_ylim(low - 0.5, high + 0.5)
    bars = range(0, frames, FRAMES_PER_BAR)
    axes.set_xticks(bars, [str(bar) for bar, _ in enumerate(bars, start=1)])
    octaves = [pitch for pitch in reach if pitch % 12 == 0]
    axes.set_yticks(octaves, [f"C{pitch // 12 - 1}" for pitch in octaves])
    clean(axes)
