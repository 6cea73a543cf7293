"""Batches: windows at bars, both parts in one key, corpora in their shares, draws repeatable."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from gapt.corpora.batches import (
    Mixture,
    held_out,
    patches,
    spread,
    stack,
    transpose,
    with_jumps,
    with_wrong_past,
)
from gapt.corpora.store import Corpus, Song
from gapt.errors import UserError
from gapt.music.chords import CHORD_TONES
from gapt.music.frames import CHORDS, MELODY, Frames


def song(bars, first_pitch=60, beats_per_bar=4.0):
    """A new note and chord every bar, one semitone up each time: a window shows its start."""
    bar = int(4 * beats_per_bar)
    melody = np.concatenate(
        [
            [MELODY.on(first_pitch + i)] + [MELODY.hold(first_pitch + i)] * (bar - 1)
            for i in range(bars)
        ]
    ).astype(np.int16)
    chords = np.concatenate(
        [[CHORDS.on(i % 12)] + [CHORDS.hold(i % 12)] * (bar - 1) for i in range(bars)]
    ).astype(np.int16)
    return Song(f"s{first_pitch}", "c", None, "train", beats_per_bar, Frames(melody, chords))


def test_short_songs_are_padded_with_silence_that_is_not_real():
    batch = stack([song(1), song(3)], [0, 16], 40)
    assert batch.real.sum(1).tolist() == [16, 32]
    assert not batch.melody[~batch.real].any()
    assert not batch.chords[~batch.real].any()
    assert batch.melody[1, 0] == MELODY.on(61)


def test_both_parts_of_a_row_move_alike():
    batch = stack([song(2), song(2)], [0, 0], 32)
    moved = transpose(batch, np.array([3, -4]))
    for row, k in enumerate((3, -4)):
        pitch = MELODY.symbol(moved.melody[row]) - MELODY.symbol(batch.melody[row])
        root = MELODY.symbol(moved.chords[row]) - MELODY.symbol(batch.chords[row])
        assert set(pitch % 12) == set(root % 12) == {k % 12}
    before = CHORD_TONES[CHORDS.symbol(batch.chords), MELODY.symbol(batch.melody) % 12]
    after = CHORD_TONES[CHORDS.symbol(moved.chords), MELODY.symbol(moved.melody) % 12]
    assert np.array_equal(before, after)


@pytest.mark.parametrize("draw", [Mixture.draw, Mixture.draw_whole])
def test_every_row_is_in_a_key_drawn_for_both_parts_six_semitones_around_the_song_s(draw):
    mixture = Mixture({"c": [song(1)]}, {"c": 1.0})
    batch = draw(mixture, np.random.default_rng(0), 200, 16)
    moved = MELODY.symbol(batch.melody) - 60
    assert (moved == moved[:, :1]).all()
    assert (CHORDS.symbol(batch.chords) == moved % 12).all()
    shifts, rows = np.unique(moved[:, 0], return_counts=True)
    assert shifts.tolist() == list(range(-6, 7))
    assert rows.max() < 3 * 200 / 13, "all alike"


@pytest.mark.parametrize("beats_per_bar", [4.0, 3.0])
def test_windows_of_long_songs_begin_at_bars_and_reach_the_end(beats_per_bar):
    mixture = Mixture({"c": [song(20, beats_per_bar=beats_per_bar)]}, {"c": 1.0})
    batch = mixture.draw(np.random.default_rng(0), 300, 64)
    assert MELODY.is_on(batch.melody[:, 0]).all()
    last_chord = CHORDS.symbol(batch.chords[batch.real.all(1)][:, -1])
    assert len(set(last_chord)) == 12
    assert batch.real.sum(1).min() > 64 - 4 * beats_per_bar


def test_corpora_come_in_their_shares_and_missing_ones_are_made_up_for():
    low, high = [song(1, 24)], [song(1, 96)]
    batch = Mixture({"low": low, "high": high}, {"low": 0.75, "high": 0.25}).draw(
        np.random.default_rng(0), 2000, 16
    )
    share = (MELODY.symbol(batch.melody[:, 0]) < 60).mean()
    assert share == pytest.approx(0.75, abs=0.03)
    alone = Mixture({"low": low, "high": []}, {"low": 0.5, "high": 0.5})
    assert (MELODY.symbol(alone.draw(np.random.default_rng(0), 50, 16).melody) < 60).all()


def test_a_corpus_without_splits_is_learnt_whole_and_one_that_is_not_there_is_named(capsys):
    low, high = song(1, 24), replace(song(1, 96), corpus="high", split="ood")
    shares = {"c": 0.25, "high": 0.25, "absent": 0.5}
    mixture = Mixture.of(Corpus((low, high)), "train", shares)
    batch = mixture.draw(np.random.default_rng(0), 200, 16)
    assert (MELODY.symbol(batch.melody[:, 0]) < 60).mean() == pytest.approx(0.5, abs=0.1)
    assert "no absent in this corpus folder" in capsys.readouterr().out


def test_few_of_many_songs_are_evenly_spaced():
    assert spread([*range(10)], 4) == [0, 2, 5, 7]
    assert spread([*range(4)], 4) == spread([*range(4)], 9) == [0, 1, 2, 3]


def test_held_out_are_songs_of_the_corpora_with_a_share(tunes):
    corpus = Corpus.load(tunes)
    assert len(held_out(corpus, {"tunes": 1.0}, 2)) == 2
    with pytest.raises(UserError, match="no songs of pop909 in the valid split"):
        held_out(corpus, {"tunes": 0.0, "pop909": 1.0}, 2)


@pytest.mark.parametrize("mixture", [{}, {"tunes": 0.0}])
def test_a_mixture_of_nothing_is_refused(tunes, mixture):
    with pytest.raises(UserError, match="gives no corpus a share"):
        Mixture.of(Corpus.load(tunes), "train", mixture)


def test_a_seed_draws_the_same_again():
    mixture = Mixture({"c": [song(20), song(5, 40)]}, {"c": 1.0})
    first, again, other = (mixture.draw(np.random.default_rng([0, s]), 8, 64) for s in (1, 1, 2))
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first.melody, other.melody)


def test_a_wrong_past_ends_at_an_onset_and_is_not_learnt():
    batch = stack([song(4)] * 200, [0] * 200, 64)
    wrong = with_wrong_past(batch, 0.5, np.random.default_rng(0))
    assert np.array_equal(wrong.melody, batch.melody)
    heard = ~wrong.real
    assert 70 < heard.any(1).sum() < 130
    shift = (CHORDS.symbol(wrong.chords) - CHORDS.symbol(batch.chords)) % 12
    assert (shift[heard] != 0).all()
    assert (shift[~heard] == 0).all()
    first = heard.sum(1)[heard.any(1)]
    assert set(first) == {16, 32, 48}  # where the second, third and fourth chord begin
    assert all(
        CHORDS.is_on(row[n]) for row, n in zip(wrong.chords[heard.any(1)], first, strict=True)
    )


def test_songs_that_jump_go_on_in_another_key_from_a_beat_on_both_parts_alike():
    batch = stack([song(4), song(3)] * 100, [0] * 200, 64)
    jumped = with_jumps(batch, 0.5, np.random.default_rng(0))
    assert np.array_equal(jumped.real, batch.real)
    moved = (MELODY.symbol(jumped.melody) - MELODY.symbol(batch.melody)) % 12
    assert np.array_equal(moved, (CHORDS.symbol(jumped.chords) - CHORDS.symbol(batch.chords)) % 12)
    assert 70 < moved.any(1).sum() < 130
    firsts = set()
    for row in np.flatnonzero(moved.any(1)):
        first = int(np.flatnonzero(moved[row])[0])
        firsts.add(first)
        assert len(set(moved[row, first : batch.real[row].sum()])) == 1
        assert MELODY.is_on(jumped.melody[row, first])
        assert CHORDS.is_on(jumped.chords[row, first])
    assert set(moved[moved != 0]) == set(range(1, 12)), "to any other key"
    assert firsts <= set(range(4, 64, 4))
    assert len(firsts) > 10
    assert all(MELODY.is_valid(row) for row in jumped.melody)
    assert all(CHORDS.is_valid(row) for row in jumped.chords)


@pytest.mark.parametrize("seed", range(8))
def test_half_the_patchworks_are_whole_and_the_others_change_after_equal_stretches(seed):
    own, whole = patches(400, 128, torch.Generator().manual_seed(seed))
    again, _ = patches(400, 128, torch.Generator().manual_seed(seed))
    assert torch.equal(again, own)
    assert own[whole.squeeze(1)].all()
    assert 160 < whole.sum() < 240
    mixed = own[~whole.squeeze(1)]
    assert 0.45 < mixed.float().mean() < 0.55
    stretches = set()
    for row in mixed:
        changes = (row[1:] != row[:-1]).nonzero().squeeze(1)
        stretches |= set(changes.diff().tolist())
    size = min(stretches)
    assert 4 <= size <= 32
    assert all(stretch % size == 0 for stretch in stretches)
