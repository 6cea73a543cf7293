/**
 * What the player plays on: the computer's keyboard, the piano on the page, MIDI keyboards.
 *
 * Knows keys and pitches; hands presses and releases on, with the time at which they happened
 * (`performance.now()`'s clock, as events carry it). Nothing of frames or sound.
 */

export interface NoteListener {
  /** @param velocity 0 to 1 */
  press(pitch: number, velocity: number, when: number): void;
  release(pitch: number, when: number): void;
}

/** Physical keys in piano layout, by position, so that they lie alike on every keyboard layout. */
export const KEY_CODES = [
  "KeyA", "KeyW", "KeyS", "KeyE", "KeyD", "KeyF", "KeyT", "KeyG", "KeyY", "KeyH", "KeyU", "KeyJ",
  "KeyK", "KeyO", "KeyL", "KeyP", "Semicolon", "Quote",
] as const;

const LOWEST_BASE = 36;
const HIGHEST_BASE = 84;
const VELOCITY = 0.8;
/** A key that is activated rather than held sounds so long. */
const ACTIVATED_MS = 400;

export class ComputerKeyboard {
  /** MIDI pitch of the A key. */
  base = 60;
  private readonly held = new Map<string, number>();

  constructor(
    private readonly notes: NoteListener,
    private readonly onOctave: (base: number) => void,
  ) {
    addEventListener("keydown", (event) => this.down(event));
    addEventListener("keyup", (event) => this.up(event));
    addEventListener("blur", () => this.releaseAll());
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) this.releaseAll();
    });
  }

  shift(octaves: number): void {
    this.base = Math.min(HIGHEST_BASE, Math.max(LOWEST_BASE, this.base + 12 * octaves));
    this.onOctave(this.base);
  }

  private down(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (document.activeElement instanceof HTMLSelectElement) return; // letters choose an option
    if (document.querySelector("dialog[open]")) return;
    const key = KEY_CODES.indexOf(event.code as (typeof KEY_CODES)[number]);
    // In Firefox ' opens a search bar, and so does / beside it.
    if (key >= 0 || event.code === "Slash") event.preventDefault();
    if (event.repeat) return;
    if (event.code === "KeyZ") this.shift(-1);
    if (event.code === "KeyX") this.shift(1);
    if (key < 0 || this.held.has(event.code)) return;
    this.held.set(event.code, this.base + key);
    this.notes.press(this.base + key, VELOCITY, event.timeStamp);
  }

  private up(event: KeyboardEvent): void {
    if (event.key === "Meta") this.releaseAll(); // macOS tells of no key let go while Cmd is held
    const pitch = this.held.get(event.code);
    if (pitch === undefined) return;
    this.held.delete(event.code);
    this.notes.release(pitch, event.timeStamp);
  }

  private releaseAll(): void {
    for (const pitch of this.held.values()) this.notes.release(pitch, performance.now());
    this.held.clear();
  }
}

/** Mouse, pen and fingers on elements with `data-pitch`; sliding plays the keys passed over. */
export function listenToPiano(piano: HTMLElement, notes: NoteListener): void {
  const touching = new Map<number, number>();

  const pitchAt = (event: PointerEvent): number | null => {
    const key = document.elementFromPoint(event.clientX, event.clientY);
    const pitch = key instanceof HTMLElement ? key.dataset["pitch"] : undefined;
    return pitch === undefined || !piano.contains(key) ? null : Number(pitch);
  };
  const lift = (event: PointerEvent): void => {
    const pitch = touching.get(event.pointerId);
    if (pitch === undefined) return;
    touching.delete(event.pointerId);
    notes.release(pitch, event.timeStamp);
  };

  piano.addEventListener("pointerdown", (event) => {
    const pitch = pitchAt(event);
    if (pitch === null || event.button !== 0) return;
    event.preventDefault(); // keep the focus where it is
    piano.setPointerCapture(event.pointerId);
    touching.set(event.pointerId, pitch);
    notes.press(pitch, VELOCITY, event.timeStamp);
  });
  piano.addEventListener("pointermove", (event) => {
    if (!touching.has(event.pointerId)) return;
    const pitch = pitchAt(event);
    if (pitch === null || pitch === touching.get(event.pointerId)) return;
    lift(event);
    touching.set(event.pointerId, pitch);
    notes.press(pitch, VELOCITY, event.timeStamp);
  });
  piano.addEventListener("pointerup", lift);
  piano.addEventListener("pointercancel", lift);
  piano.addEventListener("click", (event) => {
    if (event.detail > 0 || !(event.target instanceof HTMLElement)) return;
    // No pointer: a screen reader, or a voice, that has activated a key.
    const pitch = Number(event.target.closest<HTMLElement>("[data-pitch]")?.dataset["pitch"]);
    if (Number.isNaN(pitch)) return;
    notes.press(pitch, VELOCITY, event.timeStamp);
    setTimeout(() => notes.release(pitch, performance.now()), ACTIVATED_MS);
  });
}

