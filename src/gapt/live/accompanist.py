"""The accompanist: one session of a policy that hears a melody and says the next chord.

    accompanist = Accompanist.load(seed=0)
    for melody_state in melody:            # a state of `gapt.music.frames.MELODY` a frame
        play(accompanist.chord)            # decided before this frame's melody is known
        accompanist.step(melody_state)

Both players act at once: the chord of frame t was decided from frames before t. It can plan more
than that one frame: it imagines how the melody goes on, with its own melody head, and what it
would play to that. When the melody goes another way, the plan beyond what is committed is thrown
away and made again from what was really heard (ReaLJam, arXiv 2502.21267, section 3).

Chance is drawn once a frame and kept. So a plan that is made again changes only where the music
changes; and with one frame committed, what is played does not depend on how far is planned.

The cost of a step does not grow with the session, however long it gets. Knows no clock, no sockets
and no threads.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TypedDict, Unpack

import numpy as np

from gapt.live.context import Context, Step, decide
from gapt.live.models import OnnxPolicy, load_model, resolve_model
from gapt.music.chords import lead_sheet_name
from gapt.music.frames import CHORDS, FRAMES_PER_BEAT, HOLD, MELODY, SILENCE, Voice
from gapt.weights import DEFAULT_MODEL

_KEPT = 1024
"""Frames that are remembered: more than twice any policy's reach and any plan."""
_MAX_LOOKAHEAD = _KEPT // 2

_IMAGINATION_TEMPERATURE = 0.5
"""Of the melody that a plan imagines. At lower temperatures it comes true more often, and plans are
made again less: with 8 frames planned a frame of OpenEWLD takes 2.3 model steps at 0.5, 2.7 at 1,
and 2.2 at 0, which always imagines the same. Harmony with 4 or 16 frames committed does not tell
them apart (24 songs, 192 frames)."""


class _Chance:
    """One uniform number a frame, the same however often it is asked for."""

    def __init__(self, random: np.random.Generator) -> None:
        self._random = random
        self._numbers = [0.0] * _KEPT
        self._drawn = 0

    def at(self, frame: int) -> float:
        while self._drawn <= frame:
            self._numbers[self._drawn % _KEPT] = self._random.random()
            self._drawn += 1
        return self._numbers[frame % _KEPT]


class Settings(TypedDict, total=False):
    """What an `Accompanist` may be told."""

    temperature: float
    seed: int | None
    lookahead: int
    commit: int
    listen: int


