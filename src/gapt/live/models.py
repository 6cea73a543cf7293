"""Models that play: finding them by name or path, and running them on ONNX Runtime.

A model is one ONNX graph that makes one step a frame (`gapt.models.export`). It keeps no state:
the cache belongs to whoever plays.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

# ONNX Runtime may write device ids to the home folder and report use; it reads this on import.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import onnxruntime

from gapt.errors import UserError, did_you_mean
from gapt.music.chords import VOCABULARY_ID
from gapt.weights import GRAPH_FORMAT, shipped, shipped_models


def resolve_model(name_or_path: str | Path) -> Path:
    """The ONNX file of a shipped model's name, or of a path.

    Raises:
        UserError: neither.
    """
    text = str(name_or_path)
    if text in shipped_models():
        return shipped(text)
    path = Path(text)
    if path.suffix != ".onnx" and path.name == text:
        raise UserError(
            f"no model is called '{text}'. {did_you_mean(text, shipped_models())} "
            "Or give the path of an .onnx file that 'gapt export' wrote."
        )
    if path.is_dir():
        raise UserError(
            f"{path} is a folder; of a run, 'gapt export {path} --out F.onnx' makes a model"
        )
    if not path.is_file():
        raise UserError(f"no model file at {path}; 'gapt export RUN --out F.onnx' makes one")
    if path.suffix != ".onnx":
        raise UserError(f"{path} is not an .onnx file; 'gapt export RUN --out F.onnx' makes one")
    return path


class Decision(NamedTuple):
    """One frame's decision.

    Attributes:
        chords, melody: the actions drawn, int64 [B].
        chord_logits, melody_logits: what they were drawn from, masked, float32 [B, actions].
        new: float32 [B, layers, 2, heads, size], for the frame's slot of the cache.
    """

    chords: np.ndarray
    melody: np.ndarray
    chord_logits: np.ndarray
    melody_logits: np.ndarray
    new: np.ndarray


class OnnxPolicy:
    """A policy on ONNX Runtime, one thread a call, safe to share between sessions and threads.

    Attributes:
        reach: frames of the past that a decision sees directly; a cache has as many slots.
        slots: how many sessions a step may be made for, at most.
    """

    def __init__(self, path: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(
                str(path),
                options,
                providers=["CPUExecutionProvider"],
                # It folds the attention's scale into the product of one query and the keys, which
                # then misses the kernel for one row: a step of eight would take 50 % longer.
                disabled_optimizers=["MatMulScaleFusion"],
            )
            about = json.loads(self._session.get_modelmeta().custom_metadata_map["gapt"])
        except Exception as error:  # ONNX Runtime has an exception class for each way to fail
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise UserError(f"{path} is not a model that gapt exported ({reason})") from None
        if about["vocabulary"] != VOCABULARY_ID:
            raise UserError(
                f"{path} was trained with chord vocabulary {about['vocabulary']}, but this version "
                f"of gapt has {VOCABULARY_ID}; export it again from weights of this version"
            )
        if about.get("format") != GRAPH_FORMAT:
            raise UserError(f"{path} was exported by another version of gapt; export it again")
        config = about["config"]
        self.reach: int = config["reach"]
        self.slots: int = about["slots"]
        self._layers: int = config["layers"]
        self._heads: int = config["heads"]
        self._size: int = config["dim"] // config["heads"]

    def slot_of(self, position: int) -> int:
        """Which of a cache's slots is the frame's at `position`: the first keeps its own."""
        return position if position < self.reach else (position - 1) % (self.reach - 1) + 1

    def empty_cache(self) -> np.ndarray:
        """Keys and values of a session that begins: float32 [layers, 2, 1, heads, reach, size]."""
        shape = (self._layers, 2, 1, self._heads, self.reach, self._size)
        return np.zeros(shape, dtype=np.float32)

    def decide(
        self,
        melody: np.ndarray,
        chords: np.ndarray,
        position: np.ndarray,
        struck: np.ndarray,
        temperatures: np.ndarray,
        chances: np.ndarray,
        caches: Sequence[np.ndarray],
    ) -> Decision:
        """The next frame of one session, or of as many as there are slots.

        Args:
            melody, chords: int64 [B], both players' states in the frame before.
            position: int64 [B], the frame to decide, from 0.
            struck: bool [B], where a chord is to be struck: no silence is drawn.
            temperatures: float64 [B, 2], of the chord's draw and of the melody's; at 0 the
                likeliest is taken.
            chances: float64 [B, 2] in [0, 1), the uniform numbers that they are drawn with.
            caches: of each session; see `empty_cache`.
        """
        inputs = {
            "melody": melody,
            "chords": chords,
            "position": position,
            "struck": struck,
            "temperatures": temperatures,
            "chances": chances,
        }
        for slot, cache in enumerate(caches):
            for layer, (keys, values) in enumerate(cache):
                inputs[f"keys.{layer}.{slot}"] = keys
                inputs[f"values.{layer}.{slot}"] = values
        return Decision(*self._session.run(None, inputs))


def load_model(path: Path) -> OnnxPolicy:
    """The model at `path`, loaded once a process unless the file changes.

    Raises:
        UserError: it is no model that this version of gapt has exported.
    """
    about = path.stat()
    return _load_model(path, about.st_mtime_ns, about.st_size)


@lru_cache(maxsize=8)
def _load_model(path: Path, changed: int, size: int) -> OnnxPolicy:
    return OnnxPolicy(path)