const DRUMS = 9; // the channel, from 0
const SUSTAIN = 64;
const ALL_SOUND_OFF = 120;
const ALL_NOTES_OFF = 123;

/** One MIDI keyboard: what it holds down, and what its pedal holds on. */
class MidiPort {
  private readonly held = new Set<number>();
  private readonly sustained = new Set<number>();
  private pedal = false;
  /** On which channels notes have come. */
  private readonly channels = new Set<number>();

  constructor(private readonly notes: NoteListener) {}

  message(event: MIDIMessageEvent): void {
    const [status = 0, data = 0, value = 0] = event.data ?? [];
    const kind = status & 0xf0;
    if (kind < 0xb0) this.channels.add(status & 0x0f);
    if ((status & 0x0f) === DRUMS && kind < 0xb0 && !this.spread) return; // pads play no pitches
    if (kind === 0x90 && value > 0) this.down(data, value / 127, event.timeStamp);
    else if (kind === 0x80 || kind === 0x90) this.up(data, event.timeStamp);
    else if (kind === 0xb0 && data === SUSTAIN) this.setPedal(value >= 64, event.timeStamp);
    else if (kind === 0xb0 && (data === ALL_SOUND_OFF || data === ALL_NOTES_OFF)) {
      this.releaseAll(event.timeStamp);
    }
  }

  /** Whether it gives every note a channel, in turn (MPE): then none is for drums. */
  private get spread(): boolean {
    return this.channels.has(DRUMS - 1) || this.channels.has(DRUMS + 1);
  }

  releaseAll(when: number): void {
    for (const pitch of [...this.held, ...this.sustained]) this.notes.release(pitch, when);
    this.held.clear();
    this.sustained.clear();
    this.pedal = false;
  }

  private down(pitch: number, velocity: number, when: number): void {
    if (this.sustained.delete(pitch) || this.held.has(pitch)) this.notes.release(pitch, when);
    this.held.add(pitch);
    this.notes.press(pitch, velocity, when);
  }

  private up(pitch: number, when: number): void {
    if (!this.held.delete(pitch)) return;
    if (this.pedal) this.sustained.add(pitch);
    else this.notes.release(pitch, when);
  }

  private setPedal(down: boolean, when: number): void {
    this.pedal = down;
    if (down) return;
    for (const pitch of this.sustained) this.notes.release(pitch, when);
    this.sustained.clear();
  }
}

/** MIDI keyboards, those plugged in later as well: all of them, or the one that is chosen. */
export class MidiInput {
  private readonly ports = new Map<string, MidiPort>();
  private access: MIDIAccess | null = null;
  private chosen: string | null = null;

  constructor(
    private readonly notes: NoteListener,
    private readonly onDevices: (names: string[]) => void,
  ) {}

  static get available(): boolean {
    return "requestMIDIAccess" in navigator;
  }

  /** Whether the user has already allowed it, so that connecting asks nothing. */
  static async allowed(): Promise<boolean> {
    if (!MidiInput.available) return false;
    try {
      const status = await navigator.permissions.query({ name: "midi" as PermissionName });
      return status.state === "granted";
    } catch {
      return false;
    }
  }

  /** Rejects if the user, or the browser, does not allow it. */
  async connect(): Promise<void> {
    this.access = await navigator.requestMIDIAccess();
    this.access.onstatechange = () => this.look();
    this.look();
  }

  /** @param name null listens to all */
  choose(name: string | null): void {
    this.chosen = name;
    this.look();
  }

  private look(): void {
    // Chromium leaves out ports that are unplugged, other browsers keep them.
    const inputs = [...(this.access?.inputs.values() ?? [])];
    const connected = inputs.filter((input) => input.state === "connected");
    const heard = connected.filter((input) => this.chosen === null || input.name === this.chosen);
    for (const input of inputs) input.onmidimessage = null;
    for (const [id, port] of this.ports) {
      if (heard.some((input) => input.id === id)) continue;
      port.releaseAll(performance.now());
      this.ports.delete(id);
    }
    for (const input of heard) {
      const port = this.ports.get(input.id) ?? new MidiPort(this.notes);
      this.ports.set(input.id, port);
      input.onmidimessage = (event) => port.message(event);
    }
    this.onDevices(connected.map((input) => input.name ?? "MIDI keyboard"));
  }
}
