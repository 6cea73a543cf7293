"""`gapt evaluate` on the built-in tunes: rows that can be trusted, errors that can be read."""

import copy
import json
import math
import wave
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch

from gapt.corpora.store import Corpus
from gapt.errors import UserError
from gapt.evaluation.evaluate import evaluate, simulate
from gapt.evaluation.report import COLUMNS
from gapt.evaluation.scenarios import ANCHOR, GROUND_TRUTH, LATE, Scenario
from gapt.models.anchor import Anchor, AnchorConfig
from gapt.models.checkpoint import Header, save
from gapt.models.presets import POLICY_PRESETS
from gapt.music.frames import CHORDS, SILENCE
from gapt.music.measures import Play


@pytest.fixture
def options(networks):
    return {
        "systems": {"untrained": [networks / "policy.safetensors"]},
        "anchor": networks / "anchor.safetensors",
        "judges": networks / "judges",
        "splits": ["test"],
        "scenarios": ["cold"],
        "songs": 2,
        "seeds": [0, 1],
        "temperature": 0.99,
    }


def test_rows_are_complete_and_repeatable(options, tunes, tmp_path):
    options["scenarios"] = ["cold", "primed"]
    for out in ("first", "again"):
        evaluate(corpus=Corpus.load(tunes), out=tmp_path / out, **options)
    results = json.loads((tmp_path / "first" / "results.json").read_text())
    again = json.loads((tmp_path / "again" / "results.json").read_text())
    assert results["rows"] == again["rows"]
    rows = {(row["system"], row["scenario"], row["measure"]): row for row in results["rows"]}
    assert set(rows) == {
        (system, scenario, measure)
        for system in (GROUND_TRUTH, LATE, ANCHOR, "untrained")
        for scenario in ("cold", "primed")
        for measure in COLUMNS
        if measure != "nll" or system not in (GROUND_TRUTH, LATE)
    }
    assert rows[GROUND_TRUTH, "cold", "harmony"]["mean"] > 0.7
    assert rows[GROUND_TRUTH, "cold", "onset_emd"]["mean"] == 0
    # An untrained policy spreads evenly over its actions.
    evenly = math.log(CHORDS.num_actions)
    assert rows["untrained", "primed", "nll"]["mean"] == pytest.approx(evenly, abs=0.3)
    for row in results["rows"]:
        assert row["low"] - 1e-9 <= row["mean"] <= row["high"] + 1e-9
        assert (row["split"], row["songs"], row["seeds"]) == ("test", 2, [0, 1])
    assert [len(line["harmony"]) for line in results["harmony_by_beat"]] == [64] * 3 + [56] * 3
    assert [len(line["changes"]) for line in results["changes_by_bar"]] == [16] * 3 + [14] * 3
    assert list(results["judges"]) == ["contrastive-0"]
    assert len(results["judges"]["contrastive-0"]) == 64
    report = (tmp_path / "first" / "results.md").read_text()
    assert "| test | cold | untrained |" in report
    for line in report.splitlines():
        if line.startswith("!["):
            assert (tmp_path / "first" / line.partition("](")[2].rstrip(")")).stat().st_size > 5000
    assert report.count("![") == 12


def test_after_a_jump_the_way_back_is_measured(options, tunes, tmp_path):
    options["scenarios"] = ["perturbed"]
    evaluate(corpus=Corpus.load(tunes), out=tmp_path, **options)
    rows = json.loads((tmp_path / "results.json").read_text())["rows"]
    back = {
        row["measure"]: row["mean"]
        for row in rows
        if row["system"] == GROUND_TRUTH and row["measure"] not in COLUMNS
    }
    assert list(back) == ["recovered_1_to_4", "recovered_5_to_8", "recovered_9_to_16"]
    # The songs' chords jump with the melody.
    assert all(0.8 < share < 1.25 for share in back.values())
    assert "recovered 5 to 8" in (tmp_path / "results.md").read_text()


def test_in_a_duet_the_melodies_are_improvised_too(options, networks, tunes, tmp_path):
    options["scenarios"] = ["duet"]
    with pytest.raises(UserError, match="a duet needs a melodist"):
        evaluate(corpus=Corpus.load(tunes), out=tmp_path, **options)
    melodist = networks / "policy.safetensors"
    evaluate(corpus=Corpus.load(tunes), out=tmp_path, melodist=melodist, **options)
    rows = json.loads((tmp_path / "results.json").read_text())["rows"]
    assert {row["system"] for row in rows} == {GROUND_TRUTH, LATE, "untrained"}
    harmony = {row["system"]: row["mean"] for row in rows if row["measure"] == "harmony"}
    # Who picks pitches and chords at random hits about as often as chords have pitch classes.
    assert 0.15 < harmony["untrained"] < 0.45 < harmony[GROUND_TRUTH]


