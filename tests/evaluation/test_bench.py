"""The benchmarks run what they time."""

import json

import pytest

from gapt.evaluation.bench import bench_measures, bench_rollout, report


def test_figures_add_up(networks, tmp_path, capsys):
    measures = bench_measures(networks / "judges", songs=6)
    assert measures["embedding_seconds"] + measures["vendi_seconds"] < measures["seconds"]
    played = bench_rollout(networks / "policy.safetensors", batch=2)
    assert played["frames_per_second"] * played["seconds"] == pytest.approx(2 * 256)
    report(played, tmp_path / "f.json")
    assert json.loads((tmp_path / "f.json").read_text()) == played
    assert "frames per second" in capsys.readouterr().out
