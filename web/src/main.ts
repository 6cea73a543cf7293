/** Wires the page: controls and keys to the take, the take to the server and the sound. */

import { TapTempo } from "./calibration.js";
import { Ticker } from "./clock.js";
import { Connection } from "./connection.js";
import { Controls } from "./controls.js";
import { element } from "./dom.js";
import { ComputerKeyboard, KEY_CODES, listenToPiano, type NoteListener } from "./input.js";
import { offerInspection } from "./inspection.js";
import { learnLetters, letterOf } from "./legends.js";
import { MidiBox } from "./midi_box.js";
import { OffsetPanel } from "./offset_panel.js";
import { Pace } from "./pace.js";
import { Painting } from "./painting.js";
import { Partner } from "./partner.js";
import { Player } from "./player.js";
import { ScreenLock } from "./screen_lock.js";
import { giveKeysBackAfterPointing, listenForShortcuts } from "./shortcuts.js";
import { Stage } from "./stage.js";
import { Status } from "./status.js";
import type { TakeSettings } from "./take.js";
import { TakesList } from "./takes_list.js";
import { LateWatch } from "./timing.js";

const SAVE_MS = 10_000;
const NO_SOUND = "The browser does not let sound out. Check the audio output, then try again.";
const MUTED = "Click the page or press a key to turn the sound on.";
const NO_START = "Cannot start until the connection is back.";
const UNSAVED = "Takes cannot be saved here (private window, or storage full).";

const status = new Status(element("status"));
const controls = new Controls();
const stage = new Stage();
const pace = new Pace();
const lateWatch = new LateWatch();
const ticker = new Ticker((now, due) => {
  pace.tick(now, due);
  player.sound.made?.setDry(pace.strained);
});
const screenLock = new ScreenLock();

// --- the server ----------------------------------------------------------------------------------

/** Whether it was to start while there was no connection. */
let startMissed = false;

/** Counts at once in a take; a session that waits is replaced when a take starts. */
const partner = new Partner(controls, (setting) => {
  if (player.take) connection.send({ type: "set", ...setting });
});

const connection = new Connection({
  onReady(ready) {
    if (player.take) {
      player.take.resume(ready);
      connection.send({ type: "set", ...partner.settings }); // perhaps set while there was no connection
    }
    startMissed = false;
    partner.show(ready);
    status.say("line", "Connected", "good");
  },
  onPlan: (plan) => player.take?.onPlan(plan),
  onSettings: (settings) => player.take?.onSettings(settings),
  onLost() {
    startMissed ||= player.busy && !player.playing;
    const meanwhile = player.take ? "Playing on from the plan…" : "Reconnecting…";
    status.say("line", startMissed ? NO_START : `Connection lost. ${meanwhile}`);
  },
  onRefused(reason, idle) {
    // No session is asked for until the next start, so that the reason stays to be read.
    const harmless = idle && !player.take;
    if (player.take) player.stop();
    if (harmless) status.say("line", "Ready. Press Start.", "good");
    else status.say("line", reason);
  },
});

// --- playing -------------------------------------------------------------------------------------

const player: Player = new Player(connection, () => offset.seconds, {
  onSynth(synth) {
    synth.loaded.catch(() => status.say("piano", "The piano's recordings did not load."));
    synth.audio.addEventListener("statechange", () => {
      if (synth.awake) status.clear("sound");
    });
    mix();
    offset.show();
  },
  onMuted(muted) {
    if (muted) status.say("sound", MUTED);
    else status.clear("sound");
  },
  onKey: (pitch, down) => stage.piano.setPressed(pitch, down),
  onPlaying(playing) {
    status.clear("news");
    controls.setPlaying(playing);
    stage.clear();
    screenLock.want(playing);
    takes.mark(player.replay?.recording.began ?? null);
    if (playing) ticker.start(tick);
    else {
      ticker.stop(tick);
      player.sound.made?.setDry(false);
    }
  },
  onTakeEnded: (take) => void takes.finish(take.recording()),
});

function mix(): void {
  const synth = player.sound.made;
  if (!synth) return;
  Object.assign(synth.sounds, controls.sounds);
  const { chords, melody, click } = controls.volumes;
  synth.setVolume("chords", chords);
  synth.setVolume("melody", melody);
  synth.setVolume("click", click);
}

