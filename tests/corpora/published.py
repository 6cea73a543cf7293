"""The published formats in miniature, written out by hand: what the readers' tests read."""

import io
import json
import zipfile
from pathlib import Path

import mido


def hooktheory(path: Path) -> Path:
    """A song of the rebuilt schema, one of the full schema, and two that cannot be used."""
    plain = {
        "split": "TRAIN",
        "tags": ["MELODY", "HARMONY"],
        "annotations": {
            "num_beats": 4,
            "melody": [
                {"onset": 0.0, "offset": 1.0, "octave": 0, "pitch_class": 4},
                {"onset": 1.5, "offset": 2.0, "octave": -1, "pitch_class": 11},
            ],
            "harmony": [
                _harmony(0.0, 2.0, 0, [4, 3], 1),
                _harmony(2.0, 3.0, 9, [3, 4, 3], 0),
            ],
        },
    }
    # A published entry has more, and may begin with bars in which nothing sounds.
    full = {
        "split": "VALID",
        "tags": ["AUDIO_AVAILABLE", "MELODY", "HARMONY"],
        "hooktheory": {"id": "b", "artist": "nobody", "song": "nothing", "urls": {"song": "x"}},
        "youtube": {"id": "y", "duration": 1.5},
        "alignment": {"user": {"beats": [0, 1], "times": [0.0, 0.5]}, "refined": None},
        "annotations": {
            "num_beats": 9,
            "meters": [{"beat": 0, "beats_per_bar": 3, "beat_unit": 4}],
            "keys": [
                {"beat": 0, "tonic_pitch_class": 7, "scale_degree_intervals": [2, 2, 1, 2, 2, 2]}
            ],
            "melody": [{"onset": 7.0, "offset": 8.0, "octave": 1, "pitch_class": 0}],
            "harmony": [_harmony(6.5, 9.0, 7, [4, 3, 3], 3)],
        },
    }
    mute = {**plain, "split": "TEST", "annotations": {"num_beats": 4, "melody": None}}
    wrong = json.loads(json.dumps(plain))
    wrong["annotations"]["harmony"][0]["inversion"] = 3
    path.write_text(json.dumps({"a": plain, "b": full, "c": mute, "d": wrong}))
    return path


def _harmony(onset: float, offset: float, root: int, intervals: list[int], inversion: int) -> dict:
    return {
        "onset": onset,
        "offset": offset,
        "root_pitch_class": root,
        "root_position_intervals": intervals,
        "inversion": inversion,
    }


def pop909(root: Path) -> Path:
    """One song of two bars; the second is twice as fast. The melody enters on beat 3."""
    song = root / "POP909-Dataset-master" / "POP909" / "007"
    (song / "versions").mkdir(parents=True)
    midi = mido.MidiFile(ticks_per_beat=480)
    # 60 BPM for 1 s, then 120: the seconds below hold only if tempo changes are heeded.
    tempo = mido.MidiTrack(
        [
            mido.MetaMessage("set_tempo", tempo=1_000_000, time=0),
            mido.MetaMessage("set_tempo", tempo=500_000, time=480),
        ]
    )
    melody = mido.MidiTrack(
        [
            mido.MetaMessage("track_name", name="MELODY"),
            # 1 s + 480 ticks at 120 BPM = 1.5 s; 240 ticks more are 0.25 s.
            mido.Message("note_on", note=64, velocity=80, time=960),
            mido.Message("note_on", note=64, velocity=0, time=480),
            mido.Message("note_on", note=67, velocity=80, time=0),
            mido.Message("note_off", note=67, time=240),
        ]
    )
    piano = mido.MidiTrack(
        [
            mido.MetaMessage("track_name", name="PIANO"),
            mido.Message("note_on", note=40, velocity=80, time=0),
            mido.Message("note_off", note=40, time=960),
        ]
    )
    midi.tracks += [tempo, melody, piano]
    midi.save(song / "007.mid")
    midi.save(song / "versions" / "007-v1.mid")
    times = [0.0, 0.5, 1.0, 1.5, 2.0, 2.25, 2.5, 2.75, 3.0]
    (song / "beat_midi.txt").write_text(
        "".join(f"{t} {float(i % 2 == 0)} {float(i % 4 == 0)}\n" for i, t in enumerate(times))
    )
    (song / "chord_midi.txt").write_text("0.0\t2.0\tN\n2.0\t2.5\tA:min7\n2.5\t3.0\tF:maj/3\n")
    return root / "POP909-Dataset-master"


