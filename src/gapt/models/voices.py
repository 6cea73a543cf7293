"""How the two players' frames enter a network and leave it."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn

from gapt.music.chords import CHORD_TONES
from gapt.music.frames import CHORDS, HOLD, MELODY, NUM_PITCHES, Voice

MASKED = -1e4
"""The logit of an action that cannot be taken: its probability is exactly 0, its log finite."""

_PITCH_CLASSES = {
    MELODY: np.eye(12)[np.arange(NUM_PITCHES) % 12],
    CHORDS: CHORD_TONES / np.sqrt(CHORD_TONES.sum(1, keepdims=True)),
}
"""Which pitch classes each symbol sounds, as unit vectors [symbols, 12]."""


_ARTICULATIONS = 4
_PLACES = 48
"""Frames after which bars of 4/4 (16) and of 3/4 (12) begin together again."""


class VoiceEmbedding(nn.Module):
    """A state is what sounds (a symbol, or nothing) plus how (silence, ON, HOLD, or the start)."""

    def __init__(self, voice: Voice, dim: int) -> None:
        super().__init__()
        self.voice = voice
        # The last symbol: nothing sounds.
        self.symbol = nn.Embedding(voice.symbols + 1, dim)
        self.articulation = nn.Embedding(_ARTICULATIONS, dim)
        _initialise(self.symbol, voice)
        nn.init.normal_(self.articulation.weight, std=0.02)

    def forward(self, states: Tensor) -> Tensor:
        """Vectors float [..., dim] of states int [...], `voice.start` allowed."""
        voice = self.voice
        symbol = torch.where(voice.sounds(states), voice.symbol(states), voice.symbols)
        return self.symbol(symbol) + self.articulation(_articulation(voice, states))


class RhythmEmbedding(nn.Module):
    """How a voice articulates each place of its bars, and nothing of what sounds.

    A vector for each pair, not a sum of two: then the mean over a window is a rhythm already (how
    often each place is struck), where a Transformer with relative positions alone starts out with
    nearly the same vector for all rhythms, and stays there. Windows begin with a bar.
    """

    def __init__(self, voice: Voice, dim: int) -> None:
        super().__init__()
        self.voice = voice
        self.place = nn.Embedding(_ARTICULATIONS * _PLACES, dim)
        nn.init.normal_(self.place.weight, std=0.3)

    def forward(self, states: Tensor) -> Tensor:
        """Vectors float [..., T, dim] of the states int [..., T] of windows."""
        place = torch.arange(states.shape[-1], device=states.device) % _PLACES
        return self.place(_articulation(self.voice, states) * _PLACES + place)


def _articulation(voice: Voice, states: Tensor) -> Tensor:
    """0 to 3: silence, ON, HOLD, the start."""
    return voice.is_on(states) * 1 + voice.is_hold(states) * 2 + (states == voice.start) * 3


class DegreeEmbedding(nn.Module):
    """Which degree of the sounding chord the melody's note is: the fifth of a major triad, say.

    That is what harmony is made of, and it is the same in all keys. A sum of the two voices'
    vectors tells it only to a network that has learnt to multiply them.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        # By quality and interval above the root; the last: one of the two is silent.
        self.degree = nn.Embedding(CHORDS.symbols + 1, dim)
        nn.init.normal_(self.degree.weight, std=0.02)
        # At first chord tones are alike, and other notes.
        chord_tones = torch.from_numpy(CHORD_TONES[::12].reshape(-1)).float()
        with torch.no_grad():
            self.degree.weight[:-1] += 0.02 * chord_tones[:, None] * torch.randn(dim)

    def forward(self, melody: Tensor, chords: Tensor) -> Tensor:
        """Vectors float [..., dim] of states [...] of both."""
        symbol = CHORDS.symbol(chords)
        interval = (MELODY.symbol(melody) - symbol) % 12
        both = MELODY.sounds(melody) & CHORDS.sounds(chords)
        return self.degree(torch.where(both, symbol - symbol % 12 + interval, CHORDS.symbols))


class ActionHead(nn.Module):
    """Logits over a voice's actions, HOLD masked where nothing sounds: nothing invalid is said."""

    def __init__(self, voice: Voice, dim: int) -> None:
        super().__init__()
        self.voice = voice
        self.linear = nn.Linear(dim, voice.num_actions)
        nn.init.normal_(self.linear.weight, std=0.02)
        nn.init.zeros_(self.linear.bias)

    def forward(self, hidden: Tensor, previous: Tensor) -> Tensor:
        """Logits float32 [..., num_actions] from hidden [..., dim] and previous states [...]."""
        logits = self.linear(hidden).float()
        is_hold = torch.arange(logits.shape[-1], device=logits.device) == HOLD
        impossible = ~self.voice.sounds(previous)[..., None] & is_hold
        return logits.masked_fill(impossible, MASKED)


def _initialise(embedding: nn.Embedding, voice: Voice) -> None:
    """Symbols start out alike as far as they share pitch classes, so less is left to learn."""
    tones = torch.randn(12, embedding.embedding_dim)
    with torch.no_grad():
        embedding.weight[:-1] += torch.from_numpy(_PITCH_CLASSES[voice]).float() @ tones
        embedding.weight *= 0.02 / math.sqrt(2)
