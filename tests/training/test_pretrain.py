"""Pretraining on the built-in tunes: it learns, resumes exactly, and keeps its folder safe."""

import math
import os
import shutil
import signal
import subprocess
import sys

import msgspec
import numpy as np
import pytest
import torch
import yaml

from gapt.cli import app
from gapt.corpora.batches import spread
from gapt.corpora.store import Corpus
from gapt.errors import UserError
from gapt.models.anchor import Anchor, AnchorConfig
from gapt.models.checkpoint import load, load_anchor, save
from gapt.music.frames import CHORDS, HOLD, MELODY, SILENCE
from gapt.training.pretrain import (
    PolicyTask,
    anchor_nll,
    corrections,
    nll,
)
from gapt.training.recipes import ANCHOR_RECIPES, POLICY_RECIPES
from gapt.training.run import Run, read_log
from gapt.training.stages import train
from gapt.training.supervised import learning_rate, resolved

RECIPE = msgspec.structs.replace(
    POLICY_RECIPES["tiny"],
    steps=40,
    validate_every=10,
    transformer=msgspec.structs.replace(POLICY_RECIPES["tiny"].transformer, dropout=0.1),
)


def measurements(run):
    return {(step, name): value for step, name, value in read_log(run / "metrics.csv")}


@pytest.fixture(scope="module")
def unbroken(tunes, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "unbroken"
    train("policy", RECIPE, Corpus.load(tunes), out)
    return out


def test_it_learns(unbroken):
    logged = measurements(unbroken)
    assert logged[40, "train/chord_nll"] < 0.75 * logged[10, "train/chord_nll"]
    for voice, name in (CHORDS, "chord"), (MELODY, "melody"):
        assert logged[40, f"valid/{name}_nll"] < 0.5 * math.log(voice.num_actions)


def test_a_run_says_what_it_did(unbroken):
    config = yaml.safe_load((unbroken / "config.yaml").read_text())
    assert msgspec.convert(config, type(RECIPE)) == RECIPE
    header, _ = load(unbroken / "last.safetensors", "policy")
    assert header.step == 40
    assert msgspec.convert(header.config, type(RECIPE.transformer)) == RECIPE.transformer
    assert list((unbroken / "tensorboard").iterdir())


def test_a_run_says_which_precision_its_device_was_given(tunes, tmp_path):
    recipe = msgspec.structs.replace(RECIPE, precision=None, steps=10)
    train("policy", recipe, Corpus.load(tunes), tmp_path / "run")
    chosen = yaml.safe_load((tmp_path / "run/config.yaml").read_text())["precision"]
    assert chosen in ("bf16-mixed", "32-true")
    # What the configuration says can be asked for, and is then not chosen again.
    asked = msgspec.structs.replace(recipe, precision=chosen)
    assert resolved(recipe) == resolved(asked) == asked


def test_after_a_kill_it_goes_on_as_if_nothing_had_happened(unbroken, tunes, tmp_path):
    recipe, out = tmp_path / "recipe.yaml", tmp_path / "run"
    recipe.write_text("preset: tiny\nsteps: 40\nvalidate_every: 10\ntransformer: {dropout: 0.1}\n")
    options = ["--recipe", recipe, "--corpus", tunes, "--out", out]
    killed(20, "valid/chord_nll", "policy", *options)
    assert load(out / "last.safetensors", "policy")[0].step == 10
    train("policy", RECIPE, Corpus.load(tunes), out, resume=True)
    assert_same_run(out, unbroken)


def killed(step, name, *arguments):
    """Run `gapt train` until just after it has logged a measurement: then it kills itself."""
    code = f"""
import os, signal
import torch
from gapt.cli import main
from gapt.training.run import Run

torch.set_num_threads(1)
log = Run.log

def log_and_die(run, step, values):
    log(run, step, values)
    if step == {step} and {name!r} in values:
        os.kill(os.getpid(), signal.SIGKILL)

Run.log = log_and_die
main()
"""
    command = [sys.executable, "-c", code, "train", *map(str, arguments)]
    done = subprocess.run(command, stdout=subprocess.DEVNULL, timeout=300, check=False)
    assert done.returncode == -signal.SIGKILL


def assert_same_run(run, expected):
    """All that two runs have measured and come to is the same, bit for bit."""
    log, meant = (list(read_log(folder / "metrics.csv")) for folder in (run, expected))
    assert log == meant
    for name in ("best.safetensors", "last.safetensors"):
        (header, tensors), (other, others) = load(run / name), load(expected / name)
        assert header == other
        assert tensors.keys() == others.keys()
        assert all(torch.equal(tensors[key], others[key]) for key in others)


@pytest.mark.parametrize("stage", ["policy", "contrastive", "discriminative"])
def test_two_processes_make_the_updates_of_one(stage, tunes, tmp_path, monkeypatch):
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("preset: tiny\nsteps: 10\n")
    one, two = alone_and_together(stage, recipe, tunes, tmp_path, monkeypatch)
    assert one.keys() == two.keys()
    for key, value in one.items():
        assert two[key] == pytest.approx(value, rel=1e-3), key


def alone_and_together(stage, recipe, corpus, folder, monkeypatch):
    """What a run logs in this process, and in two; on the CPU, of which all have one."""
    train = ["train", stage, "--recipe", recipe, "--corpus", corpus, "--out"]
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    command = [sys.executable, *torchrun, "-m", "gapt", *train, folder / "two"]
    subprocess.run(command, check=True, capture_output=True, timeout=180, env=environment)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    app([*map(str, train), str(folder / "one")], standalone_mode=False)
    return measurements(folder / "one"), measurements(folder / "two")


def test_a_run_may_start_from_another(unbroken, tunes, tmp_path):
    again = msgspec.structs.replace(RECIPE, start=str(unbroken), steps=10, learning_rate=1e-9)
    train("policy", again, Corpus.load(tunes), tmp_path / "again")
    assert measurements(tmp_path / "again")[10, "valid/chord_nll"] == pytest.approx(
        min(v for (_, name), v in measurements(unbroken).items() if name == "valid/chord_nll"),
        rel=1e-4,
    )
    larger = msgspec.structs.replace(
        again, transformer=msgspec.structs.replace(RECIPE.transformer, layers=3)
    )
    with pytest.raises(UserError, match="has the sizes"):
        train("policy", larger, Corpus.load(tunes), tmp_path / "larger")


def test_the_anchor_learns_too(tunes, tmp_path):
    recipe = msgspec.structs.replace(ANCHOR_RECIPES["tiny"], steps=40, validate_every=10)
    train("anchor", recipe, Corpus.load(tunes), tmp_path / "anchor")
    logged = measurements(tmp_path / "anchor")
    assert logged[40, "train/chord_nll"] < 0.75 * logged[10, "train/chord_nll"]
    assert (40, "valid/melody_nll") not in logged
    load_anchor(tmp_path / "anchor")


def test_a_run_is_never_overwritten_or_mixed_with_another(unbroken, tunes, tmp_path):
    corpus = Corpus.load(tunes)
    with pytest.raises(UserError, match="already holds a run; add --resume"):
        train("policy", RECIPE, corpus, unbroken)
    other = msgspec.structs.replace(RECIPE, learning_rate=1.0)
    with pytest.raises(UserError, match=r"another recipe: 'learning_rate' was 0\.01"):
        train("policy", other, corpus, unbroken, resume=True)
    (tmp_path / "best.safetensors").write_bytes((unbroken / "best.safetensors").read_bytes())
    with pytest.raises(UserError, match="holds weights, but no run"):
        train("policy", RECIPE, corpus, tmp_path, resume=True)


def test_two_runs_do_not_write_to_one_folder(unbroken, tunes, tmp_path):
    run = shutil.copytree(unbroken, tmp_path / "run")
    longer = msgspec.structs.replace(RECIPE, steps=50)
    (run / "config.yaml").write_text(yaml.safe_dump(msgspec.to_builtins(longer)))
    before = (run / "metrics.csv").read_text()
    with (
        Run(run, longer, resume=True),
        pytest.raises(UserError, match="another run is writing to"),
    ):
        train("policy", longer, Corpus.load(tunes), run, resume=True)
    assert (run / "metrics.csv").read_text() == before
    train("policy", longer, Corpus.load(tunes), run, resume=True)
    assert load(run / "last.safetensors")[0].step == 50


def test_a_run_does_not_go_on_with_another_corpus(unbroken, tunes, tmp_path):
    run = shutil.copytree(unbroken, tmp_path / "run")
    whole = Corpus.load(tunes)
    assert load(run / "best.safetensors")[0].corpus == whole.fingerprint()
    longer = msgspec.structs.replace(RECIPE, steps=50)
    (run / "config.yaml").write_text(yaml.safe_dump(msgspec.to_builtins(longer)))
    fewer = Corpus(whole.songs[1:])
    with pytest.raises(
        UserError, match=f"corpus .{whole.fingerprint()}, not {fewer.fingerprint()}"
    ):
        train("policy", longer, fewer, run, resume=True)


def test_a_run_of_another_version_is_not_gone_on_with(unbroken, tunes, tmp_path):
    run = shutil.copytree(unbroken, tmp_path / "run")
    header, tensors = load(run / "last.safetensors")
    del tensors["calm"]
    save(run / "last.safetensors", header, tensors)
    with pytest.raises(UserError, match="is of another version of gapt: no tensor 'calm'"):
        train("policy", RECIPE, Corpus.load(tunes), run, resume=True)


def test_a_run_goes_on_in_the_precision_that_it_began_in(tmp_path):
    recipe = msgspec.structs.replace(RECIPE, precision=None)
    here = resolved(recipe).precision
    (there,) = {"bf16-mixed", "32-true"} - {here}
    with Run(tmp_path, msgspec.structs.replace(recipe, precision=there), resume=False):
        assert resolved(recipe, tmp_path).precision == there
    with Run(tmp_path, resolved(recipe, tmp_path), resume=True):
        pass


def test_what_was_cut_off_before_its_first_checkpoint_begins_anew(
    unbroken, tunes, tmp_path, capsys
):
    config = (unbroken / "config.yaml").read_text()
    assert "own_past: 0.0\n" in config
    older = config.replace("own_past: 0.0\n", "")  # of before there was such a key
    (tmp_path / "config.yaml").write_text(older)
    (tmp_path / "metrics.csv").write_text("step,name,value\n10,train/chord_nll,9.0\n")
    train("policy", RECIPE, Corpus.load(tunes), tmp_path, resume=True)
    assert "starting at update 0" in capsys.readouterr().out
    assert measurements(tmp_path) == measurements(unbroken)


def test_a_loss_that_is_no_number_stops_the_run_and_keeps_the_last_checkpoint(
    tunes, tmp_path, monkeypatch
):
    monkeypatch.setattr(
        "gapt.training.supervised.learning_rate", lambda _, step: 1e-3 if step < 12 else 1e30
    )
    with pytest.raises(UserError, match=r"the loss is .* at step 13"):
        train("policy", RECIPE, Corpus.load(tunes), tmp_path / "run")
    header, tensors = load(tmp_path / "run" / "last.safetensors", "policy")
    assert header.step == 10
    assert all(tensor.isfinite().all() for tensor in tensors.values())


def test_a_corpus_without_the_mixture_is_refused(tunes, tmp_path):
    recipe = msgspec.structs.replace(RECIPE, mixture={"pop909": 1.0})
    with pytest.raises(UserError, match="has no pop909 to train on"):
        train("policy", recipe, Corpus.load(tunes), tmp_path / "run")


def test_negative_log_likelihood_by_hand():
    chords = torch.tensor([[CHORDS.on(0), CHORDS.hold(0), 0]])
    logits = torch.zeros(1, 3, CHORDS.num_actions)
    actions = CHORDS.actions(chords)
    np.testing.assert_allclose(nll(logits, actions), np.log(CHORDS.num_actions), rtol=1e-6)
    logits[0, 1, HOLD] = np.log(CHORDS.num_actions - 1)  # as likely as all others together
    np.testing.assert_allclose(nll(logits, actions)[0, 1], np.log(2), rtol=1e-4)


def test_who_plays_the_song_has_nothing_to_correct(tunes):
    batch = PolicyTask(RECIPE, Corpus.load(tunes)).draw(np.random.default_rng(0), 16)
    for states, voice in (batch.chords, CHORDS), (batch.melody, MELODY):
        song = torch.from_numpy(states)
        assert (corrections(song, song, voice) == voice.actions(song)).all()


def test_corrections_by_hand():
    on, hold, strike = CHORDS.on, CHORDS.hold, lambda chord: 2 + chord
    #               a beat                        a beat
    song = [on(1), hold(1), hold(1), on(2), hold(2), hold(2), on(2), 0, 0, on(3)]
    own = [on(7), hold(7), on(2), hold(2), hold(2), hold(2), on(8), hold(8), hold(8), on(9)]
    todo = [
        strike(1),
        HOLD,  # what it has, though it is not the song's
        HOLD,
        HOLD,  # the song's next chord sounds already
        HOLD,
        HOLD,
        strike(2),  # the song strikes it again
        SILENCE,
        SILENCE,
        strike(3),
    ]
    assert corrections(torch.tensor([song]), torch.tensor([own]), CHORDS).tolist() == [todo]
    silent = torch.zeros(1, 10, dtype=torch.int64)
    todo[1:6] = [strike(1), strike(1), strike(2), strike(2), strike(2)]
    assert corrections(torch.tensor([song]), silent, CHORDS).tolist() == [todo]
    other = torch.tensor([[on(7), *[hold(7)] * 9]])
    todo[1:6] = [HOLD, HOLD, strike(2), strike(2), HOLD]  # the second for the beat
    assert corrections(torch.tensor([song]), other, CHORDS).tolist() == [todo]


def test_who_follows_the_corrections_plays_the_song_from_the_next_beat_on(tunes):
    batch = PolicyTask(RECIPE, Corpus.load(tunes)).draw(np.random.default_rng(0), 16)
    song = torch.from_numpy(batch.chords)
    own = CHORDS.strike(song.roll(1, dims=0))  # so far somebody else's
    for frame in range(21, song.shape[1]):
        action = corrections(song, own, CHORDS)[:, frame]
        own[:, frame] = CHORDS.advance(own[:, frame - 1], action)
    assert (CHORDS.sounds(own) == CHORDS.sounds(song))[:, 24:].all()
    heard = CHORDS.sounds(song)[:, 24:]
    assert (CHORDS.symbol(own) == CHORDS.symbol(song))[:, 24:][heard].all()


def test_a_past_of_its_own_is_learnt_from(unbroken, tunes, tmp_path):
    recipe = msgspec.structs.replace(RECIPE, start=str(unbroken), own_past=0.75)
    corpus = Corpus.load(tunes)
    task = PolicyTask(recipe, corpus)
    before = task.validate(task.model, torch.device("cpu"))
    train("policy", recipe, corpus, tmp_path / "run")
    best = min(
        measurements(tmp_path / "run")[step, "valid/own_chord_nll"] for step in (10, 20, 30, 40)
    )
    assert best < 0.9 * before["own_chord_nll"]
    assert load(tmp_path / "run" / "best.safetensors")[0].step >= 10


def test_the_anchor_hears_the_melody_under_a_wrong_past():
    melody = torch.tensor([[MELODY.on(60), *[MELODY.hold(60)] * 15, *[MELODY.on(64)] * 16]])
    chords = torch.tensor([[CHORDS.on(0), *[CHORDS.hold(0)] * 15, *[CHORDS.on(5)] * 16]])
    torch.manual_seed(0)
    recipe = ANCHOR_RECIPES["tiny"]
    anchor = Anchor(AnchorConfig(transformer=recipe.transformer)).eval()
    real = torch.arange(32)[None] >= 16
    losses = []
    for pitch in (60, 66):
        melody[:, :16] = MELODY.hold(pitch)
        losses.append(anchor_nll(anchor, melody, chords, real)["chord_nll"][real])
    assert (losses[0] - losses[1]).abs().min() > 0


def test_a_melodys_anchor_has_no_wrong_past(tunes, tmp_path):
    recipe = msgspec.structs.replace(ANCHOR_RECIPES["tiny"], part="melody", wrong_past=0.5)
    with pytest.raises(UserError, match="wrong_past"):
        train("anchor", recipe, Corpus.load(tunes), tmp_path / "run")


HALVES = slice(0, 32), slice(32, 64)


def test_as_many_rows_as_asked_for_have_a_past_of_their_own(unbroken, tunes):
    recipe = msgspec.structs.replace(RECIPE, start=str(unbroken), own_past=0.75)
    task = PolicyTask(recipe, Corpus.load(tunes))
    batch = [torch.from_numpy(array) for array in task.draw(np.random.default_rng(0), 64)]
    past = task._past(batch)
    the_songs = (past == batch[1]).all(1).float().mean()
    assert 0.1 < the_songs < 0.4
    # Whatever the number of processes that share the rows.
    assert (past == torch.cat([task._past([a[rows] for a in batch]) for rows in HALVES])).all()
    with torch.no_grad():
        loss, _ = task.loss(task.model, batch, float(batch[2].sum()))
    assert torch.isfinite(loss)


def test_the_loss_is_a_mean_over_real_frames(tunes):
    task = PolicyTask(RECIPE, Corpus.load(tunes))
    batch = [torch.from_numpy(a) for a in task.draw(np.random.default_rng(0), 4)]
    whole, _ = task.loss(task.model.eval(), batch, float(batch[2].sum()))
    halves = [
        task.loss(task.model, [a[rows] for a in batch], float(batch[2].sum()) / 2)[0]
        for rows in (slice(0, 2), slice(2, 4))
    ]
    # Two processes with half the rows each: the average of their losses is that of one process.
    torch.testing.assert_close(sum(halves) / 2, whole)


def test_the_learning_rate_warms_up_and_decays():
    rates = [learning_rate(RECIPE, step) for step in range(RECIPE.steps)]
    peak = RECIPE.learning_rate
    assert rates[0] == pytest.approx(peak / RECIPE.warmup)
    assert rates[RECIPE.warmup] == max(rates) == pytest.approx(peak)
    assert rates[-1] == pytest.approx(0.1 * peak, rel=0.1)


def test_spread_takes_the_same_songs_evenly():
    assert spread(list(range(10)), 3) == [0, 3, 6]
    assert spread([1, 2], 3) == [1, 2]
