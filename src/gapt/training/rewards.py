"""What a rollout earns: coherence, rules, and realism (Wu et al., arXiv 2511.17879, section 4).

Each reward is a small object with a name and a weight. It gives float [B, T], placed where it was
earned, and the sum over a row is what the papers call the reward of a trajectory. Rows of a batch
know nothing of each other.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

import torch
from torch import Tensor

from gapt.errors import UserError
from gapt.models.judges import DiscriminativeJudge, Discriminator, GenerativeJudge, Judge
from gapt.models.rollout import Rollout
from gapt.music.frames import CHORDS, FRAMES_PER_BEAT, MELODY, Voice, other
from gapt.training.recipes import Ensemble

PUBLISHED_JUDGES = 8
"""How many the published coherence reward is the sum of."""

_BARS_LATER = (1, 3, 5)
"""Where else a part is tried. Odd numbers, for phrases mostly come again after an even one."""


class Reward(ABC):
    """One reward.

    Attributes:
        name: what logs call it.
        weight: its share in the sum.
    """

    name: str
    weight: float

    @abstractmethod
    def parts(self, play: Rollout) -> dict[str, Tensor]:
        """What it is the sum of, by name, each float32 [B, T]."""


class Coherence(Reward):
    """How well chords and melody belong together: the sum of the judges' scores.

    Wu et al. (arXiv 2511.17879, section 4.1), after ReaLchords (arXiv 2506.14723, section 4.3). The
    sum is scaled to that of eight judges, whatever their number and the ensemble's weights, so that
    the weights of rewards keep their meaning.

    Credit: the papers give a trajectory its score at its last decision. A score that is a mean over
    frames can be told by frame (`gapt.models.judges`), with the same sum; so the advantage of a
    chord need not wait 200 frames. That is ours.

    Contrast, ours too: chords in the right key, and dense ones, suit a melody at any time. So from
    what a discriminative judge says of a part, a share is subtracted of what it says, on average,
    of the same part against other bars of the other part; from what a generative judge says, a
    share of what it says of the same note at other times. What is left pays for following.
    """

    name = "coherence"

    def __init__(
        self,
        judges: Mapping[str, Judge],
        ensemble: Ensemble,
        weight: float,
        *,
        part: Voice,
        by_frame: bool,
        contrast: float = 0.0,
    ) -> None:
        self.judges, self.weight, self.part, self.by_frame = judges, weight, part, by_frame
        self.contrast = contrast
        shares = {name: _weight(ensemble, judge) for name, judge in judges.items()}
        if sum(shares.values()) <= 0:
            raise UserError(f"the ensemble gives no weight to any of {', '.join(judges)}")
        self.scales = {
            name: PUBLISHED_JUDGES * share / sum(shares.values())
            for name, share in shares.items()
            if share
        }

    def parts(self, play: Rollout) -> dict[str, Tensor]:
        """One of each judge."""
        credits = {
            name: scale * self._credit(self.judges[name], play)
            for name, scale in self.scales.items()
        }
        return _placed(credits, play.real, by_frame=self.by_frame)

    def _credit(self, judge: Judge, play: Rollout) -> Tensor:
        """What one judge says, told by frame: float32 [B, T]."""
        heard = play.melody, play.chords, play.real, self.part
        if isinstance(judge, GenerativeJudge):
            return judge.credit(*heard, contrast=self.contrast)
        credit = judge.credit(*heard)
        if self.contrast and isinstance(judge, DiscriminativeJudge) and not judge.config.rhythm:
            elsewhere = [
                judge.credit(later.melody, later.chords, later.real, self.part)
                for later in (_later(play, other(self.part), bars) for bars in _BARS_LATER)
            ]
            credit = credit - self.contrast * torch.stack(elsewhere).mean(0)
        return credit


def _later(play: Rollout, part: Voice, bars: int) -> Rollout:
    """The same with one part as it is `bars` of 4/4 later; after its end comes its beginning."""
    now = torch.arange(play.real.shape[1], device=play.real.device)
    then = (now + 4 * FRAMES_PER_BEAT * bars) % play.real.sum(1, keepdim=True).clamp(min=1)
    return play.with_part(part, part.strike(play.of(part).gather(1, then)))


def _weight(ensemble: Ensemble, judge: Judge) -> float:
    return getattr(ensemble, f"{judge.kind}_rhythm" if judge.config.rhythm else judge.kind)


class Adversarial(Reward):
    """Realism: -log(1 - D(y)), D being a co-evolving discriminator (section 4.2)."""

    name = "adversarial"

    def __init__(self, discriminator: Discriminator, weight: float, *, by_frame: bool) -> None:
        self.discriminator, self.weight, self.by_frame = discriminator, weight, by_frame

    def parts(self, play: Rollout) -> dict[str, Tensor]:
        """One, of D as it is."""
        self.discriminator.eval()
        credit = self.discriminator.credit(play.melody, play.chords, play.real)
        return _placed({"realism": credit}, play.real, by_frame=self.by_frame)


class Rules(Reward):
    """Penalties for what the judges do not see (Wu et al., arXiv 2511.17879, appendix).

    A melody may rest and repeat notes as it likes, so only `invalid` applies to it.

    silence: -0.1 in every frame without a chord, if those are more than `gaps` of the trajectory's
        frames (4 % as published); the first 8 frames are exempt. The papers count only frames in
        which a note sounds; then nothing is lost by being silent whenever the melody rests.
    repetition: -0.1 each time a chord is struck again, without another between, after the first
        `repeats` times (three as published: the fifth strike running costs).
    invalid: -10 for holding what does not sound. The policy's mask leaves no such action, so this
        stays 0; it is here to be logged. Nor can a policy stop early here.
    """

    name = "rules"

    def __init__(self, weight: float, *, part: Voice, gaps: float, repeats: int) -> None:
        self.weight, self.part, self.gaps, self.repeats = weight, part, gaps, repeats

    def parts(self, play: Rollout) -> dict[str, Tensor]:
        """The three."""
        invalid = -10.0 * (self.part.is_broken(play.of(self.part)) & play.real).float()
        if self.part == MELODY:
            return {"invalid": invalid}
        return {
            "silence": -0.1 * _gaps(play, self.gaps).float(),
            "repetition": -0.1 * _repeats(play, self.repeats).float(),
            "invalid": invalid,
        }


def _gaps(play: Rollout, allowed: float) -> Tensor:
    """bool [B, T]: frames to be penalised for silence."""
    silent = ~CHORDS.sounds(play.chords) & play.real
    silent[:, :8] = False
    too_many = silent.sum(1) > allowed * play.real.sum(1)
    return silent & too_many[:, None]


def _repeats(play: Rollout, allowed: int) -> Tensor:
    """bool [B, T]: where a chord is struck again, and has been `allowed` times already.

    Of the strikes C C C C C F C, with 3 allowed, the fifth.
    """
    struck = CHORDS.is_on(play.chords) & play.real
    nth = struck.cumsum(1)
    now = torch.arange(struck.shape[1], device=struck.device)
    latest = torch.where(struck, now, -1).cummax(1).values
    before = torch.cat([torch.full_like(latest[:, :1], -1), latest[:, :-1]], dim=1)
    symbol = CHORDS.symbol(play.chords)
    differs = (before < 0) | (symbol != symbol.gather(1, before.clamp(min=0)))
    first_of_run = torch.where(struck & differs, nth, 0).cummax(1).values
    return struck & (nth - first_of_run > allowed)


def _placed(credits: dict[str, Tensor], real: Tensor, *, by_frame: bool) -> dict[str, Tensor]:
    """Credits as they are, or all of a row at its last real frame."""
    if by_frame:
        return credits
    last = (real.sum(1, keepdim=True) - 1).clamp(min=0)
    return {
        name: torch.zeros_like(credit).scatter(1, last, credit.sum(1, keepdim=True))
        for name, credit in credits.items()
    }
