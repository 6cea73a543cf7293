"""A session answers every frame with the next one's chord, which no later melody can change."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gapt.errors import UserError
from gapt.live.protocol import VERSION, Hello, Melody, ProtocolError, Temperature
from gapt.live.server import make_offer
from gapt.live.session import Session
from gapt.music.chords import nearest, parse_lead_sheet
from gapt.music.voicing import BASS_RANGE

TUNE = [60, 60, 64, 64, 67, 67, None, 72, 71, 69, 67, 65, 65, 64, 62, 60] * 4


def melody(pitches):
    """One onset message per frame."""
    return [Melody(t, pitch, pitch is not None) for t, pitch in enumerate(pitches)]


def play(offer, messages, seed=3):
    """Every chord said, from frame 0 on."""
    session = Session(Hello(VERSION, seed=seed), offer)
    said = [session.ready().chord]
    for message in messages:
        said += session.receive(message)
    return said


def test_every_frame_has_its_chord(offer):
    said = play(offer, melody(TUNE))
    assert [chord.frame for chord in said] == list(range(len(TUNE) + 1))
    assert any(chord.onset for chord in said)
    for before, chord in zip([None, *said], said, strict=False):
        if chord.name is None:
            assert not chord.onset
            assert chord.notes == ()
        elif chord.onset:
            wanted = parse_lead_sheet(chord.name).pitch_classes
            assert nearest(parse_lead_sheet(chord.name))[1]
            assert {note % 12 for note in chord.notes} <= wanted
            assert BASS_RANGE[0] <= chord.notes[0] <= BASS_RANGE[1]
        else:
            assert (chord.name, chord.notes) == (before.name, before.notes)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, len(TUNE) - 1), st.integers(40, 90))
def test_no_chord_depends_on_the_melody_of_its_frame_or_later(offer, frame, pitch):
    changed = [*TUNE[:frame], *[pitch] * (len(TUNE) - frame)]
    told = melody(TUNE), melody(changed)
    first, second = (play(offer, messages) for messages in told)
    assert first[: frame + 1] == second[: frame + 1]


def test_the_chords_do_depend_on_the_melody(offer):
    assert play(offer, melody(TUNE)) != play(offer, melody([p and p + 6 for p in TUNE]))


def test_a_seed_repeats_a_session_and_no_seed_does_not(offer):
    assert play(offer, melody(TUNE)) == play(offer, melody(TUNE))
    assert play(offer, melody(TUNE), seed=None) != play(offer, melody(TUNE), seed=None)


def test_temperature_changes_only_what_follows(offer):
    calm = melody(TUNE)
    calm.insert(32, Temperature(0.0))
    first, second = play(offer, melody(TUNE)), play(offer, calm)
    assert len(first) == len(second)
    assert first[:33] == second[:33]
    assert first != second


@pytest.mark.parametrize(
    ("message", "says"),
    [
        (Melody(1, 60, True), "Frame 1 came where frame 2 was due"),
        (Melody(3, 60, True), "Frame 3 came where frame 2 was due"),
        (Melody(2, None, True), "without a pitch"),
        (Melody(2, 61, False), "was not sounding"),
        (Hello(VERSION), "one hello"),
    ],
)
def test_what_cannot_be_is_refused(offer, message, says):
    session = Session(Hello(VERSION), offer)
    session.receive(Melody(0, 60, True))
    session.receive(Melody(1, 60, False))
    with pytest.raises(ProtocolError, match=says):
        session.receive(message)
    session.receive(Melody(2, 60, False))  # and the session is none the worse


def test_only_offered_models_can_be_had(offer):
    for name in ("nonesuch", "../mle", str(offer.models[offer.model])):
        with pytest.raises(ProtocolError, match="no model"):
            Session(Hello(VERSION, model=name), offer)


def test_a_file_that_is_no_model_is_refused_at_once(tmp_path):
    path = tmp_path / "broken.onnx"
    path.write_bytes(b"not a model")
    with pytest.raises(UserError, match=r"broken\.onnx"):
        make_offer(str(path), 1.0)