async function start(): Promise<void> {
  status.clear("sound");
  status.say("start", "Starting…", "wait");
  const { wishes, settings: asked } = partner;
  const { beatsPerBar } = controls;
  const settings = (): TakeSettings => ({
    bpm: controls.tempo.valueAsNumber,
    beatsPerBar,
    listen: wishes.listen ?? 0,
    metronome: controls.metronome.checked,
    style: controls.style,
  });
  try {
    await player.start(wishes, settings); // without a session: the line has said why
    partner.tellChangesSince(asked);
  } catch {
    status.say("sound", NO_SOUND);
  }
  status.clear("start");
}

function stop(): void {
  // A session is one take: the next one starts cold.
  if (player.stop()) void connection.begin(partner.wishes);
}

function toggle(): void {
  if (player.playing) stop();
  else if (!player.busy) void start();
}

document.addEventListener("visibilitychange", () => player.setHidden(document.hidden));
// Those after which browsers let sound begin; a finger's touch counts when it is lifted.
for (const type of ["pointerup", "keydown", "click"]) {
  addEventListener(type, () => player.sound.wake(), true);
}

// --- past takes ----------------------------------------------------------------------------------

const takes = new TakesList({
  onReplay(recording) {
    stop();
    player.playAgain(recording, controls.style);
  },
  onStop: stop,
  onKept(kept) {
    if (kept) status.clear("storage");
    else status.say("storage", UNSAVED);
  },
  onFailed: (text) => status.say("news", text),
});

// What is played is never lost: not with a closed window either.
setInterval(() => {
  if (player.take) void takes.save(player.take.recording());
}, SAVE_MS);
addEventListener("pagehide", () => {
  if (player.take) takes.saveInHaste(player.take.recording());
});

// --- controls ------------------------------------------------------------------------------------

const offset = new OffsetPanel(controls, ticker, () => player.sound.made?.audio, () => {
  stop();
  const awake = player.sound.awake();
  awake.then(() => status.clear("sound"), () => status.say("sound", NO_SOUND));
  return awake;
});

/** While the input offset is measured, every key is a tap. */
const hands: NoteListener = {
  press(pitch, velocity, when) {
    if (offset.measuring) offset.tap(when);
    else player.press(pitch, velocity, when);
  },
  release: (pitch, when) => player.release(pitch, when),
};

const keyboard = new ComputerKeyboard(hands, showOctave);
function showOctave(base: number): void {
  controls.setOctave(base);
  stage.piano.setOctave(base);
}
showOctave(keyboard.base);
listenToPiano(stage.piano.element, hands);
void learnLetters(() => stage.piano.setLetters(KEY_CODES.map(letterOf)));

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
listenForShortcuts({
  toggle,
  tap,
  metronome: () => controls.metronome.click(),
  nextModel: () => controls.nextModel(),
});
giveKeysBackAfterPointing();

controls.octaveDown.addEventListener("click", () => keyboard.shift(-1));
controls.octaveUp.addEventListener("click", () => keyboard.shift(1));
controls.tempo.addEventListener("input", () => player.take?.setTempo(controls.tempo.valueAsNumber));
controls.metronome.addEventListener("change", () => {
  if (player.take) player.take.metronome = controls.metronome.checked;
});
for (const control of [controls.metre, controls.listen]) {
  control.addEventListener("change", () => {
    if (player.take) controls.sayFromNextStart();
  });
}
for (const style of controls.styles) {
  style.addEventListener("change", () => {
    player.playing?.accompaniment.setStyle(controls.style);
  });
}
for (const control of [
  controls.chordsOn, controls.chordsSound, controls.chordsVolume,
  controls.melodyOn, controls.melodySound, controls.melodyVolume, controls.clickVolume,
]) {
  control.addEventListener("input", mix);
}

new MidiBox(hands);

// --- the two clocks that drive it ----------------------------------------------------------------

function tick(): number {
  const due = player.tick();
  if (player.take && lateWatch.failed(player.take)) {
    // A little later beats never.
    const more = partner.fixMore();
    if (more) status.say("news", `Chords came late, so they are now fixed ${more} ahead.`);
  }
  return due;
}

new Painting(stage, player, connection, pace);

offerInspection(player, connection);
void connection.begin(partner.wishes);
