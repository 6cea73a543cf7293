"""The coherence reward models: how well chords and a melody belong together.

After ReaLchords (arXiv 2506.14723, section 4.3) and GAPT (arXiv 2511.17879, appendix). Three views
of the same question: the contrastive judge compares one vector of the melody with one of the chords
(global harmony); the discriminative judge reads both together, frame by frame (temporal
coherence). Their rhythm variants see onsets, holds and silence only. The generative judge, which is
ours, hears the chords alone and says which notes they let one expect. Judges see whole windows,
both ways, and score a batch at once.

A score of a whole window is a mean over its frames, or a function of one, so it can be told, frame
by frame, where it comes from: `credit` returns the shares. They add up to the score.
"""

from __future__ import annotations

import math

import msgspec
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gapt.models.transformer import Transformer, TransformerConfig
from gapt.models.voices import DegreeEmbedding, RhythmEmbedding, VoiceEmbedding
from gapt.music.frames import CHORDS, MELODY, Voice

PITCH_CLASSES = 12


class JudgeConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Sizes of a judge, `transformer` being that of each encoder; `rhythm`: pitch-blind."""

    transformer: TransformerConfig
    rhythm: bool = False


def _mean(hidden: Tensor, real: Tensor) -> Tensor:
    """The mean over real frames: [B, T, dim], bool [B, T] -> [B, dim]."""
    weights = real[..., None].to(hidden.dtype)
    return (hidden * weights).sum(1) / weights.sum(1).clamp(min=1)


class ContrastiveJudge(nn.Module):
    """A melody encoder and a chord encoder whose unit vectors agree for real pairs."""

    kind = "contrastive"

    def __init__(self, config: JudgeConfig) -> None:
        super().__init__()
        self.config = config
        both_ways = msgspec.structs.replace(config.transformer, causal=False)
        dim = both_ways.dim
        embedding = RhythmEmbedding if config.rhythm else VoiceEmbedding
        self.melody_embedding = embedding(MELODY, dim)
        self.chord_embedding = embedding(CHORDS, dim)
        self.melody_encoder = Transformer(both_ways)
        self.chord_encoder = Transformer(both_ways)
        self.melody_out = nn.Linear(dim, dim, bias=False)
        self.chord_out = nn.Linear(dim, dim, bias=False)
        # The temperature of the softmax, learnt in the log (CLIP, arXiv 2103.00020, section 2.5).
        self.log_scale = nn.Parameter(torch.tensor(math.log(1 / 0.07)))

    def embed_melody(self, melody: Tensor, real: Tensor) -> Tensor:
        """Unit vectors float32 [B, dim] of melodies, states [B, T]."""
        hidden = self.melody_encoder(self.melody_embedding(melody), real)
        return F.normalize(self.melody_out(_mean(hidden, real)).float(), dim=-1)

    def embed_chords(self, chords: Tensor, real: Tensor) -> Tensor:
        """Unit vectors float32 [B, dim] of chord sequences, states [B, T]."""
        hidden = self.chord_encoder(self.chord_embedding(chords), real)
        return F.normalize(self.chord_out(_mean(hidden, real)).float(), dim=-1)

    def forward(self, melody: Tensor, chords: Tensor, real: Tensor) -> tuple[Tensor, Tensor]:
        """The unit vectors of both parts, float32 [B, dim]."""
        return self.embed_melody(melody, real), self.embed_chords(chords, real)

    def logits(self, melodies: Tensor, chords: Tensor) -> Tensor:
        """float32 [M, C], of unit vectors: row i asks which of the chords belong to melody i."""
        return self.log_scale.exp().clamp(max=100) * melodies @ chords.T

    def score(self, melody: Tensor, chords: Tensor, real: Tensor) -> Tensor:
        """Cosine similarity of each pair, [B], in -1..1."""
        return (self.embed_melody(melody, real) * self.embed_chords(chords, real)).sum(-1)

    def credit(self, melody: Tensor, chords: Tensor, real: Tensor, part: Voice = CHORDS) -> Tensor:
        """`score`, told by frame of one part: float32 [B, T] that sums to it."""
        if part == CHORDS:
            hidden = self.chord_out(self.chord_encoder(self.chord_embedding(chords), real))
            other = self.embed_melody(melody, real)
        else:
            hidden = self.melody_out(self.melody_encoder(self.melody_embedding(melody), real))
            other = self.embed_chords(chords, real)
        weights = real / real.sum(1, keepdim=True).clamp(min=1)
        vectors = hidden.float() * weights[..., None]
        length = vectors.sum(1).norm(dim=-1).clamp(min=1e-12)
        return (vectors @ other[..., None]).squeeze(-1) / length[:, None]


class DiscriminativeJudge(nn.Module):
    """One encoder over both parts, and how probably each frame's chord is the song's own.

    The papers ask one question of the whole window. Asked of every frame, of windows that are
    right in some places and wrong in others, a judge learns where, and its score is fine-grained.
    """

    kind = "discriminative"

    def __init__(self, config: JudgeConfig) -> None:
        super().__init__()
        self.config = config
        dim = config.transformer.dim
        embedding = RhythmEmbedding if config.rhythm else VoiceEmbedding
        self.melody_embedding = embedding(MELODY, dim)
        self.chord_embedding = embedding(CHORDS, dim)
        self.degree_embedding = None if config.rhythm else DegreeEmbedding(dim)
        self.encoder = Transformer(msgspec.structs.replace(config.transformer, causal=False))
        self.out = nn.Linear(dim, 1)

    def forward(self, melody: Tensor, chords: Tensor, real: Tensor) -> Tensor:
        """Logits float32 [B, T] that each frame's chord is real; states int64, real bool [B, T]."""
        x = self.melody_embedding(melody) + self.chord_embedding(chords)
        if self.degree_embedding:
            x = x + self.degree_embedding(melody, chords)
        return self.out(self.encoder(x, real)).float().squeeze(-1)

    def score(self, melody: Tensor, chords: Tensor, real: Tensor) -> Tensor:
        """The mean over frames of P(real), [B], in 0..1."""
        return self.credit(melody, chords, real).sum(1)

    def credit(self, melody: Tensor, chords: Tensor, real: Tensor, part: Voice = CHORDS) -> Tensor:
        """`score`, told by frame, which is that of both parts: float32 [B, T] that sums to it."""
        weights = real / real.sum(1, keepdim=True).clamp(min=1)
        return self(melody, chords, real).sigmoid() * weights


