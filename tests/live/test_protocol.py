"""Messages survive the wire, and what is no message is refused in plain words."""

import json

import pytest

from gapt.live.protocol import (
    MAX_MESSAGE,
    VERSION,
    Chord,
    Hello,
    Melody,
    ProtocolError,
    Temperature,
    decode,
    encode,
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"type":"hello","version":1}', Hello(1)),
        (
            '{"type":"hello","version":1,"model":"mle","temperature":0.5,"seed":7}',
            Hello(1, "mle", 0.5, 7),
        ),
        ('{"type":"melody","frame":3,"pitch":60,"onset":true}', Melody(3, 60, True)),
        ('{"type":"melody","frame":4,"pitch":null,"onset":false}', Melody(4, None, False)),
        ('{"type":"temperature","value":1}', Temperature(1.0)),
    ],
)
def test_client_messages_are_read(text, message):
    assert decode(text) == message


@pytest.mark.parametrize(
    ("text", "says", "code"),
    [
        ("", "cannot be read", 1002),
        ("hello", "cannot be read", 1002),
        ("[]", "cannot be read", 1002),
        ('{"version":1}', "type", 1002),
        ('{"type":"chord","frame":0}', "chord", 1002),
        ('{"type":"melody","frame":0,"pitch":60}', "onset", 1002),
        ('{"type":"melody","frame":"0","pitch":60,"onset":true}', "frame", 1002),
        ('{"type":"melody","frame":-1,"pitch":60,"onset":true}', "frame", 1002),
        ('{"type":"melody","frame":0,"pitch":128,"onset":true}', "pitch", 1002),
        ('{"type":"melody","frame":0,"pitch":60,"onset":true,"x":1}', "`x`", 1002),
        ('{"type":"temperature","value":2.5}', "value", 1002),
        ('{"type":"temperature","value":NaN}', "cannot be read", 1002),
        ('{"type":"hello","version":1,"seed":-1}', "seed", 1002),
        ('{"type":"hello","version":2,"colour":"red"}', "version 2", 1002),
        ('{"type":"hello","version":1,"model":"' + "m" * MAX_MESSAGE + '"}', "bytes", 1009),
    ],
)
def test_anything_else_is_refused(text, says, code):
    with pytest.raises(ProtocolError, match=says) as caught:
        decode(text)
    assert caught.value.code == code


def test_server_messages_are_plain_json():
    chord = Chord(8, onset=True, name="Am7", notes=(45, 55, 60, 64))
    assert json.loads(encode(chord)) == {
        "type": "chord", "frame": 8, "onset": True, "name": "Am7", "notes": [45, 55, 60, 64],
    }  # fmt: skip
    assert VERSION == 1
