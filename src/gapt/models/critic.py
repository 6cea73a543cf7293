"""The critic: what is still to come, guessed from what the policy sees when it decides.

A network of its own that starts from the policy's weights, with one number where the policy has
its heads (Wu et al., arXiv 2511.17879, appendix).
"""

from __future__ import annotations

from torch import Tensor, nn

from gapt.models.policy import Policy, shift
from gapt.models.transformer import Transformer
from gapt.models.voices import VoiceEmbedding
from gapt.music.frames import CHORDS, MELODY


class Critic(nn.Module):
    """The value of every frame's past."""

    def __init__(self, policy: Policy) -> None:
        """A critic with the weights of `policy`, that expects nothing yet."""
        super().__init__()
        dim = policy.config.dim
        self.melody_embedding = VoiceEmbedding(MELODY, dim)
        self.chord_embedding = VoiceEmbedding(CHORDS, dim)
        self.transformer = Transformer(policy.config)
        for name, part in self.named_children():
            part.load_state_dict(policy.get_submodule(name).state_dict())
        self.value = nn.Linear(dim, 1)
        nn.init.zeros_(self.value.weight)
        nn.init.zeros_(self.value.bias)

    def forward(self, melody: Tensor, chords: Tensor) -> Tensor:
        """Values float32 [B, T] of states [B, T]; frame t's sees only frames before t."""
        x = self.melody_embedding(shift(melody, MELODY))
        x = x + self.chord_embedding(shift(chords, CHORDS))
        return self.value(self.transformer(x)).float().squeeze(-1)