class GenerativeJudge(nn.Module):
    """Which notes the chords let one expect: an encoder of the chords, and twelve pitch classes.

    Its score is the mean over frames of P(note | chords), in units of chance. Merely being in key,
    or dense, does not raise it: probability that is spread over more notes is lower for each.
    """

    kind = "generative"

    def __init__(self, config: JudgeConfig) -> None:
        super().__init__()
        self.config = config
        dim = config.transformer.dim
        self.chord_embedding = VoiceEmbedding(CHORDS, dim)
        self.encoder = Transformer(msgspec.structs.replace(config.transformer, causal=False))
        self.out = nn.Linear(dim, PITCH_CLASSES)
        # What a kind of chord makes of its degrees is the same in all keys.
        self.degree = DegreeEmbedding(1)

    def forward(self, chords: Tensor, real: Tensor) -> Tensor:
        """Log-probabilities float32 [B, T, 12] of the note's pitch class; chord states [B, T]."""
        hidden = self.encoder(self.chord_embedding(chords), real)
        notes = MELODY.on(0) + torch.arange(PITCH_CLASSES, device=chords.device)
        logits = self.out(hidden).float() + self.degree(notes, chords[..., None]).squeeze(-1)
        return logits.log_softmax(-1)

    def worth(self, chords: Tensor, real: Tensor) -> Tensor:
        """What a note of each pitch class would score, and a rest, which scores 1: [B, T, 13]."""
        return F.pad(PITCH_CLASSES * self(chords, real).exp(), (0, 1), value=1.0)

    def score(self, melody: Tensor, chords: Tensor, real: Tensor) -> Tensor:
        """The mean over frames of 12 P(note), [B]: of chords that tell nothing, 1."""
        return self.credit(melody, chords, real).sum(1)

    def credit(
        self,
        melody: Tensor,
        chords: Tensor,
        real: Tensor,
        part: Voice = CHORDS,
        *,
        contrast: float = 0.0,
    ) -> Tensor:
        """`score`, told by frame, which is that of both parts: float32 [B, T] that sums to it.

        Less `contrast` times what the same note would score at any time of the window.
        """
        weights = (real / real.sum(1, keepdim=True).clamp(min=1))[..., None]
        worth = self.worth(chords, real)
        worth = weights * (worth - contrast * (weights * worth).sum(1, keepdim=True))
        return worth.gather(-1, pitch_classes(melody)[..., None]).squeeze(-1)


Judge = ContrastiveJudge | DiscriminativeJudge | GenerativeJudge

JUDGES: dict[str, type[Judge]] = {
    judge.kind: judge for judge in (ContrastiveJudge, DiscriminativeJudge, GenerativeJudge)
}
"""By kind, which names and checkpoints of judges begin with."""


def pitch_classes(melody: Tensor) -> Tensor:
    """Pitch classes int64 of melody states, 12 where no note sounds."""
    return torch.where(MELODY.sounds(melody), MELODY.symbol(melody) % PITCH_CLASSES, PITCH_CLASSES)


class Discriminator(nn.Module):
    """GAPT's co-evolving D: how probably a part comes from the data (section 4).

    The paper's D answers once for the whole part, which it reads alone: hearing the other too, it
    overfits and does worse (arXiv 2511.17879, table 2). Ours answers for every frame, as the
    discriminative judge does, and its reward is the mean over frames. So it overfits less, and
    `hears_both` makes of it a judge of coherence who cannot be fooled for long.
    """

    def __init__(
        self, config: TransformerConfig, *, part: Voice = CHORDS, hears_both: bool
    ) -> None:
        super().__init__()
        parts = (MELODY, CHORDS) if hears_both else (part,)
        self.melody_embedding = VoiceEmbedding(MELODY, config.dim) if MELODY in parts else None
        self.chord_embedding = VoiceEmbedding(CHORDS, config.dim) if CHORDS in parts else None
        self.degree_embedding = DegreeEmbedding(config.dim) if hears_both else None
        self.encoder = Transformer(msgspec.structs.replace(config, causal=False))
        self.out = nn.Linear(config.dim, 1)

    def forward(self, melody: Tensor, chords: Tensor, real: Tensor) -> Tensor:
        """Logits float32 [B, T] that each frame of the part is real."""
        heard = (self.melody_embedding, melody), (self.chord_embedding, chords)
        x = torch.stack([embed(states) for embed, states in heard if embed]).sum(0)
        if self.degree_embedding:
            x = x + self.degree_embedding(melody, chords)
        return self.out(self.encoder(x, real)).float().squeeze(-1)

    def credit(self, melody: Tensor, chords: Tensor, real: Tensor) -> Tensor:
        """The mean of -log(1 - D), told by frame: float32 [B, T] that sums to it."""
        weights = real / real.sum(1, keepdim=True).clamp(min=1)
        return F.softplus(self(melody, chords, real)) * weights
