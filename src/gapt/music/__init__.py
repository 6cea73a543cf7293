"""What music is here: chords, lead sheets, frames, MIDI files, voicings. Knows no torch."""
