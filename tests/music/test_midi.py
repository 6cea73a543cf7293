"""MIDI files: round trips, which part is the melody, what another reader sees, bad files."""

import mido
import music21
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gapt.errors import UserError
from gapt.music.chords import CHORD_NAMED, NUM_CHORDS, chord_at, lead_sheet_name
from gapt.music.frames import CHORDS, FRAMES_PER_BEAT
from gapt.music.leadsheet import Note
from gapt.music.midi import MAX_BEATS, MAX_BYTES, MelodyFile, read_melody, write

SILENT = np.zeros(0, dtype=np.int16)


def melody_track(name="", channel=0, pitches=(60, 62, 64, 65), voices=1, length=480):
    """A track of equal notes, `voices` of them together, a third apart."""
    track = mido.MidiTrack([mido.MetaMessage("track_name", name=name)])
    for pitch in pitches:
        together = [pitch + 4 * k for k in range(voices)]
        for kind, time in (("note_on", 0), ("note_off", length)):
            for n, note in enumerate(together):
                track.append(
                    mido.Message(kind, note=note, channel=channel, time=time if n == 0 else 0)
                )
    return track


def save(path, *tracks, type=1, ticks_per_beat=480):
    mido.MidiFile(type=type, ticks_per_beat=ticks_per_beat, tracks=list(tracks)).save(path)
    return path


def marker_frames(path):
    """The markers of a file: (frame, text)."""
    file = mido.MidiFile(path)
    now, found = 0, []
    for message in file.tracks[0]:
        now += message.time
        if message.type == "marker":
            found.append((now * FRAMES_PER_BEAT / file.ticks_per_beat, message.text))
    return found


@st.composite
def spans(draw, symbols, min_size=0):
    """(first frame, end frame, symbol), one after another."""
    out, now = [], 0
    steps = st.tuples(st.integers(0, 5), st.integers(1, 9), symbols)
    for gap, length, symbol in draw(st.lists(steps, min_size=min_size, max_size=20)):
        out.append((now + gap, now + gap + length, symbol))
        now += gap + length
    return out


@given(
    spans(st.integers(0, 127), min_size=2),
    spans(st.integers(0, NUM_CHORDS - 1)),
    st.sampled_from([1, 6, 24, 96, 220, 480, 960, 32767]),
)
@settings(max_examples=60)
def test_what_is_written_is_read_back(tmp_path_factory, melody, chords, ticks_per_beat):
    path = tmp_path_factory.getbasetemp() / "round.mid"
    notes = tuple(Note(first / 4, end / 4, pitch) for first, end, pitch in melody)
    length = max(end for _, end, _ in (*melody, *chords))
    write(
        path,
        MelodyFile(notes, ticks_per_beat=ticks_per_beat),
        CHORDS.from_spans(chords, length),
    )
    # At 32767 ticks a sixteenth is no whole number of ticks: the nearest one then.
    exact = (ticks_per_beat * 4) < 2**15 or ticks_per_beat % 4 == 0
    read = read_melody(path)
    assert [note.pitch for note in read.notes] == [note.pitch for note in notes]
    for got, wanted in zip(read.notes, notes, strict=True):
        assert got.onset == pytest.approx(wanted.onset, abs=0 if exact else 1e-4)
        assert got.offset == pytest.approx(wanted.offset, abs=0 if exact else 1e-4)
    struck = [(round(at), text) for at, text in marker_frames(path) if text != "N.C."]
    assert struck == [(first, lead_sheet_name(chord)) for first, _, chord in chords]


def test_names_are_read_as_utf_8_where_they_are(tmp_path):
    for number, (text, charset) in enumerate([("Ćma Świt", "utf-8"), ("Été", "latin-1")]):
        # mido writes characters as Latin-1: here, bytes.
        name = mido.MetaMessage("track_name", name=text.encode(charset).decode("latin-1"))
        source = save(tmp_path / f"{number}.mid", mido.MidiTrack([name]), melody_track("Flute"))
        melody = read_melody(source)
        assert melody.title == text
        write(tmp_path / "out.mid", melody, np.zeros(16, dtype=int))
        assert text.encode() in (tmp_path / "out.mid").read_bytes()


def test_the_time_of_the_file_is_kept(tmp_path):
    conductor = mido.MidiTrack(
        [
            mido.MetaMessage("track_name", name="Étude"),
            mido.MetaMessage("set_tempo", tempo=600_000),
            mido.MetaMessage("time_signature", numerator=6, denominator=8),
            mido.MetaMessage("key_signature", key="Ebm"),
            mido.MetaMessage("set_tempo", tempo=300_000, time=700),
            mido.MetaMessage("time_signature", numerator=4, denominator=4, time=740),
        ]
    )
    source = save(tmp_path / "in.mid", conductor, melody_track("Flute"))
    melody = read_melody(source)
    assert melody.title == "Étude"
    assert melody.source == "track 2 'Flute'"
    assert melody.beats == 4
    assert melody.bars == 2  # one of 6/8, then one of 4/4 that is cut short
    write(tmp_path / "out.mid", melody, SILENT)
    first = mido.MidiFile(tmp_path / "out.mid", charset="utf-8").tracks[0]
    assert list(first)[:-1] == list(conductor)
    assert read_melody(tmp_path / "out.mid").meta == melody.meta


