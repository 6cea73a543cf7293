"""How frames enter a network."""

import torch

from gapt.models.voices import DegreeEmbedding
from gapt.music.chords import nearest, parse_lead_sheet
from gapt.music.frames import CHORDS, MELODY


def chord(name):
    return nearest(parse_lead_sheet(name))[0]


def test_a_degree_is_the_same_in_all_keys_and_octaves_and_none_without_both():
    embedding = DegreeEmbedding(8)

    def vector(pitch, name):
        melody = torch.tensor([MELODY.hold(pitch) if pitch else 0])
        return embedding(melody, torch.tensor([CHORDS.on(chord(name)) if name else 0]))[0]

    fifth_of_major = vector(67, "C")
    for pitch, name in (55, "C"), (69, "D"), (66, "B"), (65, "Bb"):
        assert torch.equal(vector(pitch, name), fifth_of_major)
    for pitch, name in (64, "C"), (67, "Cm"), (67, "G"), (67, None), (None, "C"):
        assert not torch.equal(vector(pitch, name), fifth_of_major)
    assert torch.equal(vector(60, None), vector(None, "C"))
