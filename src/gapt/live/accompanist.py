"""The accompanist: one session of a policy that hears a melody and says the next chord.

    accompanist = Accompanist.load(seed=0)
    for melody_state in melody:            # a state of `gapt.music.frames.MELODY` a frame
        play(accompanist.chord)            # decided before this frame's melody is known
        accompanist.step(melody_state)

Both players act at once: the chord of frame t was decided from frames before t. The cost of a step
does not grow with the session, however long it gets. Knows no clock and no sockets.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from gapt.live.models import DEFAULT_MODEL, OnnxPolicy, load_model, resolve_model
from gapt.music.frames import CHORDS, MELODY


def sample(logits: np.ndarray, temperature: float, uniform: float) -> int:
    """Draw an action from logits [actions] with one uniform number in [0, 1).

    Temperature 0 takes the likeliest. One number a draw, whatever the logits: two sessions with
    the same seed stay in step, which is what makes causality testable.
    """
    if temperature < 1e-6:
        return int(logits.argmax())
    scaled = (logits - logits.max()).astype(np.float64) / temperature
    cumulative = np.exp(scaled).cumsum()
    return int(np.searchsorted(cumulative, uniform * cumulative[-1], side="right"))


class Accompanist:
    """Plays chords along with a melody, frame by frame.

    Attributes:
        frame: the frame about to be played, from 0.
        chord: the chord state (`gapt.music.frames.CHORDS`) of that frame, already decided.
        temperature: of the sampling; 0 plays the likeliest chord. May be changed at any time.
    """

    def __init__(
        self, policy: OnnxPolicy, *, temperature: float = 1.0, seed: int | None = None
    ) -> None:
        self.policy = policy
        self.temperature = temperature
        self._random = np.random.default_rng(seed)
        self._keys, self._values = policy.empty_cache(1), policy.empty_cache(1)
        self.frame = 0
        self._melody = MELODY.start
        self.chord = self._decide(CHORDS.start)

    @classmethod
    def load(
        cls,
        model: str | Path = DEFAULT_MODEL,
        *,
        temperature: float = 1.0,
        seed: int | None = None,
    ) -> Accompanist:
        """A new session of a shipped model, by name, or of an exported one, by path.

        Raises:
            UserError: there is no such model, or it is not one of ours.
        """
        policy = load_model(resolve_model(model))
        return cls(policy, temperature=temperature, seed=seed)

    def step(self, melody: int) -> int:
        """Hear what the melody did in the current frame; go on to the next, and return its chord.

        Args:
            melody: a state of `gapt.music.frames.MELODY`.

        Raises:
            ValueError: no such state, or HOLD of a pitch that does not sound.
        """
        if not 0 <= melody < MELODY.num_states:
            raise ValueError(f"melody state {melody} is not in 0..{MELODY.num_states - 1}")
        if MELODY.is_hold(melody) and (
            not MELODY.sounds(self._melody) or MELODY.symbol(melody) != MELODY.symbol(self._melody)
        ):
            pitch = MELODY.symbol(melody)
            raise ValueError(f"melody holds pitch {pitch} at frame {self.frame} without an onset")
        self._melody = melody
        self.frame += 1
        self.chord = self._decide(self.chord)
        return self.chord

    def _decide(self, previous_chord: int) -> int:
        decision = self.policy.decide(
            np.array([self._melody]),
            np.array([previous_chord]),
            np.array([self.frame]),
            self._keys,
            self._values,
        )
        slot = self.frame % self.policy.reach
        self._keys[:, :, :, slot] = decision.new_keys
        self._values[:, :, :, slot] = decision.new_values
        action = sample(decision.chord_logits[0], self.temperature, self._random.random())
        return int(CHORDS.advance(previous_chord, action))
