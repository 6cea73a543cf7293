"""How the two players' frames enter a network and leave it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gapt.music.frames import HOLD, Voice

MASKED = -1e4
"""The logit of an action that cannot be taken: its probability is exactly 0, its log finite."""


class VoiceEmbedding(nn.Module):
    """A state is what sounds (a symbol, or nothing) plus how (silence, ON, HOLD, or the start)."""

    def __init__(self, voice: Voice, dim: int) -> None:
        super().__init__()
        self.voice = voice
        self.symbol = nn.Embedding(voice.symbols + 1, dim)  # the last one: nothing sounds
        self.articulation = nn.Embedding(4, dim)
        nn.init.normal_(self.symbol.weight, std=0.02)
        nn.init.normal_(self.articulation.weight, std=0.02)

    def forward(self, states: Tensor) -> Tensor:
        """Vectors float [..., dim] of states int [...], `voice.start` allowed."""
        voice = self.voice
        symbol = torch.where(voice.sounds(states), voice.symbol(states), voice.symbols)
        articulation = (
            voice.is_on(states) * 1 + voice.is_hold(states) * 2 + (states == voice.start) * 3
        )
        return self.symbol(symbol) + self.articulation(articulation)


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
