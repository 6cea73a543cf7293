"""Critics: what is still to come, guessed before each decision.

A critic is a player's network with one number in place of the heads. As published it sees what the
policy sees, and starts from its weights (Wu et al., arXiv 2511.17879, appendix). But much of what a
chord will earn depends on notes that nobody online can know, and in the advantages, which are what
the critic did not expect, that is noise. A critic never plays, so it may know the future: the
foresighted one hears all of the melody, and starts from the anchor's weights (an asymmetric actor
and critic; Pinto et al., arXiv 1710.06542).
"""

from __future__ import annotations

from torch import Tensor, nn

from gapt.models.anchor import Anchor
from gapt.models.policy import Policy, shift
from gapt.models.transformer import Transformer
from gapt.models.voices import VoiceEmbedding
from gapt.music.frames import CHORDS, MELODY, other


class Critic(nn.Module):
    """The value of every frame's past."""

    def __init__(self, policy: Policy) -> None:
        """A critic with the weights of `policy`, whose values are 0 at first."""
        super().__init__()
        dim = policy.config.dim
        self.melody_embedding = VoiceEmbedding(MELODY, dim)
        self.chord_embedding = VoiceEmbedding(CHORDS, dim)
        self.transformer = Transformer(policy.config)
        _copy(policy, self, "melody_embedding", "chord_embedding", "transformer")
        self.value = _zero_head(dim)

    def forward(self, melody: Tensor, chords: Tensor, real: Tensor) -> Tensor:
        """Values float32 [B, T] of states [B, T]; frame t's sees only frames before t."""
        x = self.melody_embedding(shift(melody, MELODY))
        x = x + self.chord_embedding(shift(chords, CHORDS))
        return self.value(self.transformer(x)).float().squeeze(-1)


class ForesightedCritic(nn.Module):
    """The value of every frame's past to one part, knowing all of the other part."""

    def __init__(self, anchor: Anchor) -> None:
        """A critic with the weights of `anchor`, whose values are 0 at first."""
        super().__init__()
        self.part, dim = anchor.part, anchor.config.transformer.dim
        self.heard_embedding = VoiceEmbedding(other(self.part), dim)
        self.encoder = Transformer(anchor.encoder.config)
        self.own_embedding = VoiceEmbedding(self.part, dim)
        self.transformer = Transformer(anchor.config.transformer)
        _copy(anchor, self, "heard_embedding", "encoder", "own_embedding", "transformer")
        self.value = _zero_head(dim)

    def forward(self, melody: Tensor, chords: Tensor, real: Tensor) -> Tensor:
        """Values float32 [B, T]; frame t's sees of its own part [B, T] only frames before t."""
        heard, own = (melody, chords) if self.part == CHORDS else (chords, melody)
        x = self.encoder(self.heard_embedding(heard), real)
        hidden = self.transformer(x + self.own_embedding(shift(own, self.part)))
        return self.value(hidden).float().squeeze(-1)


def _copy(player: nn.Module, critic: nn.Module, *parts: str) -> None:
    for name in parts:
        critic.get_submodule(name).load_state_dict(player.get_submodule(name).state_dict())


def _zero_head(dim: int) -> nn.Linear:
    value = nn.Linear(dim, 1)
    nn.init.zeros_(value.weight)
    nn.init.zeros_(value.bias)
    return value
