/** Wires the page: controls and keys to the take, the take to the server and the sound. */

import { TapTempo } from "./calibration.js";
import { CalibrationDialog } from "./calibration_dialog.js";
import { FRAMES_PER_BEAT, Ticker } from "./clock.js";
import { Connection, type Wishes } from "./connection.js";
import { Controls } from "./controls.js";
import { gauges } from "./gauges.js";
import { ComputerKeyboard, KEY_CODES, listenToPiano, MidiInput, type Player } from "./input.js";
import { InputOffset } from "./input_offset.js";
import { printedLetters, relabel } from "./legends.js";
import { Pace } from "./pace.js";
import { framesPerBar, type Performance, type Recording } from "./performance.js";
import type { ReadyMessage, SetMessage } from "./protocol.js";
import { Replay } from "./replay.js";
import { element, Stage } from "./stage.js";
import { Synth } from "./synth.js";
import { Take } from "./take.js";
import { TakesList } from "./takes_list.js";
import { Timing } from "./timing.js";

const KEEP_MS = 10_000;
const READINGS_MS = 400;
/** Between pictures while nothing plays: shorter than it takes until a take begins. */
const RESTING_MS = 100;

const controls = new Controls();
const stage = new Stage();
const ticker = new Ticker();
const pace = new Pace();
let synth: Synth | null = null;
let take: Take | null = null;
let replay: Replay | null = null;
/** What plays, or played last: the roll still shows it. */
let shown: Performance | null = null;
let stoppedAt = 0;
let starting = false;
/** Whether the temperature is the user's, rather than the server's. */
let temperatureChosen = false;
let model: string | null = null;
let keepsTakes = true;

// --- the server ----------------------------------------------------------------------------------

function wishes(): Wishes {
  const lookahead = Number(controls.lookahead.value);
  return {
    model,
    temperature: temperatureChosen ? controls.temperature.valueAsNumber : null,
    lookahead: Math.max(lookahead, Number(controls.commit.value)),
    commit: Number(controls.commit.value),
    listen: Number(controls.listen.value) * framesPerBar(controls.beatsPerBar),
  };
}

const connection = new Connection({
  onReady(ready) {
    if (take) {
      take.resume(ready);
      const { listen: _, ...chosen } = wishes(); // perhaps while there was no connection
      change(chosen);
    }
    showSettings(ready);
    showConnected();
  },
  onPlan: (plan) => take?.onPlan(plan),
  onSettings: (settings) => take?.onSettings(settings),
  onLost() {
    const playing = "Connection lost. Playing on from the plan…";
    controls.setStatus(take ? playing : "Connection lost. Reconnecting…", "bad");
  },
  onRefused(reason) {
    // No session is asked for until the next start, so that the reason stays to be read.
    if (take) end();
    controls.setStatus(reason, "bad");
  },
});

function showConnected(): void {
  const lost = "This browser keeps no takes here (a private window, or no space).";
  controls.setStatus(keepsTakes ? "Connected" : lost, keepsTakes ? "good" : "bad");
}

function showSettings({ models, settings }: ReadyMessage): void {
  controls.setModels(models, model ?? settings.model, (name) => {
    model = name;
    change({ model });
  });
  if (!temperatureChosen) controls.setTemperature(settings.temperature);
}

/** Counts at once in a take; a session that waits is replaced when a take starts. */
function change(setting: Omit<SetMessage, "type">): void {
  if (take) connection.send({ type: "set", ...setting });
}

// --- playing -------------------------------------------------------------------------------------

/** Created at the first touch: browsers allow no sound before it. */
function sound(): Synth {
  if (!synth) {
    synth = new Synth();
    synth.loaded.catch(() => controls.setStatus("The piano's recordings did not load.", "bad"));
    mix();
    showOffset();
  }
  void synth.wake();
  return synth;
}

function mix(): void {
  if (!synth) return;
  Object.assign(synth.sounds, controls.sounds);
  const { chords, melody, click } = controls.volumes;
  synth.setVolume("chords", chords);
  synth.setVolume("melody", melody);
  synth.setVolume("click", click);
}

async function start(): Promise<void> {
  if (take || starting) return;
  if (replay) stop();
  starting = true;
  const instrument = sound();
  try {
    const [ready] = await Promise.all([connection.unusedSession(wishes()), instrument.wake()]);
    const settings = {
      bpm: controls.tempo.valueAsNumber,
      beatsPerBar: controls.beatsPerBar,
      listen: wishes().listen ?? 0,
      metronome: controls.metronome.checked,
      style: controls.style,
    };
    shown = take = new Take(instrument, connection, ready, settings, latency);
    stage.clear();
    setPlaying(true);
  } catch {
    // The connection has said why.
  } finally {
    starting = false;
  }
}

function stop(): void {
  // A session is one take: the next one starts cold.
  if (end()) void connection.begin(wishes()).catch(() => undefined);
}

