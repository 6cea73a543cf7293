"""The benchmarks run what they time."""

from types import SimpleNamespace

import pytest

from gapt.evaluation import bench
from gapt.evaluation.bench import bench_measures, bench_rollout, report
from gapt.music.measures import MEASURES, Measure


@pytest.fixture
def lasts(monkeypatch):
    """On a clock of the test's own, let a function last as long as is said of its arguments."""
    now = 0.0
    monkeypatch.setattr(bench, "time", SimpleNamespace(perf_counter=lambda: now))

    def change(where, name, seconds):
        function = getattr(where, name)

        def timed(*arguments):
            nonlocal now
            now += seconds(*arguments)
            return function(*arguments)

        monkeypatch.setattr(where, name, timed)

    return change


def test_all_measures_are_timed_and_so_are_what_the_judge_hears_and_the_score(networks, lasts):
    lasts(Measure, "of", lambda measure, play: 0.5)
    lasts(bench, "embed", lambda judge, play: play.real.size / 256)
    lasts(bench, "vendi_statistics", lambda vectors: 10 * len(vectors))
    figures = bench_measures(networks / "judges", songs=6)
    assert (figures["songs"], figures["frames"]) == (6, 256)
    assert figures["embedding_seconds"] == 6
    assert figures["vendi_seconds"] == 60
    assert figures["seconds"] == 0.5 * (len(MEASURES) + 1) + 66, "one more needs the data"


def test_frames_a_second_are_those_of_all_songs_together_once_warm(networks, lasts):
    lasts(bench, "rollout", lambda policy, melody, *_: 0.25 * melody.shape[1])
    figures = bench_rollout(networks / "policy.safetensors", batch=2)
    assert figures["seconds"] == 64
    assert figures["frames_per_second"] == 8
    assert (figures["batch"], figures["frames"]) == (2, 256)


def test_figures_in_words():
    assert report({"frames_per_second": 1234, "batch": 2}) == "frames per second 1,234, batch 2"
