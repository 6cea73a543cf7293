"""`gapt evaluate` on the built-in tunes: rows that can be trusted, errors that can be read."""

import json
import math

import msgspec
import numpy as np
import pytest
import torch

from gapt.corpora.store import Corpus
from gapt.errors import UserError
from gapt.evaluation.evaluate import evaluate, simulate
from gapt.models.checkpoint import Header, save
from gapt.models.policy import Policy
from gapt.models.presets import POLICY_PRESETS
from gapt.music.frames import CHORDS
from gapt.training.batches import Batch


@pytest.fixture(scope="module")
def policy():
    torch.manual_seed(0)
    return Policy(POLICY_PRESETS["tiny"]).eval()


def test_rows_are_complete_and_repeatable(policy, tunes, tmp_path):
    path = tmp_path / "p.safetensors"
    save(
        path, Header(model="policy", config=msgspec.to_builtins(policy.config)), policy.state_dict()
    )
    options = {"splits": ["test"], "songs": 2, "seeds": [0, 1], "temperature": 0.99}
    for out in ("first", "again"):
        evaluate({"untrained": path}, Corpus.load(tunes), tmp_path / out, **options)
    results = json.loads((tmp_path / "first" / "results.json").read_text())
    again = json.loads((tmp_path / "again" / "results.json").read_text())
    assert results["rows"] == again["rows"]
    rows = {(row["system"], row["measure"]): row for row in results["rows"]}
    assert rows["ground truth", "harmony"]["mean"] > 0.7
    # An untrained policy spreads evenly over its actions.
    assert rows["untrained", "nll"]["mean"] == pytest.approx(math.log(CHORDS.num_actions), abs=0.3)
    for row in results["rows"]:
        assert row["low"] <= row["high"]
        assert (row["split"], row["scenario"], row["songs"], row["seeds"]) == (
            "test", "cold", 2, [0, 1]
        )  # fmt: skip
    assert "| test | untrained |" in (tmp_path / "first" / "results.md").read_text()


def test_simulated_players_do_not_see_the_future(policy):
    rng = np.random.default_rng(0)
    melody = rng.integers(1, 129, (4, 40))
    other = melody.copy()
    other[:, 25:] = rng.integers(1, 129, (4, 15))
    real = np.ones_like(melody, dtype=bool)
    first, second = (
        simulate(policy, Batch(m, np.zeros_like(m), real), seed=0, temperature=1.0)
        for m in (melody, other)
    )
    assert np.array_equal(first[:, :26], second[:, :26])
    assert all(CHORDS.is_valid(row) for row in first)


def test_a_split_without_songs_is_named(tunes, tmp_path):
    with pytest.raises(UserError, match="no songs of split 'ood'"):
        evaluate(
            {}, Corpus.load(tunes), tmp_path, splits=["ood"], songs=4, seeds=[0], temperature=1.0
        )
