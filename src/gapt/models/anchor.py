"""The offline anchor: the chords of someone who knows the whole melody.

phi(y | x) = prod_t phi(y_t | x, y_<t) (ReaLchords, arXiv 2506.14723, section 4.2): teacher of the
online policy, whose KL to it keeps post-training from straying. Melody and chords run frame for
frame, so where the papers' decoder attends across to the encoder, here each frame of the decoder
is given the encoder's vector of that frame.
"""

from __future__ import annotations

import msgspec
from torch import Tensor, nn

from gapt.models.policy import shift
from gapt.models.transformer import Cache, Transformer, TransformerConfig
from gapt.models.voices import ActionHead, VoiceEmbedding
from gapt.music.frames import CHORDS, MELODY


class Anchor(nn.Module):
    """Decides each chord from the whole melody and the chords before.

    `config` holds the sizes of the decoder; the encoder's are the same, and it sees both ways.
    """

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.config = config
        self.melody_embedding = VoiceEmbedding(MELODY, config.dim)
        self.encoder = Transformer(msgspec.structs.replace(config, causal=False))
        self.chord_embedding = VoiceEmbedding(CHORDS, config.dim)
        self.transformer = Transformer(config)
        self.chord_head = ActionHead(CHORDS, config.dim)

    def forward(self, melody: Tensor, chords: Tensor, real: Tensor | None = None) -> Tensor:
        """Masked chord logits float32 [B, T, actions].

        Args:
            melody, chords: states int64 [B, T]; frame t's logits see all of `melody`, chords < t.
            real: bool [B, T], False in padding; None: all frames are real.
        """
        before = shift(chords, CHORDS)
        hidden = self.transformer(self.sight(melody, real) + self.chord_embedding(before))
        return self.chord_head(hidden, before)

    def sight(self, melody: Tensor, real: Tensor | None = None) -> Tensor:
        """What each frame's decision sees of a whole melody: float [B, T, dim]."""
        return self.encoder(self.melody_embedding(melody), real)

    def decide(
        self, sight: Tensor, chords: Tensor, position: Tensor, cache: Cache
    ) -> tuple[Tensor, Cache]:
        """One frame's chord logits [B, actions]; see `gapt.models.policy.Policy.decide`."""
        hidden, new = self.transformer.step(sight + self.chord_embedding(chords), position, cache)
        return self.chord_head(hidden, chords), new
