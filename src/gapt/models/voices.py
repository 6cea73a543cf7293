"""How the two players' frames enter a network and leave it."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gapt.music.chords import CHORD_TONES
from gapt.music.frames import CHORDS, HOLD, MELODY, Voice

MASKED = -1e4
"""The logit of an action that cannot be taken: its probability is exactly 0, its log finite."""

_FACETS = 2
"""In how many ways a kind of symbol weighs its pitch classes."""
_ARTICULATIONS = 4
_PLACES = 48
"""Frames after which 4/4 bars (16) and 3/4 bars (12) coincide again."""


class SymbolTable(nn.Module):
    """A vector for each symbol of a voice, of which most is the same in every key.

    A symbol is a root and a kind: a chord's quality, a pitch's octave. Its vector is a sum over the
    twelve pitch classes, each with the weights that its kind gives to that interval above the root,
    and of a vector of its own. So what is learnt of Am7 is learnt of all minor sevenths, and what
    is learnt of a pitch class of all chords that hold it.
    """

    _place: Tensor

    def __init__(self, voice: Voice, dim: int) -> None:
        super().__init__()
        symbols = torch.arange(voice.symbols)
        root, kind = symbols % 12, symbols // 12
        self.own = nn.Parameter(torch.randn(voice.symbols, dim) * 0.005)
        self.pitch_class = nn.Parameter(torch.randn(12 * _FACETS, dim) * 0.02)
        self.interval = nn.Parameter(torch.randn(int(kind[-1]) + 1, 12, _FACETS) * 0.1)
        with torch.no_grad():  # at first: which pitch classes sound, and which is the root
            if voice == CHORDS:
                sounding = torch.tensor(CHORD_TONES[::12], dtype=torch.float32)
            else:
                sounding = torch.eye(12)[:1]
            self.interval[..., 0] += sounding / sounding.norm(dim=1, keepdim=True)
            self.interval[:, 0, 1] += 1
        above_root = (torch.arange(12) - root[:, None]) % 12
        self.register_buffer("_place", kind[:, None] * 12 + above_root, persistent=False)

    def forward(self) -> Tensor:
        """Vectors float [symbols, dim]."""
        weights = self.interval.flatten(0, 1)[self._place]  # [symbols, 12, facets]
        return self.own + weights.flatten(1) @ self.pitch_class


class VoiceEmbedding(nn.Module):
    """A state is what sounds (a symbol, or nothing) plus how (silence, ON, HOLD, or the start)."""

    def __init__(self, voice: Voice, dim: int) -> None:
        super().__init__()
        self.voice = voice
        self.symbols = SymbolTable(voice, dim)
        self.articulation = nn.Embedding(_ARTICULATIONS, dim)
        nn.init.normal_(self.articulation.weight, std=0.02)

    def forward(self, states: Tensor) -> Tensor:
        """Vectors float [..., dim] of states int [...], `voice.start` allowed."""
        voice = self.voice
        # The last row: nothing sounds.
        table = F.pad(self.symbols(), (0, 0, 0, 1))
        symbol = torch.where(voice.sounds(states), voice.symbol(states), voice.symbols)
        return F.embedding(symbol, table) + self.articulation(_articulation(voice, states))


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
        self.unstruck = nn.Parameter(torch.randn(voice.num_actions - voice.symbols, dim) * 0.02)
        self.symbols = SymbolTable(voice, dim)
        self.bias = nn.Parameter(torch.zeros(voice.num_actions))

    def forward(self, hidden: Tensor, previous: Tensor, hold_bias: Tensor | None = None) -> Tensor:
        """Logits float32 [..., num_actions] from hidden [..., dim] and previous states [...].

        `hold_bias` [...] is added to those of HOLD.
        """
        # Actions are silence, HOLD, and then ON of each symbol.
        weight = torch.cat([self.unstruck, self.symbols()])
        logits = F.linear(hidden, weight, self.bias).float()
        is_hold = torch.arange(logits.shape[-1], device=logits.device) == HOLD
        if hold_bias is not None:
            logits = logits + hold_bias[..., None] * is_hold
        impossible = ~self.voice.sounds(previous)[..., None] & is_hold
        return logits.masked_fill(impossible, MASKED)
