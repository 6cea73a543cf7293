"""The offline anchor: one part, played by someone who knows all of the other.

phi(y | x) = prod_t phi(y_t | x, y_<t) (ReaLchords, arXiv 2506.14723, section 4.2): teacher of the
online policy, whose KL to it keeps post-training from straying. Melody and chords run frame for
frame, so where the papers' decoder attends across to the encoder, here each frame of the decoder
is given the encoder's vector of that frame.
"""

from __future__ import annotations

from typing import Literal

import msgspec
from torch import Tensor, nn

from gapt.models.policy import shift
from gapt.models.transformer import Memory, Transformer, TransformerConfig
from gapt.models.voices import ActionHead, VoiceEmbedding
from gapt.music.frames import CHORDS, MELODY, Voice, other

PARTS: dict[str, Voice] = {"chords": CHORDS, "melody": MELODY}


class AnchorConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Sizes of the decoder, and of the encoder, which sees both ways; and the part it plays."""

    transformer: TransformerConfig
    part: Literal["chords", "melody"] = "chords"


class Anchor(nn.Module):
    """Decides each frame of its part from the whole other part and its own past."""

    def __init__(self, config: AnchorConfig) -> None:
        super().__init__()
        self.config = config
        self.part = PARTS[config.part]
        dim = config.transformer.dim
        self.heard_embedding = VoiceEmbedding(other(self.part), dim)
        self.encoder = Transformer(msgspec.structs.replace(config.transformer, causal=False))
        self.own_embedding = VoiceEmbedding(self.part, dim)
        self.transformer = Transformer(config.transformer)
        self.head = ActionHead(self.part, dim)

    def forward(self, melody: Tensor, chords: Tensor, real: Tensor | None = None) -> Tensor:
        """Masked logits of its part, float32 [B, T, actions].

        Args:
            melody, chords: states int64 [B, T]; frame t's logits see all of the other part, and
                its own before t.
            real: bool [B, T], False in padding; None: all frames are real.
        """
        heard, own = (melody, chords) if self.part == CHORDS else (chords, melody)
        before = shift(own, self.part)
        hidden = self.transformer(self.sight(self.part, heard, real) + self.own_embedding(before))
        return self.head(hidden, before)

    def sight(self, part: Voice, heard: Tensor, real: Tensor | None = None) -> Tensor:
        """What each decision sees of the whole other part: float [B, T, dim] of states [B, T]."""
        assert part == self.part, "an anchor plays the part that it was trained for"
        return self.encoder(self.heard_embedding(heard), real)

    def decide(
        self, part: Voice, sight: Tensor, own: Tensor, position: Tensor, memory: Memory
    ) -> Tensor:
        """One frame's masked logits, float32 [B, actions]; as those of `Policy.decide`."""
        hidden = self.transformer.step(sight + self.own_embedding(own), position, memory)
        return self.head(hidden, own)
