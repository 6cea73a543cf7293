"""Messages survive the wire, what is no message is refused, and the docs say what the types say."""

import json

import pytest
from protocol_page import GENERATED

from gapt.live.protocol import (
    MAX_MESSAGE,
    MAX_STATES,
    VERSION,
    Chord,
    Hello,
    Melody,
    Ping,
    Plan,
    ProtocolError,
    Set,
    Sounded,
    State,
    decode,
    encode,
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"type":"hello","version":2}', Hello(2)),
        (
            '{"type":"hello","version":2,"model":"mle","temperature":0.5,"seed":7,"lookahead":16,'
            '"commit":4,"listen":32}',
            Hello(2, "mle", 0.5, 7, 16, 4, 32),
        ),
        ('{"type":"hello","version":2,"resume":"abc"}', Hello(2, resume="abc")),
        (
            '{"type":"melody","frame":3,"states":[{"pitch":60,"onset":true}]}',
            Melody(3, (State(60, True),)),
        ),
        (
            '{"type":"melody","frame":4,"states":[{"pitch":null,"onset":false},'
            '{"pitch":62,"onset":true,"chord":{"name":"C","onset":false}}]}',
            Melody(4, (State(None, False), State(62, True, Sounded("C", False)))),
        ),
        ('{"type":"set","temperature":1}', Set(temperature=1.0)),
        ('{"type":"ping","t":12.5}', Ping(12.5)),
    ],
)
def test_client_messages_are_read(text, message):
    assert decode(text) == message


def melody(**state):
    return json.dumps({"type": "melody", "frame": 0, "states": [state]})


@pytest.mark.parametrize(
    ("text", "says", "code"),
    [
        ("", "cannot be read", 1002),
        ("hello", "cannot be read", 1002),
        ("[]", "cannot be read", 1002),
        ("[" * 5000, "cannot be read", 1002),
        ("\ud800", "cannot be read", 1002),
        ('{"a":' + "[" * 5000, "cannot be read", 1002),
        ('{"version":2}', "type", 1002),
        ('{"type":"chord","frame":0}', "chord", 1002),
        (melody(pitch=60), "onset", 1002),
        (melody(pitch=128, onset=True), "pitch", 1002),
        (melody(pitch=60, onset=True, x=1), "`x`", 1002),
        ('{"type":"melody","frame":"0","states":[]}', "frame", 1002),
        ('{"type":"melody","frame":-1,"states":[]}', "frame", 1002),
        ('{"type":"melody","frame":0,"states":[]}', "states", 1002),
        (
            json.dumps(
                {
                    "type": "melody",
                    "frame": 0,
                    "states": (MAX_STATES + 1) * [{"pitch": 60, "onset": True}],
                }
            ),
            "states",
            1002,
        ),
        ('{"type":"set","temperature":2.5}', "temperature", 1002),
        ('{"type":"set","temperature":NaN}', "cannot be read", 1002),
        ('{"type":"set","lookahead":0}', "lookahead", 1002),
        ('{"type":"set","commit":65}', "commit", 1002),
        ('{"type":"hello","version":2,"seed":-1}', "seed", 1002),
        ('{"type":"hello","version":2,"resume":"' + "x" * 65 + '"}', "resume", 1002),
        ('{"type":"hello","version":1,"colour":"red"}', "version 1", 1002),
        ('{"type":"ping","t":"' + "m" * MAX_MESSAGE + '"}', "bytes", 1009),
    ],
)
def test_anything_else_is_refused(text, says, code):
    with pytest.raises(ProtocolError, match=says) as caught:
        decode(text)
    assert caught.value.code == code


def test_no_message_may_have_more_bytes_than_are_read_be_its_characters_fewer():
    hello = '{"type":"hello","version":2}'
    assert decode(hello.ljust(MAX_MESSAGE)) == Hello(2)
    for text in (hello.ljust(MAX_MESSAGE + 1), '{"type":"ping","t":"' + "é" * (MAX_MESSAGE // 2)):
        with pytest.raises(ProtocolError, match=f"at most {MAX_MESSAGE} are read") as caught:
            decode(text)
        assert caught.value.code == 1009


@pytest.mark.parametrize(
    "message",
    [
        melody(pitch=60, onset=True, chord={"name": "C", "onset": True}),
        '{"type":"set"}',
        '{"type":"ping","t":1}',
        '{"type":"hello","version":2}',
    ],
)
def test_a_field_that_is_not_known_is_refused_not_ignored(message):
    decode(message)
    for at in range(len(message)):
        if message[at] == "}":
            with pytest.raises(ProtocolError, match="unknown field `colour`"):
                decode(message[:at] + ',"colour":"red"' + message[at:])


def test_server_messages_are_plain_json():
    plan = Plan(7, 9, (Chord(8, onset=True, name="Am7", notes=(45, 55, 60, 64)),))
    assert json.loads(encode(plan)) == {
        "type": "plan",
        "frame": 7,
        "committed": 9,
        "chords": [{"frame": 8, "onset": True, "name": "Am7", "notes": [45, 55, 60, 64]}],
    }
    assert VERSION == 2


@pytest.mark.parametrize("path", GENERATED, ids=lambda path: path.name)
def test_what_is_generated_is_up_to_date(path):
    assert path.read_text(encoding="utf-8") == GENERATED[path](), "run tests/live/protocol_page.py"
