/** Chord and note names as people read them, and the colour of a chord. Pure. */

const LETTERS: Readonly<Record<string, number>> = { C: 0, D: 2, E: 4, F: 5, G: 7, A: 9, B: 11 };
const NOTES = ["C", "D♭", "D", "E♭", "E", "F", "F♯", "G", "A♭", "A", "B♭", "B"] as const;

export interface ChordParts {
  root: string;
  accidental: string;
  suffix: string;
  bass: string;
}

function glyphs(text: string): string {
  return text.replaceAll("#", "♯").replace(/b(?=\d|$)/g, "♭");
}

/** "F#m7b5/A" in the parts that are set in different sizes. */
export function chordParts(name: string): ChordParts {
  const match = /^([A-G])([#b]*)(.*?)(?:\/([A-G][#b]*))?$/.exec(name);
  if (!match) return { root: name, accidental: "", suffix: "", bass: "" };
  const [, root = "", accidental = "", suffix = "", bass = ""] = match;
  return { root, accidental: glyphs(accidental), suffix: glyphs(suffix), bass: glyphs(bass) };
}

/** "Bbm7b5" -> "B♭m7♭5" */
export function displayName(name: string): string {
  const { root, accidental, suffix, bass } = chordParts(name);
  return root + accidental + suffix + (bass && `/${bass}`);
}

/** Degrees: keys that are near on the circle of fifths have near colours. */
export function chordHue(name: string): number {
  const { root, accidental } = chordParts(name);
  const shift = [...accidental].reduce((sum, sign) => sum + (sign === "♯" ? 1 : -1), 0);
  const pitchClass = ((LETTERS[root] ?? 0) + shift + 12) % 12;
  return (((pitchClass * 7) % 12) * 30 + 70) % 360;
}

/** MIDI 60 -> "C4" */
export function noteName(pitch: number): string {
  return NOTES[pitch % 12]! + (Math.floor(pitch / 12) - 1);
}