/** Ends what plays; returns whether it was a take. */
function end(): boolean {
  if (!take && !replay) return false;
  const ended = take;
  stoppedAt = (take ?? replay)!.position();
  if (ended) void keep(ended.recording());
  take = replay = null;
  synth?.stop();
  for (const pitch of replayed) stage.piano.setPressed(pitch, false);
  replayed.clear();
  setPlaying(false);
  stage.clear();
  return ended !== null;
}

function setPlaying(playing: boolean): void {
  controls.setPlaying(playing);
  if (playing) ticker.start(tick);
  else ticker.stop(tick);
}

function toggle(): void {
  if (take || replay) stop();
  else void start();
}

const player: Player = {
  press(pitch, velocity, when) {
    if (calibration.measuring) {
      calibration.tap(when);
      return;
    }
    sound().press(pitch, velocity);
    take?.press(pitch, velocity, secondsSince(when));
    stage.piano.setPressed(pitch, true);
  },
  release(pitch, when) {
    synth?.release(pitch);
    take?.release(pitch, secondsSince(when));
    stage.piano.setPressed(pitch, false);
  },
};

function secondsSince(when: number): number {
  return Math.max(0, performance.now() - when) / 1000;
}

// A page that nobody looks at keeps no computer awake; a key wakes it, too.
document.addEventListener("visibilitychange", () => {
  if (document.hidden && !take && !replay && !starting) void synth?.sleep();
  else void synth?.wake();
});

// --- past takes ----------------------------------------------------------------------------------

const replayed = new Set<number>();

const takes = new TakesList((recording) => {
  stop();
  const onKey = (pitch: number, down: boolean): void => {
    if (down) replayed.add(pitch);
    else replayed.delete(pitch);
    stage.piano.setPressed(pitch, down);
  };
  shown = replay = new Replay(sound(), recording, controls.style, onKey);
  stage.clear();
  stage.showGauges({ fit: null, variety: 0 }); // they are of what is played now
  setPlaying(true);
});

async function keep(recording: Recording): Promise<void> {
  try {
    await takes.keep(recording);
    keepsTakes = true;
  } catch {
    keepsTakes = false;
    showConnected();
  }
}

// What is played is never lost: not with a closed window either.
setInterval(() => take && void keep(take.recording()), KEEP_MS);
addEventListener("pagehide", () => take && void keep(take.recording()));

// --- how late the player is ----------------------------------------------------------------------

const inputOffset = new InputOffset();

function latency(): number {
  return inputOffset.seconds(synth?.audio);
}

function setOffset(milliseconds: number | null): void {
  inputOffset.set(milliseconds);
  showOffset();
}

function showOffset(): void {
  controls.showOffset(1000 * latency(), inputOffset.milliseconds === null);
}

const calibration = new CalibrationDialog(ticker, (seconds) => {
  setOffset(Math.min(400, Math.max(-50, Math.round(1000 * seconds))));
  const frame = 60 / controls.tempo.valueAsNumber / FRAMES_PER_BEAT;
  // A quarter of a frame can be made up for at any setting; more must be planned.
  const needed = 1 + Math.ceil(Math.max(0, seconds / frame - 0.25));
  const measured = `${inputOffset.milliseconds} ms.`;
  if (needed <= Number(controls.commit.value)) return `${measured} Your notes are heard as so much earlier.`;
  const enough = [...controls.commit.options].find((option) => Number(option.value) >= needed);
  controls.commit.value = (enough ?? controls.commit.options[controls.commit.length - 1]!).value;
  controls.commit.dispatchEvent(new Event("change"));
  return (
    `${measured} That is long: chords are now fixed ${controls.commit.selectedOptions[0]!.text} ` +
    "ahead, so that they are still in time. A wire, or the loudspeakers built in, would be quicker."
  );
});
controls.calibrate.addEventListener("click", () => {
  stop();
  calibration.open(sound());
});
controls.offset.addEventListener("input", () => setOffset(controls.offset.valueAsNumber));
controls.offsetAuto.addEventListener("click", () => setOffset(null));
showOffset();

// --- controls ------------------------------------------------------------------------------------

const keyboard = new ComputerKeyboard(player, showOctave);
function showOctave(base: number): void {
  controls.setOctave(base);
  stage.piano.setOctave(base);
}
showOctave(keyboard.base);
listenToPiano(stage.piano.element, player);
void printedLetters().then((letterOf) => {
  if (!letterOf) return;
  relabel(letterOf);
  stage.piano.setLetters(KEY_CODES.map(letterOf));
});

const tapTempo = new TapTempo();
function tap(when: number): void {
  const bpm = tapTempo.tap(when / 1000);
  if (bpm !== null) controls.moveTo(controls.tempo, Math.min(200, Math.max(40, Math.round(bpm))));
}
controls.tap.addEventListener("pointerdown", (event) => tap(event.timeStamp));
controls.tap.addEventListener("keydown", (event) => {
  if ((event.key === "Enter" || event.key === " ") && !event.repeat) tap(event.timeStamp);
});

