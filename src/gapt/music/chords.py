"""Chord symbols and the chord vocabulary.

A chord is a root, the intervals above it, and a bass. The vocabulary is every quality in
`QUALITIES` on every one of the twelve roots, so it is closed under transposition; index
`12 * quality + root` names a member. Names follow Harte et al., "Symbolic Representation of Musical
Chords" (ISMIR 2005), as `mir_eval` reads them; on screen chords are spelled as on lead sheets.

Knows nothing of time: `gapt.music.frames` does.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

import numpy as np

_LETTERS = "CDEFGAB"
_LETTER_PITCH = dict(zip(_LETTERS, (0, 2, 4, 5, 7, 9, 11), strict=True))

# The scale degree that each interval is written as when it is a bass: a third in Cm/Eb and C/E.
_BASS_DEGREE = (1, 2, 2, 3, 3, 4, 5, 5, 5, 6, 7, 7)

_MAJOR_ROOTS = ("C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
_MINOR_ROOTS = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "G#", "A", "Bb", "B")


@dataclass(frozen=True, slots=True)
class Quality:
    """One column of the vocabulary: a Harte shorthand, its lead-sheet suffix, and its intervals."""

    harte: str
    suffix: str
    intervals: tuple[int, ...]
    bass: int = 0


def _quality(harte: str, suffix: str, intervals: str, bass: int = 0) -> Quality:
    return Quality(harte, suffix, tuple(int(i) for i in intervals.split()), bass)


# Added notes are written within the octave (2 for 9): mir_eval drops those beyond it.
# Ordered roughly by how common they are in lead sheets: the order breaks ties in `nearest`.
# Together they cover 99 % of the chord changes of the training corpora.
QUALITIES: tuple[Quality, ...] = (
    _quality("maj", "", "0 4 7"),
    _quality("min", "m", "0 3 7"),
    _quality("min7", "m7", "0 3 7 10"),
    _quality("7", "7", "0 4 7 10"),
    _quality("maj7", "maj7", "0 4 7 11"),
    _quality("maj/3", "", "0 4 7", bass=4),
    _quality("maj/5", "", "0 4 7", bass=7),
    _quality("min/b3", "m", "0 3 7", bass=3),
    _quality("min/5", "m", "0 3 7", bass=7),
    _quality("sus4", "sus4", "0 5 7"),
    _quality("sus2", "sus2", "0 2 7"),
    _quality("maj(2)", "add9", "0 2 4 7"),
    _quality("dim", "dim", "0 3 6"),
    _quality("hdim7", "m7b5", "0 3 6 10"),
    _quality("sus4(b7)", "7sus4", "0 5 7 10"),
    _quality("7/3", "7", "0 4 7 10", bass=4),
    _quality("7/5", "7", "0 4 7 10", bass=7),
    _quality("7/b7", "7", "0 4 7 10", bass=10),
    _quality("min7/b7", "m7", "0 3 7 10", bass=10),
    _quality("maj7/7", "maj7", "0 4 7 11", bass=11),
    _quality("maj7/3", "maj7", "0 4 7 11", bass=4),
    _quality("maj6", "6", "0 4 7 9"),
    _quality("min6", "m6", "0 3 7 9"),
    _quality("min7(2)", "m9", "0 2 3 7 10"),
    _quality("maj7(2)", "maj9", "0 2 4 7 11"),
    _quality("7(2)", "9", "0 2 4 7 10"),
    _quality("min(2)", "m(add9)", "0 2 3 7"),
    _quality("dim7", "dim7", "0 3 6 9"),
    _quality("aug", "aug", "0 4 8"),
    _quality("aug(b7)", "7#5", "0 4 8 10"),
    _quality("aug(7)", "maj7#5", "0 4 8 11"),
    _quality("minmaj7", "m(maj7)", "0 3 7 11"),
    _quality("5", "5", "0 7"),
    _quality("7(2,4)", "11", "0 2 4 5 7 10"),
    _quality("min7(2,4)", "m11", "0 2 3 5 7 10"),
    _quality("7(2,4,6)", "13", "0 2 4 5 7 9 10"),
    _quality("7(6)", "7(13)", "0 4 7 9 10"),
    _quality("maj7(6)", "maj7(13)", "0 4 7 9 11"),
    _quality("sus4(2)", "sus2sus4", "0 2 5 7"),
    _quality("sus4(b7,2)", "9sus4", "0 2 5 7 10"),
    _quality("sus2(b7)", "7sus2", "0 2 7 10"),
    _quality("sus2(7)", "maj7sus2", "0 2 7 11"),
    _quality("min7(4)", "m7(11)", "0 3 5 7 10"),
    _quality("maj(4)", "add11", "0 4 5 7"),
    _quality("min(4)", "m(add11)", "0 3 5 7"),
    _quality("maj6(2)", "6(9)", "0 2 4 7 9"),
    _quality("min6(2)", "m6(9)", "0 2 3 7 9"),
    _quality("7(b2)", "7b9", "0 1 4 7 10"),
    _quality("7(#2)", "7#9", "0 3 4 7 10"),
    _quality("7(#4)", "7#11", "0 4 6 7 10"),
    _quality("7(b6)", "7b13", "0 4 7 8 10"),
    _quality("7(*5,b5)", "7b5", "0 4 6 10"),
    _quality("maj7(#4)", "maj7#11", "0 4 6 7 11"),
    _quality("sus4(*4,#4)", "sus#4", "0 6 7"),
    _quality("1", "(1)", "0"),
)

NUM_CHORDS = 12 * len(QUALITIES)


@dataclass(frozen=True, slots=True)
class Chord:
    """A chord, in the vocabulary or not.

    Attributes:
        root: pitch class, 0 = C.
        intervals: pitch classes above the root, ascending, 0 always among them.
        bass: the lowest note, as an interval above the root; need not be one of `intervals`.
    """

    root: int
    intervals: tuple[int, ...]
    bass: int = 0

    @staticmethod
    def of(root: int, intervals: Iterable[int], bass: int = 0) -> Chord:
        """A chord from any integers: folded into one octave, sorted, the root added."""
        folded = tuple(sorted({0, *(i % 12 for i in intervals)}))
        return Chord(root % 12, folded, bass % 12)

    @property
    def pitch_classes(self) -> frozenset[int]:
        """All sounding pitch classes, the bass's among them."""
        return frozenset((self.root + i) % 12 for i in (*self.intervals, self.bass))


