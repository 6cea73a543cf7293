"""Each reader against a miniature of its published format, with lead sheets derived by hand."""

import io
import json
import zipfile
from dataclasses import replace
from pathlib import Path

import published
import pytest

from gapt.corpora import hooktheory, openewld, pop909, tunebooks
from gapt.corpora.prepare import TUNES
from gapt.corpora.reading import UnreadableSong, without_leading_bars
from gapt.music.chords import CHORD_NAMED, chord_at
from gapt.music.leadsheet import ChordSpan, LeadSheet, Note


def chords(*spans: tuple[float, float, str]) -> tuple[ChordSpan, ...]:
    return tuple(
        ChordSpan(onset, offset, chord_at(CHORD_NAMED[name])) for onset, offset, name in spans
    )


def test_hooktheory_reads_the_rebuilt_schema(tmp_path: Path):
    items = list(hooktheory.items(published.hooktheory(tmp_path / "Hooktheory.json")))
    assert [(item.song_id, item.split) for item in items] == [
        ("hooktheory/a", "train"),
        ("hooktheory/b", "valid"),
        ("hooktheory/c", "test"),
        ("hooktheory/d", "train"),
    ]
    assert hooktheory.parse(items[0].payload) == LeadSheet(
        (Note(0, 1, 64), Note(1.5, 2, 59)), chords((0, 2, "C/E"), (2, 3, "Am7"))
    )


def test_hooktheory_reads_the_full_schema(tmp_path: Path):
    items = list(hooktheory.items(published.hooktheory(tmp_path / "Hooktheory.json")))
    assert without_leading_bars(hooktheory.parse(items[1].payload)) == LeadSheet(
        (Note(1, 2, 72),), chords((0.5, 3, "G7/F")), 3.0, "nobody - nothing"
    )


def test_hooktheory_refuses_an_impossible_inversion(tmp_path: Path):
    items = list(hooktheory.items(published.hooktheory(tmp_path / "Hooktheory.json")))
    with pytest.raises(UnreadableSong, match="inversion 3 of a chord of 3 notes"):
        hooktheory.parse(items[3].payload)


def test_hooktheorys_first_metre_is_the_songs(tmp_path: Path):
    _, full, *_ = hooktheory.items(published.hooktheory(tmp_path / "Hooktheory.json"))
    song = json.loads(full.payload)
    song["annotations"]["meters"].append({"beat": 6, "beats_per_bar": 2, "beat_unit": 4})
    assert hooktheory.parse(json.dumps(song).encode()).beats_per_bar == 3


@pytest.mark.parametrize("chord", [{"inversion": -1}, {"inversion": None}, {"onset": "soon"}])
def test_a_hooktheory_song_of_another_shape_is_one_unreadable_song(tmp_path: Path, chord: dict):
    first, *_ = hooktheory.items(published.hooktheory(tmp_path / "Hooktheory.json"))
    song = json.loads(first.payload)
    song["annotations"]["harmony"][0] |= chord
    with pytest.raises(UnreadableSong):
        hooktheory.parse(json.dumps(song).encode())


def test_only_bars_in_which_neither_part_sounds_are_cut():
    note, (chord,) = Note(9, 10, 60), chords((5, 6, "C"))
    before = replace(note, onset=5, offset=6)
    after = replace(chord, onset=9, offset=10)
    for sheet in LeadSheet((note,), (chord,)), LeadSheet((before,), (after,)):
        cut = without_leading_bars(sheet)
        assert (cut.notes[0].onset, cut.chords[0].onset) == (
            sheet.notes[0].onset - 4,
            sheet.chords[0].onset - 4,
        )


def test_pop909_counts_in_annotated_beats(tmp_path: Path):
    (item,) = pop909.items(published.pop909(tmp_path))
    assert item.song_id == "pop909/007"
    sheet = pop909.parse(item.payload)
    assert sheet.beats_per_bar == 4
    assert sheet.chords == chords((4, 6, "Am7"), (6, 8, "F/A"))
    assert [(n.onset, n.offset, n.pitch) for n in sheet.notes] == [
        (pytest.approx(3), pytest.approx(4), 64),
        (pytest.approx(4), pytest.approx(5), 67),
    ]


def test_pop909_counts_the_beats_from_downbeat_to_downbeat(tmp_path: Path):
    """Of the same beats in three, the fourth is one: there the melody enters."""
    (item,) = pop909.items(published.pop909(tmp_path))
    number, files = item.payload
    lines = [line.split() for line in files["beat_midi.txt"].decode().splitlines()]
    in_three = "".join(f"{t} 0.0 {float(i % 3 == 0)}\n" for i, (t, *_) in enumerate(lines))
    sheet = pop909.parse((number, {**files, "beat_midi.txt": in_three.encode()}))
    assert sheet.beats_per_bar == 3
    assert sheet.notes[0].onset == pytest.approx(0)