class Accompanist:
    """Plays chords along with a melody, frame by frame.

    Attributes:
        frame: the frame about to be played, from 0, which is on a beat: how many have been heard.
        committed: chords of frames before this one are final.
        late: how many frames were heard before their chord was decided; the chord before was held.
        temperature: of the sampling; 0 plays the likeliest chord.
        lookahead: frames, from `frame` on, that are planned; at most 512.
        commit: how many of them are final: 1 to `lookahead`.
        listen: in frames; chords are silent until the first multiple of it after the melody's first
            note, and one is struck then. 0: it plays from the first frame on.

    `set` changes `temperature`, `lookahead` and `commit` at any time; `replan` lets them count for
    what is planned already but not committed.
    """

    temperature: float
    lookahead: int
    commit: int

    def __init__(
        self,
        policy: OnnxPolicy,
        *,
        temperature: float = 1.0,
        seed: int | None = None,
        lookahead: int = 1,
        commit: int = 1,
        listen: int = 0,
    ) -> None:
        self.set(temperature=temperature, lookahead=lookahead, commit=commit)
        self.listen = listen
        # The frame before which chords are silent, and in which one has to be struck.
        self._entry = math.inf if listen else -1
        self.frame = self.committed = self.late = 0
        self._context = Context(policy)
        self._incoming: Context | None = None
        random = np.random.default_rng(seed)
        self._chord_chance, self._melody_chance = _Chance(random), _Chance(*random.spawn(1))
        # The states of frame t are at t modulo _KEPT: the past, and then the plan.
        self._melody = [MELODY.start] * _KEPT
        self._chords = [CHORDS.start] * _KEPT

    @classmethod
    def load(
        cls,
        model: str | Path = DEFAULT_MODEL,
        **settings: Unpack[Settings],
    ) -> Accompanist:
        """A new session of a shipped model, by name, or of an exported one, by path.

        Args:
            model: which.
            settings: as of `Accompanist`.

        Raises:
            UserError: there is no such model, or it is not one of ours.
        """
        return cls(load_model(resolve_model(model)), **settings)

    def set(
        self,
        *,
        temperature: float | None = None,
        lookahead: int | None = None,
        commit: int | None = None,
    ) -> None:
        """Change settings; None leaves one as it is.

        Raises:
            ValueError: one cannot be; then none is changed.
        """
        temperature = self.temperature if temperature is None else temperature
        lookahead = self.lookahead if lookahead is None else lookahead
        commit = self.commit if commit is None else commit
        if not 1 <= lookahead <= _MAX_LOOKAHEAD:
            raise ValueError(f"lookahead is {lookahead}, which is not in 1..{_MAX_LOOKAHEAD}")
        if not 1 <= commit <= lookahead:
            raise ValueError(f"commit is {commit}, which is not in 1..{lookahead} (lookahead)")
        if not temperature >= 0:
            raise ValueError(f"temperature is {temperature}, which is not 0 or more")
        self.temperature, self.lookahead, self.commit = temperature, lookahead, commit

    @property
    def policy(self) -> OnnxPolicy:
        """Who decides."""
        return self._context.policy

    @property
    def chord(self) -> int:
        """The chord state (`gapt.music.frames.CHORDS`) of `frame`."""
        while not self.decided:
            advance([self])
        return self._chords[self.frame % _KEPT]

    @property
    def decided(self) -> bool:
        """Whether all is committed that should be."""
        return self.committed >= self.frame + self.commit

    @property
    def plan(self) -> list[int]:
        """Chord states from `frame` on, as far as they are planned; the first are committed."""
        planned = min(self._context.frame, self.frame + self.lookahead)
        end = max(planned, self.committed)
        return [self._chords[frame % _KEPT] for frame in range(self.frame, end)]

    def step(self, melody: int) -> int:
        """Hear what the melody did in the current frame; plan, and return the next frame's chord.

        Args:
            melody: a state of `gapt.music.frames.MELODY`.

        Raises:
            ValueError: no such state, or HOLD of a pitch that does not sound.
        """
        self.think()  # nobody may have asked for the first chord yet
        self.hear(melody)
        self.think()
        return self._chords[self.frame % _KEPT]

    def hear(self, melody: int, chord: int | None = None) -> int:
        """Take in what happened in the current frame, and go on to the next. Decides nothing.

        Args:
            melody: a state of `gapt.music.frames.MELODY`.
            chord: what sounded, if not the chord that was decided. If none was, the one before is
                held.

        Returns:
            The chord state that sounded.

        Raises:
            ValueError: no such states, or HOLD of what does not sound.
        """
        here = self.frame % _KEPT
        _check("melody", MELODY, melody, self._melody[here - 1], self.frame)
        if chord is not None:
            _check("chord", CHORDS, chord, self._chords[here - 1], self.frame)
        if self.frame >= self.committed:
            self.late += 1
            self.committed = self.frame + 1
            if chord is None:
                chord = int(CHORDS.advance(self._chords[here - 1], HOLD))
        as_imagined = self._melody[here] == melody
        self._melody[here] = melody
        if chord is not None and chord != self._chords[here]:
            as_imagined = False
            self._chords[here] = chord
            self._strike_what_cannot_be_held()
        if self._entry == math.inf and MELODY.sounds(melody):
            self._entry = first_chord(self.frame, self.listen)
            as_imagined = False  # whatever is planned is silent
        if self.frame == self._entry and not CHORDS.sounds(self._chords[here]):
            self._entry += 1  # it came too late, or was lost: the next is to be struck
        self.frame += 1
        if not as_imagined:
            self._context.rewind(self.frame)
        self._context.confirm(self.frame)
        self._context = self._in_time(self._context)
        if self._incoming is not None:
            self._incoming = self._in_time(self._incoming)
        self._commit()
        return self._chords[here]

    def _strike_what_cannot_be_held(self) -> None:
        """After another chord than planned, a committed HOLD may have nothing to hold."""
        now, after = self.frame % _KEPT, (self.frame + 1) % _KEPT
        planned = self._chords[after]
        if self.committed > self.frame + 1 and not _follows(CHORDS, planned, self._chords[now]):
            self._chords[after] = CHORDS.on(int(CHORDS.symbol(planned)))

    def think(self) -> None:
        """Decide and plan all that is to be."""
        while self.due:
            advance([self])

    def replan(self) -> None:
        """Throw away what is planned but not committed."""
        self._context.rewind(self.committed)

    def switch(self, policy: OnnxPolicy) -> None:
        """Let another policy decide, as soon as it has heard the last beats (within its reach).

        Until then the present one goes on.
        """
        self._incoming = self._within_reach(policy)
        self._enter()

    def _in_time(self, context: Context) -> Context:
        """The context, or one that skips what it is about to forget unread: very much was told."""
        behind = self.frame - context.frame
        return context if behind <= _KEPT // 2 else self._within_reach(context.policy)

    def _within_reach(self, policy: OnnxPolicy) -> Context:
        """A context that has yet to read the last beats."""
        beats_missed = -(-max(0, self.frame - policy.reach) // FRAMES_PER_BEAT)
        return Context(policy, beats_missed * FRAMES_PER_BEAT)

    @property
    def switching(self) -> bool:
        """Whether another policy is still catching up."""
        return self._incoming is not None

    @property
    def due(self) -> Step | None:
        """The model step to make next: for a decision, else for a new policy, else for the plan."""
        context = self._context
        if self.decided and self._incoming is not None:
            context = self._incoming
        elif context.frame >= self.frame + self.lookahead:
            return None
        before = (context.frame - 1) % _KEPT
        frame = context.frame
        begins = frame == context.first
        return Step(
            context,
            MELODY.start if begins else self._melody[before],
            CHORDS.start if begins else self._chords[before],
            imagined=frame > self.frame,
            # A policy that has heard itself be silent for long would stay so.
            struck=frame == self._entry,
            temperatures=(self.temperature, _IMAGINATION_TEMPERATURE),
            chances=(self._chord_chance.at(frame), self._melody_chance.at(frame)),
        )

    def take(self, step: Step, chord: int, melody: int) -> None:
        """Go on from a step that `due` asked for, with the actions drawn from it."""
        if step.context is not self._context:
            self._enter()
            return
        frame = step.context.frame - 1
        here = frame % _KEPT
        if frame >= self.committed:
            silent = frame < self._entry
            self._chords[here] = SILENCE if silent else CHORDS.advance(step.chord, chord)
        if frame >= self.frame:
            self._melody[here] = MELODY.advance(step.melody, melody)
        self._commit()

    def _commit(self) -> None:
        reached = min(self._context.frame, self.frame + self.commit)
        self.committed = max(self.committed, reached)

    def _enter(self) -> None:
        """Let the incoming policy take over once it has caught up."""
        if self._incoming is not None and self._incoming.frame == self.frame:
            self._context, self._incoming = self._incoming, None


def first_chord(note: int, listen: int) -> int:
    """The frame of the first chord where the melody's first note is in frame `note`."""
    return (note // listen + 1) * listen


def advance(accompanists: Sequence[Accompanist]) -> None:
    """Make the step that is due, if any, for each of several accompanists, all of one policy."""
    due = [(accompanist, step) for accompanist in accompanists if (step := accompanist.due)]
    for (accompanist, step), actions in zip(due, decide([s for _, s in due]), strict=True):
        accompanist.take(step, *actions)


def _follows(voice: Voice, state: int, before: int) -> bool:
    """Whether `state` may come after `before`: HOLD only continues what sounds."""
    if not voice.is_hold(state):
        return True
    return bool(voice.sounds(before)) and voice.symbol(before) == voice.symbol(state)


def _check(what: str, voice: Voice, state: int, before: int, frame: int) -> None:
    if int(state) != state:
        raise ValueError(f"{what} state {state} is no whole number")
    if not 0 <= state < voice.num_states:
        raise ValueError(f"{what} state {state} is not in 0..{voice.num_states - 1}")
    if not _follows(voice, state, before):
        symbol = int(voice.symbol(state))
        name = lead_sheet_name(symbol) if voice == CHORDS else f"pitch {symbol}"
        raise ValueError(f"{what} holds {name} at frame {frame}, but it did not sound before")
