"""The online chord policy: what to play now, from what both players have done so far.

pi(y | x) = prod_t pi(y_t | x_<t, y_<t) (Wu et al., arXiv 2511.17879, section 3), in one model step
a frame: the input at frame t is the sum of both players' states at t - 1; one head gives the chord
at t, the other the melody at t. The melody head is for anticipation: given the past, chord and
melody of the same frame are independent, as players who act at once are.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from gapt.models.transformer import Memory, Transformer, TransformerConfig
from gapt.models.voices import ActionHead, VoiceEmbedding
from gapt.music.frames import CHORDS, FRAMES_PER_BEAT, MELODY, Voice, other


class PolicyOutput(NamedTuple):
    """Masked logits over actions: chords float32 [..., A_chords], melody [..., A_melody]."""

    chords: Tensor
    melody: Tensor

    def of(self, part: Voice) -> Tensor:
        """The logits of one part."""
        return self.chords if part == CHORDS else self.melody


def shift(states: Tensor, voice: Voice) -> Tensor:
    """Each frame's previous state: int [B, T] moved right by one, `start` first."""
    start = states.new_full((states.shape[0], 1), voice.start)
    return torch.cat([start, states[:, :-1]], dim=1)


class Policy(nn.Module):
    """Decides both players' next frame from the past of both.

    Attributes:
        calm: float [FRAMES_PER_BEAT], added to the logit of holding the chord that sounds, on the
            beat and on each frame after it. Not learnt but set (`gapt export --calm`): a taste.
        settle: float [], added to it as well in the frame after a strike, against stumbling: a
            chord that is struck and, once the melody is heard, at once struck over. Likewise set.
    """

    calm: Tensor
    settle: Tensor

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.config = config
        self.melody_embedding = VoiceEmbedding(MELODY, config.dim)
        self.chord_embedding = VoiceEmbedding(CHORDS, config.dim)
        self.transformer = Transformer(config)
        self.chord_head = ActionHead(CHORDS, config.dim)
        self.melody_head = ActionHead(MELODY, config.dim)
        self.register_buffer("calm", torch.zeros(FRAMES_PER_BEAT))
        self.register_buffer("settle", torch.zeros(()))

    def forward(self, melody: Tensor, chords: Tensor) -> PolicyOutput:
        """Logits of every frame's decision. States int64 [B, T]; frame t's logits see only < t."""
        before_melody, before_chords = shift(melody, MELODY), shift(chords, CHORDS)
        x = self.melody_embedding(before_melody) + self.chord_embedding(before_chords)
        hidden = self.transformer(x)
        bias = self._hold_bias(torch.arange(melody.shape[1], device=melody.device), before_chords)
        return PolicyOutput(
            self.chord_head(hidden, before_chords, bias), self.melody_head(hidden, before_melody)
        )

    def step(
        self, melody: Tensor, chords: Tensor, position: Tensor, memory: Memory
    ) -> PolicyOutput:
        """One frame's decision, for each row of a batch.

        Args:
            melody: int64 [B], the melody's state in the frame before (`MELODY.start` at first).
            chords: int64 [B], likewise.
            position: int64 [B], the frame to decide, from 0, which is on a beat.
            memory: of the frames before; remembers this one too.

        Returns:
            The logits [B, actions].
        """
        x = self.melody_embedding(melody) + self.chord_embedding(chords)
        hidden = self.transformer.step(x, position, memory)
        return PolicyOutput(
            self.chord_head(hidden, chords, self._hold_bias(position, chords)),
            self.melody_head(hidden, melody),
        )

    def _hold_bias(self, frame: Tensor, before: Tensor) -> Tensor:
        return self.calm[frame % FRAMES_PER_BEAT] + self.settle * CHORDS.is_on(before)

    def sight(self, part: Voice, heard: Tensor, real: Tensor | None = None) -> Tensor:
        """What each decision of a part sees of the other part: float [B, T, dim] of [B, T].

        For this model it is the frame before; `real` (see `gapt.models.anchor`) does not matter.
        """
        embedding = self.melody_embedding if part == CHORDS else self.chord_embedding
        return embedding(shift(heard, other(part)))

    def decide(
        self, part: Voice, sight: Tensor, own: Tensor, position: Tensor, memory: Memory
    ) -> Tensor:
        """`step` for one part alone.

        Args:
            part: the one to decide.
            sight: float [B, dim], one frame of what `sight` returned.
            own, position: int64 [B], and `memory`: as in `step`.

        Returns:
            Its masked logits, float32 [B, actions].
        """
        if part == MELODY:
            x = sight + self.melody_embedding(own)
            return self.melody_head(self.transformer.step(x, position, memory), own)
        x = sight + self.chord_embedding(own)
        hidden = self.transformer.step(x, position, memory)
        return self.chord_head(hidden, own, self._hold_bias(position, own))
