"""A watch on reward hacking: what the policy plays to held-out melodies while it is trained.

A reward says what the policy has learnt to please; these measures, which it is not trained on, say
whether the music is still any good: harmony, and beside it how varied the chords are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch

from gapt.corpora.batches import held_out, stack
from gapt.corpora.store import Corpus
from gapt.evaluation.diversity import vendi
from gapt.models.anchor import PARTS
from gapt.models.judges import ContrastiveJudge, Judge
from gapt.models.policy import Policy
from gapt.models.rollout import draw_noise, rollout
from gapt.music.frames import CHORDS
from gapt.music.measures import MEASURES, Measure, Play, chord_counts
from gapt.training.recipes import PostTrainingRecipe

_MEASURES = (
    "harmony",
    "harmony_strict",
    "harmony_above_chance",
    "chord_entropy",
    "changes_per_bar",
    "onsets_on_beat",
    "pitch_classes_per_chord",
    "silent_share",
)

TOP_CHORDS = Measure(
    chord_counts,
    lambda counts: np.sort(counts, -1)[..., -3:].sum(-1) / np.maximum(counts.sum(-1), 1e-12),
)
"""The share of the sounding frames that the three commonest chords have."""


class Watch:
    """The same held-out melodies, and the same chance, each time."""

    def __init__(
        self, recipe: PostTrainingRecipe, corpus: Corpus, judges: Mapping[str, Judge]
    ) -> None:
        songs = held_out(corpus, recipe.mixture, recipe.validation_songs)
        self._truth = Play(*stack(songs, [0] * len(songs), recipe.frames))
        self._noise = draw_noise(0, len(songs), recipe.frames)
        self._part, self._temperature = PARTS[recipe.part], recipe.temperature
        self._share = recipe.diversity_alarm
        self._measures: dict[str, Measure] = {
            **{name: MEASURES[name] for name in _MEASURES},
            "top_chords": TOP_CHORDS,
        }
        for judge in judges.values():
            if isinstance(judge, ContrastiveJudge) and not judge.config.rhythm:
                self._measures["vendi"] = vendi(judge, self._part)
                break
        self._data = self._of(self._truth)

    def look(self, policy: Policy) -> dict[str, float]:
        """Let the policy play; what to log: `watch/<measure>`, and the data's `data/<measure>`."""
        device = next(policy.parameters()).device
        melody, chords, real = (torch.from_numpy(array).to(device) for array in self._truth)
        play = rollout(
            policy,
            melody,
            chords,
            real,
            self._noise,
            part=self._part,
            temperature=self._temperature,
        )
        played = self._of(Play(*(tensor.cpu().numpy() for tensor in play[:3])))
        return {
            **{f"watch/{name}": value for name, value in played.items()},
            **{f"data/{name}": value for name, value in self._data.items()},
        }

    def alarm(self, coherence: Sequence[float], seen: Mapping[str, float]) -> str | None:
        """In plain words, that coherence has risen at the cost of diversity; None if it has not.

        Risen by more than twice the standard error: an update's mean varies from batch to batch.

        Args:
            coherence: the mean coherence reward of every update so far.
            seen: what `look` returned.
        """
        few = max(1, min(10, len(coherence) // 2))
        first, last = np.array(coherence[:few]), np.array(coherence[-few:])
        rise, error = float(last.mean() - first.mean()), np.sqrt((first.var() + last.var()) / few)
        now = {name: seen[f"watch/{name}"] for name in self._data}
        left, data = self._variety(now), self._variety(self._data)
        what = min(left, key=lambda name: left[name] / data[name], default=None)
        if rise <= 2 * error or what is None or left[what] >= self._share * data[what]:
            return None
        words = (
            f"reward hacking: coherence has risen by {rise:.2f} while diversity has fallen to "
            f"{left[what] / data[what]:.0%} of the data's ({what} {left[what]:.2f} of "
            f"{data[what]:.2f})"
        )
        if self._part != CHORDS:
            return words
        return f"{words}; the three commonest chords sound {now['top_chords']:.0%} of the time"

    def _variety(self, measured: Mapping[str, float]) -> dict[str, float]:
        """Two numbers, as far as there are such: of songs that differ, and of chords."""
        variety = {"Vendi score": measured["vendi"]} if "vendi" in measured else {}
        if self._part == CHORDS:
            # Songs in different keys look different to a judge, however few chords each has.
            entropy = measured["chord_entropy"]
            variety["effective number of chords"] = 0.0 if np.isnan(entropy) else np.exp(entropy)
        return variety

    @staticmethod
    def note(seen: Mapping[str, float]) -> str:
        """What `look` returned, in short."""
        shown = ("harmony", "vendi", "changes_per_bar")
        values = {name: seen.get(f"watch/{name}", np.nan) for name in shown}
        return "  ".join(f"{name.replace('_', ' ')} {value:.2f}" for name, value in values.items())

    def _of(self, play: Play) -> dict[str, float]:
        return {name: measure.of(play) for name, measure in self._measures.items()}