def test_markers_and_notes_say_the_chords(tmp_path):
    am, f = CHORD_NAMED["Am7"], CHORD_NAMED["F/C"]
    chords = CHORDS.from_spans([(1, 4, am), (4, 6, f), (6, 8, f), (10, 12, am)], 14)
    path = tmp_path / "out.mid"
    write(path, read_melody(save(tmp_path / "in.mid", melody_track())), chords)
    expected = [(1, "Am7"), (4, "F/C"), (6, "F/C"), (8, "N.C."), (10, "Am7"), (12, "N.C.")]
    assert marker_frames(path) == expected

    # music21 reads MIDI by code of its own.
    file = music21.midi.MidiFile()
    file.open(str(path))
    file.read()
    file.close()
    markers = [
        event.data.decode()
        for event in file.tracks[0].events
        if event.type == music21.midi.MetaEvents.MARKER
    ]
    assert markers == [text for _, text in expected]
    melody, accompaniment = music21.converter.parse(path, quantizePost=False).parts
    assert [note.pitch.midi for note in melody.flatten().notes] == [60, 62, 64, 65]
    heard = [
        (
            float(chord.offset * 4),
            float(chord.quarterLength * 4),
            {pitch.pitchClass for pitch in chord.pitches},
            chord.bass().pitchClass,
        )
        for chord in accompaniment.flatten().getElementsByClass(music21.chord.Chord)
    ]
    assert heard == [
        (first, end - first, chord_at(c).pitch_classes, (chord_at(c).root + chord_at(c).bass) % 12)
        for first, end, c in CHORDS.to_spans(chords)
    ]


def test_time_is_read_in_ticks_with_rests_and_hanging_notes(tmp_path):
    track = mido.MidiTrack(
        [
            mido.Message("note_on", note=60, time=240),
            mido.Message("control_change", control=64, value=127),  # the pedal holds nothing
            mido.Message("note_on", note=60, velocity=0, time=120),
            mido.Message("note_on", note=62, time=120),
            mido.Message("note_on", note=62, time=60),  # struck again
            mido.Message("note_on", note=70, time=60),
            mido.MetaMessage("end_of_track", time=360),
        ]
    )
    assert read_melody(save(tmp_path / "in.mid", track)).notes == (
        Note(0.5, 0.75, 60),
        Note(1.0, 1.125, 62),
        Note(1.125, 2.0, 62),
        Note(1.25, 2.0, 70),
    )


def test_a_note_that_begins_before_the_one_before_it_ends_lasts(tmp_path):
    """At the same tick, and of the same pitch: some programs write it so, some of two voices."""
    for voices in (1, 2):
        messages = [("note_on", 0), ("note_on", 480), ("note_off", 0), ("note_off", 480)]
        track = mido.MidiTrack(
            mido.Message(kind, note=60, time=0 if voice else time)
            for kind, time in messages
            for voice in range(voices)
        )
        notes = read_melody(save(tmp_path / "in.mid", track)).notes
        assert notes == (Note(0.0, 1.0, 60), Note(1.0, 2.0, 60))


LOW, HIGH, HIGHEST = (48, 50, 52, 53), (72, 74, 76, 77), (90, 91, 92, 93)


@pytest.mark.parametrize(
    ("tracks", "chosen"),
    [
        ([melody_track(pitches=LOW), melody_track(pitches=HIGH)], 2),
        ([melody_track("Lead Vocals", pitches=LOW), melody_track(pitches=HIGH)], 1),
        ([melody_track(pitches=HIGH), melody_track(pitches=HIGHEST, channel=9)], 1),
        ([melody_track(pitches=HIGH, voices=4), melody_track(pitches=LOW)], 2),
        ([melody_track(pitches=HIGHEST[:2], length=60), melody_track(pitches=LOW)], 2),
    ],
    ids=["highest", "named", "no drums", "monophonic", "not a mere effect"],
)
def test_the_melody_is_found(tmp_path, tracks, chosen):
    path = save(tmp_path / "in.mid", *tracks)
    assert read_melody(path).source.startswith(f"track {chosen}")