def test_pop909_names_a_missing_file(tmp_path: Path):
    folder = published.pop909(tmp_path)
    (folder / "POP909/007/beat_midi.txt").unlink()
    (item,) = pop909.items(folder)
    with pytest.raises(UnreadableSong, match=r"no beat_midi\.txt"):
        pop909.parse(item.payload)


def test_a_corpus_is_known_by_the_same_names_wherever_it_lies(tmp_path: Path):
    folder = published.nottingham(tmp_path / "here")
    book = folder / "ABC_cleaned" / "jigs.abc"
    (book.parent / "airs.abc").write_bytes(book.read_bytes())
    (book.parent / "jigs.abc.orig").write_text("X: 9\n")
    (folder / "not_ABC_cleaned").mkdir()
    (folder / "not_ABC_cleaned" / "jigs.abc").write_text("X: 9\n")
    archive = tmp_path / "backwards.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for path in sorted(folder.rglob("*"), reverse=True):
            file.write(path, path.relative_to(folder))
    for path in (tmp_path, folder, book.parent, archive):
        assert [item.song_id for item in tunebooks.nottingham(path)] == [
            f"nottingham/{name}/{number}" for name in ("airs", "jigs") for number in (1, 2, 4)
        ]


def test_abc_plays_repeats_fills_the_pickup_and_joins_ties(tmp_path: Path):
    first, *_ = tunebooks.nottingham(published.nottingham(tmp_path))
    assert first.song_id == "nottingham/jigs/1"
    assert tunebooks.parse(first.payload) == LeadSheet(
        (
            *(Note(2, 3, 62), Note(3, 5, 67), Note(5, 6, 71), Note(6, 8, 69)),
            *(Note(8, 9, 62), Note(9, 11, 67), Note(11, 12, 71), Note(12, 14.5, 64)),
        ),
        chords((3, 6, "G"), (6, 9, "D7/F#"), (9, 12, "G"), (12, 14.5, "Em")),
        3.0,
        "Pickup and repeat",
    )


@pytest.mark.parametrize(
    ("bars", "played"),
    [
        ("C4|D4:|E4|F4:|G4|A4:|", "CDCD EFEF GAGA"),
        ("C4|1D4:|2E4|F4|1G4:|2A4|]", "CDCE FGFA"),
        ("C4|[1D4:|[2E4:|F4|[1G4:|[2A4:|", "CDCE FGFA"),
        ("C4|D4||E4|F4:|", "CD EFEF"),
        ("C4|D4|]E4|F4:|", "CD EFEF"),
        ("C4|D4:|E4|:F4|G4:|", "CDCD E FGFG"),
        ("C4|D4:|E4||F4|G4:|", "CDCD E FGFG"),
        ("|:C4|D4:|:E4|F4:|", "CDCD EFEF"),
    ],
)
def test_an_abc_repeat_goes_back_to_the_end_of_the_one_before(bars: str, played: str):
    notes = tunebooks.parse(f"X:1\nM:4/4\nL:1/4\nK:C\n{bars}\n").notes
    names = {60: "C", 62: "D", 64: "E", 65: "F", 67: "G", 69: "A"}
    assert [names[note.pitch] for note in notes] == list(played.replace(" ", ""))


def test_abc_joins_ties_over_several_bars():
    tune = tunebooks.parse("X:1\nM:4/4\nL:1/4\nK:C\nC4-|C4-|C4|\n")
    assert tune.notes == (Note(0, 12, 60),)


def test_a_tunebook_may_be_from_windows_and_in_another_encoding(tmp_path: Path):
    book = tmp_path / "tunes.abc"
    tunes = 'X:1\nT:  Olé \nM:4/4\nL:1/4\nK:C\n"C"C4|E4|\n\nX: 2\nM:4/4\nL:1/4\nK:C\nD4|F4|\n'
    book.write_bytes(tunes.replace("\n", "\r\n").encode("latin-1"))
    items = list(tunebooks.builtin(book))
    assert [item.song_id for item in items] == ["tunes/1", "tunes/2"]
    first, second = (tunebooks.parse(item.payload) for item in items)
    assert first == LeadSheet(
        (Note(0, 4, 60), Note(4, 8, 64)), chords((0, 8, "C")), 4.0, "Ol\N{REPLACEMENT CHARACTER}"
    )
    assert second.notes == (Note(0, 4, 62), Note(4, 8, 65))


def test_abc_reads_nottinghams_own_suffixes(tmp_path: Path):
    *_, last = tunebooks.nottingham(published.nottingham(tmp_path))
    assert last.song_id == "nottingham/jigs/4"
    assert tunebooks.parse(last.payload).chords == chords(
        (0, 2, "Cdim"), (2, 4, "Caug"), (4, 6, "Bb/D"), (6, 8, "Am7")
    )
    rarer = tunebooks.parse('X:1\nM:4/4\nL:1/4\nK:C\n"Ca7"C4|"Cd "C4|\n')
    assert rarer.chords == chords((0, 4, "C7#5"), (4, 8, "Cdim"))