def chord_at(index: int) -> Chord:
    """The vocabulary's chord `index`; raises IndexError outside 0..NUM_CHORDS - 1."""
    if not 0 <= index < NUM_CHORDS:
        raise IndexError(f"chord index {index} is not in 0..{NUM_CHORDS - 1}")
    quality = QUALITIES[index // 12]
    return Chord(index % 12, quality.intervals, quality.bass)


def nearest(chord: Chord) -> tuple[int, bool]:
    """The vocabulary index nearest to `chord`, and whether its pitch classes are the same.

    Nearest by the number of pitch classes that differ; among equals the same root wins, then the
    same bass, then the commoner quality. Commutes with transposition.
    """
    quality, shift, exact = _nearest_on_c(chord.intervals, chord.bass)
    return 12 * quality + (chord.root + shift) % 12, exact


@cache
def _nearest_on_c(intervals: tuple[int, ...], bass: int) -> tuple[int, int, bool]:
    wanted = Chord(0, intervals, bass).pitch_classes

    def distance(candidate: tuple[int, int]) -> tuple[int, bool, bool, int, int]:
        quality, shift = candidate
        member = chord_at(12 * quality + shift)
        differing = len(wanted ^ member.pitch_classes)
        other_bass = (member.root + member.bass) % 12 != bass
        return differing, shift != 0, other_bass, quality, shift

    best = min(((q, s) for q in range(len(QUALITIES)) for s in range(12)), key=distance)
    return *best, distance(best)[0] == 0


def _tone_table() -> np.ndarray:
    table = np.zeros((NUM_CHORDS, 12), dtype=bool)
    for index in range(NUM_CHORDS):
        table[index, list(chord_at(index).pitch_classes)] = True
    table.setflags(write=False)
    return table


CHORD_TONES = _tone_table()
"""bool [NUM_CHORDS, 12]: whether a pitch class sounds in a chord."""


# --- names ---------------------------------------------------------------------------------------


def _root_name(index: int, *, minor: bool) -> str:
    return (_MINOR_ROOTS if minor else _MAJOR_ROOTS)[index % 12]


def _parse_note(name: str) -> int:
    return (_LETTER_PITCH[name[0]] + name.count("#") - name.count("b")) % 12


def _above(root_name: str, interval: int) -> str:
    """The bass note an interval above a named root: ("D", 4) -> "F#", ("F#", 3) -> "A"."""
    letter = _LETTERS[(_LETTERS.index(root_name[0]) + _BASS_DEGREE[interval] - 1) % 7]
    accidental = (_parse_note(root_name) + interval - _LETTER_PITCH[letter] + 6) % 12 - 6
    return letter + ("#" * accidental if accidental > 0 else "b" * -accidental)


def harte_name(index: int) -> str:
    """The chord in Harte syntax, e.g. "A:min7", "F:maj/5"."""
    quality = QUALITIES[index // 12]
    # 7(#2) is not minor, but VOCABULARY_ID is made of these names.
    return f"{_root_name(index, minor=3 in quality.intervals)}:{quality.harte}"


def lead_sheet_name(index: int) -> str:
    """The chord as a lead sheet spells it, e.g. "Am7", "F/C"."""
    quality = QUALITIES[index // 12]
    root = _root_name(index, minor=3 in quality.intervals and 4 not in quality.intervals)
    name = root + quality.suffix
    return name if not quality.bass else f"{name}/{_above(root, quality.bass)}"


CHORD_NAMED = {lead_sheet_name(index): index for index in range(NUM_CHORDS)}
"""The vocabulary's chords by these names."""

VOCABULARY_ID = hashlib.sha256(
    " ".join(harte_name(i) for i in range(NUM_CHORDS)).encode()
).hexdigest()[:12]
"""Names this vocabulary in corpora and checkpoints, so that another one is refused."""

_HARTE_INTERVALS = {q.harte: q.intervals for q in QUALITIES if not q.bass}
_HARTE = re.compile(r"^(?P<root>[A-G][#b]*)(?::(?P<rest>[^/]*))?(?:/(?P<bass>[#b]*\d+))?$")


def parse_harte(text: str) -> Chord | None:
    """Read a Harte label such as "A:min7", "C:maj/3"; None for "N" and "X" (no chord).

    Raises:
        ValueError: the text is no Harte label, or its shorthand is not in `QUALITIES`.
    """
    label = text.strip()
    if label in ("N", "X"):
        return None
    match = _HARTE.match(label)
    intervals = _HARTE_INTERVALS.get(match["rest"] or "maj") if match else None
    if match is None or intervals is None:
        raise ValueError(f"'{text}' is not a chord label in Harte syntax")
    return Chord.of(_parse_note(match["root"]), intervals, _degree(match["bass"] or "1"))


def _degree(text: str) -> int:
    """Semitones of a scale degree: "b3" -> 3, "9" -> 2."""
    number = text.lstrip("#b")
    natural = (0, 2, 4, 5, 7, 9, 11)[(int(number) - 1) % 7]
    return (natural + text.count("#") - text.count("b")) % 12
