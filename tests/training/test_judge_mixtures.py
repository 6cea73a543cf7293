"""What a discriminative judge is shown: chords spoilt in the ways it is to notice."""

import numpy as np
import pytest
import torch

from gapt.music.chords import CHORD_NAMED
from gapt.music.frames import CHORDS, MELODY
from gapt.training.judge import _mixture, _restruck


def song(*chords):
    """States [16 * chords]: a bar of each, by name."""
    spans = [(16 * i, 16 * (i + 1), CHORD_NAMED[name]) for i, name in enumerate(chords)]
    return CHORDS.from_spans(spans, 16 * len(chords)).astype(np.int64)


@pytest.fixture
def chords():
    torch.manual_seed(0)
    songs = [song("C", "Am", "F", "G7"), song("Cmaj7", "Am7", "Dm7", "G7")] * 20
    return torch.from_numpy(np.stack(songs))


def test_restruck_chords_sound_as_before_and_begin_more_often(chords):
    melody = torch.from_numpy(MELODY.from_spans([(i, i + 2, 60) for i in range(0, 64, 2)], 64))
    struck = _restruck(melody.expand(chords.shape).long(), chords, torch.Generator())
    assert torch.equal(CHORDS.symbol(struck), CHORDS.symbol(chords))
    assert CHORDS.is_on(struck).sum() > 2 * CHORDS.is_on(chords).sum()
    assert CHORDS.is_on(struck)[CHORDS.is_on(chords)].all()


@pytest.mark.parametrize("rhythm", [False, True])
def test_what_is_mixed_in_is_mostly_something_else(chords, rhythm):
    own, other = _mixture(torch.zeros_like(chords), chords, np.random.default_rng(0), rhythm=rhythm)
    assert own.dtype == torch.bool
    assert 0.6 < own.float().mean() < 0.9  # half whole, and half of the others
    assert (other != chords).float().mean() > 0.5