def test_musicxml_takes_the_top_line_and_all_chord_symbols(tmp_path: Path):
    (item,) = openewld.items(published.openewld(tmp_path))
    assert item.song_id == "openewld/Some_Body/A_Song"
    assert openewld.parse(item.payload) == LeadSheet(
        (Note(3, 4, 67), Note(4, 7, 64), Note(7, 10, 74), Note(10, 11, 67)),
        chords((4, 7, "Cmaj7/E"), (7, 11, "Bb7")),
        4.0,
        "A Song",
    )


def test_musicxml_takes_the_first_voice_of_the_first_part(tmp_path: Path):
    def voice(number: int, step: str) -> str:
        pitch = f"<pitch><step>{step}</step><octave>5</octave></pitch>"
        return f"<note>{pitch}<duration>8</duration><voice>{number}</voice></note>"

    second = voice(1, "G").join(('<part id="P2"><measure number="1">', "</measure></part>"))
    bar = f"{voice(1, 'C')}<backup><duration>8</duration></backup>{voice(2, 'E')}"
    first = published.MUSICXML.partition("</attributes>")[0]
    text = f"{first}</attributes>{bar}</measure></part>{second}</score-partwise>"
    name = "<part-name>Lead</part-name></score-part>"
    text = text.replace(
        name, f'{name}<score-part id="P2"><part-name>Other</part-name></score-part>'
    )
    (item,) = openewld.items(published.openewld(tmp_path, text))
    assert openewld.parse(item.payload).notes == (Note(0, 4, 72),)


def test_a_chord_ends_where_musicxml_writes_that_there_is_none(tmp_path: Path):
    text = published.MUSICXML.replace("<kind>dominant</kind>", "<kind>none</kind>")
    (item,) = openewld.items(published.openewld(tmp_path, text))
    assert openewld.parse(item.payload).chords == chords((4, 7, "Cmaj7/E"))


def test_a_tie_joins_no_two_pitches(tmp_path: Path):
    first, stop, rest = published.MUSICXML.rpartition('<measure number="2">')
    text = first + stop + rest.replace("<step>D</step>", "<step>E</step>", 1)
    (item,) = openewld.items(published.openewld(tmp_path, text))
    assert openewld.parse(item.payload).notes[2:4] == (Note(7, 8, 74), Note(8, 10, 76))


def zip_of(**files: str) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return data.getvalue()


@pytest.mark.parametrize(
    "data",
    [b"", b"no zip", zip_of(), published.damaged(zip_of(score=published.MUSICXML), b"score")],
    ids=["empty", "no zip", "no score", "damaged"],
)
def test_a_broken_archive_is_one_unreadable_song(data: bytes):
    with pytest.raises(UnreadableSong, match="not a compressed MusicXML file"):
        openewld.parse(("A Song", data))


@pytest.mark.parametrize("text", ["no xml", "<score-partwise/>"])
def test_broken_musicxml_is_one_unreadable_song(tmp_path: Path, text: str):
    (item,) = openewld.items(published.openewld(tmp_path, text))
    with pytest.raises(UnreadableSong):
        openewld.parse(item.payload)


def test_builtin_tunes_are_in_full_bars():
    """Every bar is full, except a pickup and the last bar of its strain, which add up to one."""
    from music21 import converter, stream

    items = list(tunebooks.builtin(TUNES))
    assert len(items) >= 14
    for item in items:
        part = converter.parseData(item.payload, format="abc").parts.first()
        bars = [bar.duration.quarterLength for bar in part.getElementsByClass(stream.Measure)]
        full = part.getElementsByClass(stream.Measure).first().barDuration.quarterLength
        short = [length for length in bars if length != full]
        pairs = zip(short[::2], short[1::2], strict=True)
        assert all(pickup + rest == full for pickup, rest in pairs), (item.song_id, short)


def test_builtin_tunes_are_known_melodies():
    sheets = [tunebooks.parse(item.payload) for item in tunebooks.builtin(TUNES)]
    by_title = {sheet.title: sheet for sheet in sheets}
    assert len(by_title) == len(sheets)
    twinkle = by_title["Twinkle, Twinkle, Little Star"]
    assert [note.pitch for note in twinkle.notes[:7]] == [60, 60, 67, 67, 69, 69, 67]
    assert twinkle.notes[-1].offset == 48
    greensleeves = by_title["Greensleeves"]
    assert greensleeves.beats_per_bar == 3
    assert greensleeves.notes[0] == Note(2.5, 3, 69)
    assert {sheet.beats_per_bar for sheet in sheets} == {2.0, 3.0, 4.0}
    assert all(sheet.notes and sheet.chords for sheet in sheets)