def test_a_file_of_one_track_is_split_by_channel(tmp_path):
    both = melody_track(channel=2, pitches=HIGH) + melody_track(channel=0, pitches=LOW)
    path = save(tmp_path / "in.mid", both, type=0)
    assert read_melody(path).source == "channel 3"
    assert [note.pitch for note in read_melody(path, track=1).notes] == list(LOW)
    # Likewise below a track of tempos alone.
    conductor = mido.MidiTrack([mido.MetaMessage("track_name", name="Song")])
    melody = read_melody(save(tmp_path / "type1.mid", conductor, both))
    assert (melody.source, melody.title) == ("channel 3", "Song")
    with pytest.raises(UserError, match=r"(?s)no channel 2 .*  1: .*4 notes\n  3: .*4 notes"):
        read_melody(path, track=2)


def test_a_track_by_number(tmp_path):
    drums = melody_track("Kit", channel=9)
    path = save(tmp_path / "in.mid", melody_track("Bass", pitches=LOW), melody_track("Fl."), drums)
    assert [note.pitch for note in read_melody(path, track=1).notes] == list(LOW)
    for wrong in (0, 4, -1):
        with pytest.raises(UserError, match=rf"(?s)no track {wrong} .*1: Bass, 4 notes\n  2: Fl"):
            read_melody(path, track=wrong)
    with pytest.raises(UserError, match="track 3 has only drums"):
        read_melody(path, track=3)


def test_names_cannot_drive_the_terminal(tmp_path):
    path = save(tmp_path / "in.mid", melody_track("\x1b[31mred"), melody_track())
    with pytest.raises(UserError) as error:
        read_melody(path, track=9)
    assert "\x1b" not in str(error.value)


def far_away():
    track = melody_track()
    track.append(mido.MetaMessage("end_of_track", time=480 * MAX_BEATS))
    return track


@pytest.mark.parametrize(
    ("tracks", "message"),
    [
        ([mido.MidiTrack()], "has no notes"),
        ([], "has no notes"),
        ([melody_track(pitches=[60])], "one note is no melody"),
        ([melody_track(channel=9)], "only drums"),
        ([melody_track(voices=8), melody_track()[:3]], "up to 8 notes sounding .*--track.*1: "),
        ([far_away()], "beats long"),
    ],
    ids=["empty", "no tracks", "one note", "drums", "polyphony", "endless"],
)
def test_files_without_a_melody_are_refused(tmp_path, tracks, message):
    with pytest.raises(UserError, match=rf"(?s)in\.mid.*{message}"):
        read_melody(save(tmp_path / "in.mid", *tracks))


def header(type=1, tracks=1, division=480):
    numbers = type.to_bytes(2, "big") + tracks.to_bytes(2, "big")
    return b"MThd\0\0\0\6" + numbers + division.to_bytes(2, "big")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not a MIDI file"),
        (b"RIFF....WAVE", "not a MIDI file"),
        (header(), "damaged"),
        (header() + b"MTrk\0\0\0\4\0\x3c\x40\0", "damaged"),
        (header(division=0xE728) + b"MTrk\0\0\0\4\0\xff\x2f\0", "SMPTE"),
        (header(division=0) + b"MTrk\0\0\0\4\0\xff\x2f\0", "SMPTE"),
        (header(type=2) + b"MTrk\0\0\0\4\0\xff\x2f\0", "type 2"),
        (header() + b"MTrk\0\1\xff\xff" + b"\xff" * 80_000, "not a MIDI file"),
        (header() + bytes(MAX_BYTES), "a melody fits in"),
    ],
)
def test_broken_files_are_refused(tmp_path, data, message):
    path = tmp_path / "in.mid"
    path.write_bytes(data)
    with pytest.raises(UserError, match=rf"in\.mid.*{message}"):
        read_melody(path)


def test_what_other_readers_accept_is_read(tmp_path):
    track = melody_track()
    track.insert(0, mido.MetaMessage("text", text="あ".encode().decode("latin-1") * 1500))
    path = save(tmp_path / "in.mid", track)
    plain = read_melody(path)
    data = path.read_bytes()
    # A chunk of somebody's own before the track, and a velocity that cannot be.
    loud = data.replace(b"\x90\x3c\x40", b"\x90\x3c\xc8", 1)
    assert loud != data
    path.write_bytes(loud[:14] + b"XFIH\0\0\0\3abc" + loud[14:])
    assert read_melody(path).notes == plain.notes


def test_a_file_cut_anywhere_is_read_or_refused(tmp_path):
    whole = save(tmp_path / "in.mid", melody_track(), melody_track()).read_bytes()
    for size in range(len(whole)):
        (tmp_path / "cut.mid").write_bytes(whole[:size])
        with pytest.raises(UserError):
            read_melody(tmp_path / "cut.mid")


@given(st.data())
@settings(max_examples=150)
def test_a_file_with_wrong_bytes_is_read_or_refused(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "noise.mid"
    content = bytearray(save(path, melody_track("Melody"), melody_track()).read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    try:
        melody = read_melody(path)
    except UserError:
        return
    assert len(melody.notes) >= 2
    write(path, melody, SILENT)  # what is read can be written