def test_examples_can_be_heard(options, tunes, tmp_path):
    evaluate(corpus=Corpus.load(tunes), out=tmp_path, audio=1, **options)
    folder = tmp_path / "audio" / "test-cold"
    names = {path.stem for path in folder.glob("*.wav")}
    assert names == {"1-ground-truth", "1-anchor", "1-untrained"}
    with wave.open(str(folder / "1-ground-truth.wav")) as file:
        sound = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2")
        assert file.getnframes() / file.getframerate() > 20  # 64 beats at 120 a minute: 32 s
    assert 20_000 < np.abs(sound).max() < 32_768


def test_a_player_that_never_plays_is_told_so(options, policy, tunes, tmp_path):
    mute = copy.deepcopy(policy)
    with torch.no_grad():
        mute.chord_head.bias[SILENCE] = 1e3
    header = Header(model="policy", config=msgspec.to_builtins(mute.config))
    save(tmp_path / "mute.safetensors", header, mute.state_dict())
    options |= {"systems": {"mute": [tmp_path / "mute.safetensors"]}, "songs": 1, "seeds": [0]}
    evaluate(corpus=Corpus.load(tunes), out=tmp_path, **options)
    rows = json.loads((tmp_path / "results.json").read_text())["rows"]
    figures = {row["measure"]: row["mean"] for row in rows if row["system"] == "mute"}
    assert figures["harmony"] is None
    assert figures["harmony_strict"] == 0
    assert figures["silent_share"] == 1
    assert figures["vendi"] == pytest.approx(1)
    assert "| test | cold | mute | – | 0.000 |" in (tmp_path / "results.md").read_text()


def test_simulated_players_do_not_see_the_future(policy):
    rng = np.random.default_rng(0)
    melody = rng.integers(1, 129, (4, 40))
    other = melody.copy()
    other[:, 25:] = rng.integers(1, 129, (4, 15))
    real = np.ones_like(melody, dtype=bool)
    first, second = (
        simulate(
            policy, Play(m, np.zeros_like(m), real), Scenario(), seed=0, temperature=1.0
        ).chords
        for m in (melody, other)
    )
    assert np.array_equal(first[:, :26], second[:, :26])
    assert all(CHORDS.is_valid(row) for row in first)


def test_given_chords_are_played_before_the_policy_goes_on(policy):
    melody = np.zeros((3, 24), dtype=np.int64)
    true = np.full_like(melody, CHORDS.hold(5))
    true[:, 0] = CHORDS.on(5)
    whole = Play(melody, true, np.ones_like(melody, dtype=bool))
    played = simulate(policy, whole, Scenario(given=10), seed=0, temperature=1.0).chords
    assert np.array_equal(played[:, :10], true[:, :10])
    assert not np.array_equal(played, true)
    assert all(CHORDS.is_valid(row) for row in played)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"splits": ["ood"]}, "no songs of split 'ood'"),
        ({"scenarios": ["long"]}, "has the 512 frames"),
        ({"systems": {"anchor": [Path("mle")]}}, "no system can be named 'anchor'"),
        ({"systems": {"late": [Path("mle")]}}, "no system can be named 'late'"),
        ({"systems": {"a|b": [Path("mle")]}}, r"no system can be named 'a\|b': take letters"),
        ({"systems": {"a": [Path("mle"), Path("./mle")]}}, "a has a run twice"),
        ({"melodist": Path("mle")}, "--melodist is for duets"),
    ],
)
def test_what_cannot_be_played_is_named(options, tunes, tmp_path, changed, message):
    with pytest.raises(UserError, match=message):
        evaluate(corpus=Corpus.load(tunes), out=tmp_path, **(options | changed))


def test_what_would_fail_in_the_end_fails_before_anyone_plays(
    options, tunes, tmp_path, monkeypatch
):
    def never(*_arguments):
        raise AssertionError("somebody plays")

    monkeypatch.setattr("gapt.evaluation.evaluate.simulate", never)
    corpus, file = Corpus.load(tunes), tmp_path / "file"
    with pytest.raises(UserError, match="has the 512 frames"):
        evaluate(corpus=corpus, out=tmp_path, **(options | {"scenarios": ["cold", "long"]}))
    file.touch()
    with pytest.raises(UserError, match=r"cannot write to .*file"):
        evaluate(corpus=corpus, out=file / "out", **options)


def test_networks_that_are_not_there_are_named(options, tunes, tmp_path):
    corpus = Corpus.load(tunes)
    with pytest.raises(UserError, match=r"no judges in .*contrastive-0\.safetensors"):
        evaluate(corpus=corpus, out=tmp_path, **(options | {"judges": tmp_path}))
    with pytest.raises(UserError, match=r"no checkpoint at .*--anchor takes a run"):
        evaluate(corpus=corpus, out=tmp_path, **(options | {"anchor": tmp_path / "nothing"}))
    config = AnchorConfig(transformer=POLICY_PRESETS["tiny"], part="melody")
    header = Header(model="anchor", config=msgspec.to_builtins(config))
    save(tmp_path / "melodist.safetensors", header, Anchor(config).state_dict())
    with pytest.raises(UserError, match="plays the melody; --anchor takes one that plays"):
        evaluate(
            corpus=corpus,
            out=tmp_path,
            **(options | {"anchor": tmp_path / "melodist.safetensors"}),
        )
