"""How frames enter a network."""

import torch

from gapt.models.voices import DegreeEmbedding, SymbolTable
from gapt.music.chords import CHORD_NAMED
from gapt.music.frames import CHORDS, MELODY


def test_a_degree_is_the_same_in_all_keys_and_octaves_and_none_without_both():
    embedding = DegreeEmbedding(8)

    def vector(pitch, name):
        melody = torch.tensor([MELODY.hold(pitch) if pitch else 0])
        return embedding(melody, torch.tensor([CHORDS.on(CHORD_NAMED[name]) if name else 0]))[0]

    fifth_of_major = vector(67, "C")
    for pitch, name in (55, "C"), (69, "D"), (66, "B"), (65, "Bb"):
        assert torch.equal(vector(pitch, name), fifth_of_major)
    for pitch, name in (64, "C"), (67, "Cm"), (67, "G"), (67, None), (None, "C"):
        assert not torch.equal(vector(pitch, name), fifth_of_major)
    assert torch.equal(vector(60, None), vector(None, "C"))


def test_what_symbols_share_is_the_same_in_all_keys():
    """But for its own part, the vectors of all keys are one vector, moved round the circle."""
    for voice, low, high in (CHORDS, CHORD_NAMED["Cm7"], CHORD_NAMED["Ebm7"]), (MELODY, 60, 63):
        table = SymbolTable(voice, 8)
        with torch.no_grad():
            table.own.zero_()
        before = table()
        with torch.no_grad():  # all pitch classes three semitones higher
            circle = table.pitch_class.unflatten(0, (12, -1))
            table.pitch_class.copy_(circle.roll(3, 0).flatten(0, 1))
        assert torch.allclose(table()[high], before[low], atol=1e-6)
        assert not torch.allclose(table()[low], before[low], atol=1e-3)


def test_at_first_chords_are_near_as_far_as_they_share_tones():
    torch.manual_seed(0)
    vectors = torch.nn.functional.normalize(SymbolTable(CHORDS, 512)().detach(), dim=1)

    def similarity(one, other):
        return float(vectors[CHORD_NAMED[one]] @ vectors[CHORD_NAMED[other]])

    assert similarity("C", "C6") > similarity("C", "Em") > similarity("C", "F#")