TUNEBOOK = """\
X: 1
T:Pickup and repeat
% Nottingham Music Database
M:3/4
K:G
L:1/4
|:D|"G"G2B|[1"D7/f+"A2:|[2"Em""C"E-E3/2z/2||

X: 2
T:No chords
M:4/4
K:C
L:1/4
CDEF|GABc|

X: 4
T:Suffixes
M:4/4
L:1/4
K:C
"Cd"C2"Ca"C2|"Bb/d"B,2"(Am7)"A,2|
"""


def nottingham(root: Path) -> Path:
    """Three tunes; the second has no chords."""
    folder = root / "nottingham-dataset-master" / "ABC_cleaned"
    folder.mkdir(parents=True)
    (folder / "jigs.abc").write_text(TUNEBOOK)
    return root / "nottingham-dataset-master"


MUSICXML = """<?xml version="1.0" encoding="UTF-8"?>
<score-partwise version="3.0">
 <part-list><score-part id="P1"><part-name>Lead</part-name></score-part></part-list>
 <part id="P1">
  <measure number="0" implicit="yes">
   <attributes><divisions>2</divisions><key><fifths>0</fifths></key>
    <time><beats>4</beats><beat-type>4</beat-type></time>
    <clef><sign>G</sign><line>2</line></clef></attributes>
   {g4}
  </measure>
  <measure number="1">
   <harmony><root><root-step>C</root-step></root><kind>major-seventh</kind>
    <bass><bass-step>E</bass-step></bass></harmony>
   <note><pitch><step>E</step><octave>4</octave></pitch><duration>6</duration>
    <voice>1</voice><type>half</type><dot/></note>
   <harmony><root><root-step>B</root-step><root-alter>-1</root-alter></root>
    <kind>dominant</kind></harmony>
   <note><pitch><step>D</step><octave>5</octave></pitch><duration>2</duration>
    <tie type="start"/><voice>1</voice><type>quarter</type></note>
   <note><chord/><pitch><step>F</step><octave>4</octave></pitch><duration>2</duration>
    <voice>1</voice><type>quarter</type></note>
  </measure>
  <measure number="2">
   <note><pitch><step>D</step><octave>5</octave></pitch><duration>4</duration>
    <tie type="stop"/><voice>1</voice><type>half</type></note>
   <note><grace/><pitch><step>A</step><octave>5</octave></pitch>
    <voice>1</voice><type>eighth</type></note>
   {g4}
   <note><rest/><duration>2</duration><voice>1</voice><type>quarter</type></note>
  </measure>
 </part>
</score-partwise>
""".format(
    g4="<note><pitch><step>G</step><octave>4</octave></pitch><duration>2</duration>"
    "<voice>1</voice><type>quarter</type></note>"
)


def openewld(root: Path, musicxml: str = MUSICXML) -> Path:
    """One song as compressed MusicXML."""
    song = root / "OpenEWLD-master" / "dataset" / "Some_Body" / "A_Song"
    song.mkdir(parents=True)
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("META-INF/container.xml", "<container/>")
        archive.writestr("A_Song.xml", musicxml)
    (song / "A_Song.mxl").write_bytes(data.getvalue())
    return root / "OpenEWLD-master"


def zipped(folder: Path) -> Path:
    """The folder as GitHub serves it: one zip with the folder at its top."""
    path = folder.with_suffix(".zip")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.rglob("*")):
            archive.write(file, file.relative_to(folder.parent))
    return path


def damaged(archive: bytes, name: bytes) -> bytes:
    """A zip archive in which what is compressed under this name is no more what it was."""
    before, _, after = archive.partition(name)
    return before + name + b"\xff" + after[1:]
