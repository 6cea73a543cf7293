/** Wires the page: controls and keys to the take, the take to the server and the sound. */

import { startTicker } from "./clock.js";
import { Connection, type Wishes } from "./connection.js";
import { ComputerKeyboard, listenToPiano, MidiInput, type Player } from "./input.js";
import type { FrameRecord } from "./ledger.js";
import { Synth } from "./synth.js";
import { Take } from "./take.js";
import { View } from "./view.js";

const FIRST_RETRY_MS = 500;
const LAST_RETRY_MS = 8000;

const view = new View();
let synth: Synth | null = null;
let take: Take | null = null;
/** The take that plays, or the last one: the roll still shows it. */
let shownTake: Take | null = null;
let stoppedAt = 0;
let starting = false;
/** What the user has chosen; null is as the server likes. */
let wishes: Wishes = { model: null, temperature: null, seed: null };
let retryMs = FIRST_RETRY_MS;

const connection = new Connection({
  onReady(ready) {
    retryMs = FIRST_RETRY_MS;
    view.setModels(ready.models, ready.model);
    if (wishes.temperature === null) view.setTemperature(ready.temperature);
    else connection.setTemperature(wishes.temperature); // it may have moved since the hello
    view.setStatus("Connected", "good");
  },
  onChord(chord) {
    take?.hear(chord);
  },
  onClosed(reason) {
    if (take) stop();
    if (reason !== null) {
      view.setStatus(reason, "bad");
      return;
    }
    view.setStatus("Connection lost. Reconnecting…", "bad");
    setTimeout(() => void connection.fresh(wishes).catch(() => undefined), retryMs);
    retryMs = Math.min(LAST_RETRY_MS, 2 * retryMs);
  },
});

/** Created at the first touch: browsers allow no sound before it. */
function sound(): Synth {
  if (!synth) {
    synth = new Synth();
    synth.setChordVolume(view.volume.valueAsNumber / 100);
  }
  void synth.wake();
  return synth;
}

async function start(): Promise<void> {
  if (take || starting) return;
  starting = true;
  const instrument = sound();
  try {
    const [ready] = await Promise.all([connection.fresh(wishes), instrument.wake()]);
    const tell = connection.tell.bind(connection);
    const { tempo, metronome } = view;
    take = shownTake = new Take(
      instrument, tell, ready.chord, tempo.valueAsNumber, metronome.checked,
    );
    view.clearStage();
    view.setPlaying(true);
  } catch {
    // The connection has said why.
  } finally {
    starting = false;
  }
}

function stop(): void {
  if (!take) return;
  stoppedAt = take.position();
  take = null;
  synth?.stop();
  view.setPlaying(false);
  view.clearStage();
  // A session is one take: the next one starts cold.
  void connection.open(wishes).catch(() => undefined);
}

function toggle(): void {
  if (take) stop();
  else void start();
}

const player: Player = {
  press(pitch, velocity, when) {
    sound().press(pitch, velocity);
    take?.press(pitch, secondsSince(when));
    view.setPressed(pitch, true);
  },
  release(pitch, when) {
    synth?.release(pitch);
    take?.release(pitch, secondsSince(when));
    view.setPressed(pitch, false);
  },
};

function secondsSince(when: number): number {
  return Math.max(0, performance.now() - when) / 1000;
}

// --- controls ------------------------------------------------------------------------------------

const keyboard = new ComputerKeyboard(player, (base) => view.setOctave(base));
view.setOctave(keyboard.base);
listenToPiano(view.piano, player);

view.start.addEventListener("click", toggle);
addEventListener("keydown", (event) => {
  // On a control, Space works that control.
  const onControl = event.target instanceof Element && event.target.closest("button, select, input");
  if (event.code !== "Space" || event.repeat || (onControl && !isSlider(onControl))) return;
  event.preventDefault();
  toggle();
});
function isSlider(control: Element): boolean {
  return control instanceof HTMLInputElement && control.type === "range";
}

view.octaveDown.addEventListener("click", () => keyboard.shift(-1));
view.octaveUp.addEventListener("click", () => keyboard.shift(1));
view.tempo.addEventListener("input", () => take?.setTempo(view.tempo.valueAsNumber));
view.volume.addEventListener("input", () => synth?.setChordVolume(view.volume.valueAsNumber / 100));
view.metronome.addEventListener("change", () => {
  if (take) take.metronome = view.metronome.checked;
});
view.temperature.addEventListener("input", () => {
  wishes = { ...wishes, temperature: view.temperature.valueAsNumber };
  connection.setTemperature(view.temperature.valueAsNumber);
});
view.model.addEventListener("change", () => {
  wishes = { ...wishes, model: view.model.value };
  if (take) stop();
  else void connection.open(wishes).catch(() => undefined);
});

const midi = new MidiInput(player, (names) => {
  view.midi.textContent = names.length ? `MIDI: ${names.join(", ")}` : "MIDI: plug one in";
});
async function connectMidi(): Promise<void> {
  try {
    await midi.connect();
    view.midi.disabled = true;
  } catch {
    view.midi.textContent = "MIDI not allowed";
  }
}
view.midi.hidden = !MidiInput.available;
view.midi.addEventListener("click", () => void connectMidi());
void MidiInput.allowed().then((allowed) => (allowed ? connectMidi() : undefined));

// --- the two clocks that drive it ----------------------------------------------------------------

startTicker(() => take?.tick());

function paint(): void {
  view.draw(shownTake, take?.position() ?? stoppedAt, take !== null);
  requestAnimationFrame(paint);
}
requestAnimationFrame(paint);

/** For the curious, in the console: what the current or last take did, frame by frame. */
export interface Inspection {
  readonly playing: boolean;
  /** Position in frames; negative in the count-in. */
  readonly position: number;
  readonly late: number;
  /** Seconds; see `Ledger.margin`. */
  readonly margin: number | null;
  readonly frames: readonly FrameRecord[];
}

const inspection: Inspection = {
  get playing() {
    return take !== null;
  },
  get position() {
    return take?.position() ?? stoppedAt;
  },
  get late() {
    return shownTake?.ledger.late ?? 0;
  },
  get margin() {
    return shownTake?.ledger.margin ?? null;
  },
  get frames() {
    return [...(shownTake?.ledger.frames ?? [])];
  },
};
Object.defineProperty(window, "gapt", { value: inspection });

void connection.open(wishes).catch(() => undefined);
