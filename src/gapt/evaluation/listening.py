"""Listening: what systems played, as sound. pretty_midi sings it; nothing is downloaded."""

from __future__ import annotations

import re
import wave
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from pretty_midi import PrettyMIDI

from gapt.files import replacing
from gapt.music.frames import Frames, decode
from gapt.music.measures import Play
from gapt.music.midi import MelodyFile, write

_RATE = 44_100  # samples a second


def render(folder: Path, plays: Mapping[str, Sequence[Play]], count: int) -> None:
    """Write `count` songs under each system as `SONG-SYSTEM.wav`, with the MIDI files they are of.

    Args:
        folder: made if `count` is not 0.
        plays: by system; the first play of each is heard.
        count: songs, evenly spaced through those that were played.
    """
    for name, (play, *_) in plays.items():
        system = re.sub(r"\W+", "-", name).strip("-")
        songs = len(play.melody)
        for number in range(min(count, songs)):
            song = number * songs // count
            real = play.real[song]
            frames = Frames(play.melody[song][real], play.chords[song][real])
            path = folder / f"{number + 1}-{system}.mid"
            write(path, MelodyFile(decode(frames).notes), frames.chords)
            _write_wav(path.with_suffix(".wav"), synthesize(path))


def synthesize(path: Path) -> np.ndarray:
    """A MIDI file of a melody and chords as floats [samples] in -1..1, 44,100 a second."""
    parts = [
        instrument.synthesize(fs=_RATE, wave=_flute if instrument.name == "Melody" else _piano)
        for instrument in PrettyMIDI(str(path)).instruments
    ]
    sound = np.zeros(max((len(part) for part in parts), default=0))
    for part in parts:
        sound[: len(part)] += part
    return 0.9 * sound / max(np.abs(sound).max(initial=0.0), 1e-9)


def _flute(phase: np.ndarray) -> np.ndarray:
    return np.sin(phase) + 0.3 * np.sin(2 * phase) + 0.1 * np.sin(3 * phase)


def _piano(phase: np.ndarray) -> np.ndarray:
    """An electric one; the overtones die away before the tone does."""
    fade = np.exp(-np.linspace(0, len(phase) / _RATE, len(phase)) * 4)
    return 0.7 * (np.sin(phase) + fade * (0.4 * np.sin(2 * phase) + 0.2 * np.sin(4 * phase)))


def _write_wav(path: Path, sound: np.ndarray) -> None:
    with replacing(path) as temporary, wave.open(str(temporary), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(_RATE)
        file.writeframes((sound * 32767).astype("<i2").tobytes())