controls.start.addEventListener("click", toggle);
addEventListener("keydown", (event) => {
  if (event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
  const target = event.target instanceof Element ? event.target : null;
  if (target?.closest("dialog, select")) return;
  if (event.code === "KeyB") tap(event.timeStamp);
  else if (event.code === "KeyM") controls.metronome.click();
  else if (event.code === "KeyN") controls.nextModel();
  else if (event.code === "Space") {
    // On a control, Space works that control.
    const control = target?.closest("button, input, summary");
    if (control && !(control instanceof HTMLInputElement && control.type === "range")) return;
    event.preventDefault();
    toggle();
  }
});

controls.octaveDown.addEventListener("click", () => keyboard.shift(-1));
controls.octaveUp.addEventListener("click", () => keyboard.shift(1));
controls.tempo.addEventListener("input", () => take?.setTempo(controls.tempo.valueAsNumber));
controls.metronome.addEventListener("change", () => {
  if (take) take.metronome = controls.metronome.checked;
});
controls.temperature.addEventListener("input", () => {
  temperatureChosen = true;
  change({ temperature: controls.temperature.valueAsNumber });
});
function sendReach(): void {
  const { lookahead, commit } = wishes();
  change({ lookahead: lookahead ?? null, commit: commit ?? null });
}
for (const control of [controls.lookahead, controls.commit]) control.addEventListener("change", sendReach);
for (const style of controls.styles) {
  style.addEventListener("change", () => {
    const playing = take ?? replay;
    if (playing) playing.accompaniment.style = controls.style;
  });
}
for (const control of [
  controls.chordsOn, controls.chordsSound, controls.chordsVolume,
  controls.melodyOn, controls.melodySound, controls.melodyVolume, controls.clickVolume,
]) {
  control.addEventListener("input", mix);
}

const midi = new MidiInput(player, (names) => controls.setMidiPorts(names));
async function connectMidi(): Promise<void> {
  try {
    await midi.connect();
    controls.midi.disabled = true;
  } catch {
    controls.midi.textContent = "Not allowed by the browser";
    controls.midi.title = "Allow MIDI for this page in the browser's address bar, then reload";
  }
}
element("midi-box").hidden = !MidiInput.available;
controls.midi.addEventListener("click", () => void connectMidi());
controls.midiPort.addEventListener("change", () => midi.choose(controls.midiPort.value || null));
void MidiInput.allowed().then((allowed) => (allowed ? connectMidi() : undefined));

// --- the two clocks that drive it ----------------------------------------------------------------

function tick(): void {
  pace.tick(performance.now());
  take?.tick();
  replay?.tick();
  if (replay?.over) stop();
}

const timing = new Timing();
let lastReadingAt = -Infinity;
function paint(now: number): void {
  const playing = take ?? replay;
  const pause = playing ? pace.pause : RESTING_MS;
  if (pause) setTimeout(() => requestAnimationFrame(paint), pause);
  else requestAnimationFrame(paint);
  stage.draw(shown, playing?.position() ?? stoppedAt, playing !== null);
  if (take && now - lastReadingAt > READINGS_MS) {
    lastReadingAt = now;
    const told = take.ledger.frames.filter(({ melody }) => melody !== null);
    stage.showGauges(gauges(told, framesPerBar(take.beatsPerBar)));
    timing.show(take, connection.latency);
    if (timing.failed(take)) fixMore();
  }
}
requestAnimationFrame(paint);

/** When chords come late again and again, more of the plan is fixed: a little later beats never. */
function fixMore(): void {
  const more = controls.commit.options[controls.commit.selectedIndex + 1];
  if (!more) return;
  controls.commit.value = more.value; // not kept: another day the machine may be faster
  sendReach();
  controls.setStatus(`Chords came late, so they are now fixed ${more.text} ahead.`, "bad");
}

/** For the curious, in the console: what the current or last take did, frame by frame. */
const inspection = {
  get playing(): boolean {
    return take !== null || replay !== null;
  },
  /** In frames; negative in the count-in. */
  get position(): number {
    return (take ?? replay)?.position() ?? stoppedAt;
  },
  /** Every frame, and how many were late. */
  get ledger() {
    return shown instanceof Take ? shown.ledger : null;
  },
  /** What the last take would be kept as, now. */
  get recording(): Recording | null {
    return shown instanceof Take ? shown.recording() : null;
  },
  /** The chords that are planned, and how many frames are final. */
  get plan() {
    return shown && { committed: shown.committed, coming: shown.coming(Math.max(0, Math.floor(this.position))) };
  },
  /** Milliseconds to the server and back, and what its clock is ahead. */
  get link() {
    return { latency: connection.latency, clockOffset: connection.clockOffset };
  },
  /** Seconds: see `Take.appliedOffset`; and from the audio clock to the loudspeaker. */
  get delays() {
    const appliedOffset = shown instanceof Take ? shown.appliedOffset : 0;
    return { appliedOffset, output: synth?.audio.outputLatency ?? 0 };
  },
  /** Resolves when the piano can be played. */
  get loaded(): Promise<void> | undefined {
    return synth?.loaded;
  },
};
Object.defineProperty(window, "gapt", { value: inspection });

void connection.begin(wishes()).catch(() => undefined);
