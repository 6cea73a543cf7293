"""Figures: what they compute by hand, and that odd input can be drawn."""

import io

import numpy as np
import pytest

from gapt.evaluation import plots
from gapt.evaluation.rolls import piano_rolls
from gapt.music.frames import CHORDS, MELODY
from gapt.music.measures import Play


def test_the_pareto_front_by_hand():
    points = [(0.3, 5.0), (0.5, 2.0), (0.4, 4.0), (0.4, 3.0), (0.2, 5.0), (0.5, 2.0)]
    assert plots.pareto_front(points) == [(0.3, 5.0), (0.4, 4.0), (0.5, 2.0)]
    assert plots.pareto_front([]) == []


def test_twelve_systems_look_different_and_the_truth_is_black():
    systems = [f"system {number}" for number in range(12)]
    styles = plots.styles(["ground-truth", *systems])
    assert styles["ground-truth"].colour == "black"
    assert len(set(styles.values())) == 13
    assert len({(style.colour, style.line) for style in styles.values()}) == 13, "as lines, too"
    assert plots.styles(["ground-truth", "anchor", *systems]).items() > styles.items()


def test_who_plays_live_is_on_the_front_also_without_an_anchor():
    """In a duet there is none."""
    points = {"ground-truth": (0.9, 9.0), "mle": (0.3, 5.0), "gapt": (0.6, 4.0)}
    rows = {
        name: tuple({"mean": at, "low": at, "high": at} for at in point)
        for name, point in points.items()
    }
    axes = plots.plane(rows, plots.styles(list(rows))).axes[0]
    (front,) = (line for line in axes.lines if line.get_linestyle() == "--")
    assert {(0.3, 5.0), (0.6, 4.0)} < set(map(tuple, front.get_xydata()))


def test_in_a_duet_all_melodies_are_in_sight():
    chords = np.full((1, 32), CHORDS.on(0))
    plays = {
        name: Play(np.full_like(chords, MELODY.on(pitch)), chords, np.ones_like(chords, dtype=bool))
        for name, pitch in {"ground-truth": 84, "gapt": 55}.items()
    }
    for panel in piano_rolls(plays, plots.styles(list(plays))).axes:
        low, high = panel.get_ylim()
        assert low < 55
        assert high > 84


@pytest.mark.parametrize("songs", [1, 3])
def test_few_songs_and_silence_can_be_drawn(songs):
    nothing = np.zeros((songs, 32), dtype=int)
    play = Play(nothing, nothing, np.ones_like(nothing, dtype=bool))
    systems = ["ground-truth", "anchor", "mute"]
    styles = plots.styles(systems)
    unmeasured = {"mean": None, "low": None, "high": None}
    one = {"mean": 1.0, "low": 1.0, "high": 1.0}
    figures = [
        plots.plane(dict.fromkeys(systems, (unmeasured, one)), styles),
        plots.over_time(
            dict.fromkeys(systems, np.full(8, np.nan)), styles, of="harmony", unit="beat"
        ),
        plots.durations(dict.fromkeys(systems, np.zeros(33)), styles),
        plots.embedding_map(dict.fromkeys(systems, np.eye(songs, 8)), styles),
        piano_rolls(dict.fromkeys(systems, play), styles),
    ]
    for figure in figures:
        figure.savefig(io.BytesIO(), format="png")
