/**
 * The controls: their values, their names on screen, and what the browser remembers of them.
 * Owns the elements; what they do is decided in `main`.
 */

import { STYLES, type Style } from "./comping.js";
import { element } from "./dom.js";
import { SOUNDS, type Sound } from "./instruments.js";
import { remember, remembered } from "./memory.js";
import { noteName } from "./names.js";

type Control = HTMLInputElement | HTMLSelectElement;

/** The shipped models in a few words. */
const CHARACTERS: Record<string, string> = {
  gapt: "varied, and follows you",
  mle: "trained on songs only; slow to recover from a wrong key",
  realchords: "rich chords that rarely change",
};

export class Controls {
  readonly start = element<HTMLButtonElement>("start");
  readonly tempo = element<HTMLInputElement>("tempo");
  readonly tap = element<HTMLButtonElement>("tap");
  readonly metre = element<HTMLSelectElement>("metre");
  readonly listen = element<HTMLSelectElement>("listen");
  readonly models = element("models");
  readonly temperature = element<HTMLInputElement>("temperature");
  readonly styles = [...document.querySelectorAll<HTMLInputElement>("input[name=style]")];
  readonly chordsOn = element<HTMLInputElement>("chords-on");
  readonly chordsSound = element<HTMLSelectElement>("chords-sound");
  readonly chordsVolume = element<HTMLInputElement>("chords-volume");
  readonly melodyOn = element<HTMLInputElement>("melody-on");
  readonly melodySound = element<HTMLSelectElement>("melody-sound");
  readonly melodyVolume = element<HTMLInputElement>("melody-volume");
  readonly metronome = element<HTMLInputElement>("metronome");
  readonly clickVolume = element<HTMLInputElement>("click-volume");
  readonly advanced = element<HTMLDetailsElement>("advanced");
  readonly lookahead = element<HTMLSelectElement>("lookahead");
  readonly commit = element<HTMLSelectElement>("commit");
  readonly offset = element<HTMLInputElement>("offset");
  readonly offsetAuto = element<HTMLButtonElement>("offset-auto");
  readonly calibrate = element<HTMLButtonElement>("calibrate");
  readonly explain = element<HTMLButtonElement>("explain");
  readonly octaveDown = element<HTMLButtonElement>("octave-down");
  readonly octaveUp = element<HTMLButtonElement>("octave-up");

  constructor() {
    for (const select of [this.chordsSound, this.melodySound]) {
      select.replaceChildren(...SOUNDS.map((name) => new Option(name, name)));
    }
    for (const control of document.querySelectorAll<Control>("[data-keep]")) this.keep(control);
    for (const slider of [this.tempo, this.temperature, this.offset]) {
      slider.addEventListener("input", () => this.showValue(slider));
      this.showValue(slider);
    }
    for (const control of document.querySelectorAll<HTMLElement>("[aria-describedby]")) {
      this.describe(control);
    }
    this.explain.addEventListener("click", () => {
      const explained = document.body.classList.toggle("explained");
      this.explain.setAttribute("aria-pressed", String(explained));
    });
  }

  get beatsPerBar(): number {
    return Number(this.metre.value);
  }

  get style(): Style {
    return STYLES.find((style) => this.styles.some((s) => s.checked && s.value === style)) ?? "block";
  }

  get sounds(): { chords: Sound; melody: Sound } {
    return { chords: this.chordsSound.value as Sound, melody: this.melodySound.value as Sound };
  }

  get volumes(): { chords: number; melody: number; click: number } {
    const volume = (on: boolean, slider: HTMLInputElement): number =>
      on ? slider.valueAsNumber / 100 : 0;
    return {
      chords: volume(this.chordsOn.checked, this.chordsVolume),
      melody: volume(this.melodyOn.checked, this.melodyVolume),
      click: volume(true, this.clickVolume),
    };
  }

  /** Of the metre, or how long the partner only listens. */
  sayFromNextStart(): void {
    element("later").textContent = "Counts from the next start.";
  }

  setPlaying(playing: boolean): void {
    element("later").textContent = "";
    this.start.textContent = playing ? "Stop" : "Start";
    document.body.classList.toggle("playing", playing);
  }

  /** @param onChoose is told who is to play */
  setModels(names: readonly string[], current: string, onChoose: (name: string) => void): void {
    const radios = [...this.models.querySelectorAll("input")];
    if (radios.length && radios.map((radio) => radio.value).join() === names.join()) {
      for (const radio of radios) radio.checked = radio.value === current; // and keeps the focus
      return;
    }
    const choices = names.map((name) => {
      const label = document.createElement("label");
      const radio = document.createElement("input");
      const text = document.createElement("span");
      Object.assign(radio, { type: "radio", name: "model", value: name, checked: name === current });
      text.textContent = name;
      label.title = CHARACTERS[name] ?? "";
      radio.addEventListener("change", () => onChoose(name));
      label.append(radio, text);
      return label;
    });
    this.models.replaceChildren(...choices);
    const known = names.filter((name) => name in CHARACTERS);
    const characters = known.map((name) => ` ${name}: ${CHARACTERS[name]}.`);
    element("characters").textContent = characters.join("");
    this.describe(this.models);
  }

  /** The model after the one that is chosen, as if it had been clicked. */
  nextModel(): void {
    const radios = [...this.models.querySelectorAll("input")];
    const now = radios.findIndex((radio) => radio.checked);
    radios[(now + 1) % radios.length]?.click();
  }

  moveTo(slider: HTMLInputElement, value: number): void {
    slider.value = String(value);
    // As when the player moves it: heard at once, and remembered.
    for (const type of ["input", "change"]) slider.dispatchEvent(new Event(type, { bubbles: true }));
  }

  setTemperature(value: number): void {
    this.temperature.value = String(value);
    this.showValue(this.temperature);
  }

  /** @param auto whether it is left to the browser */
  showOffset(milliseconds: number, auto: boolean): void {
    this.offsetAuto.hidden = auto;
    this.offset.value = String(Math.round(milliseconds));
    this.showValue(this.offset);
    if (auto) element("offset-value").prepend("auto, ");
  }

  setOctave(base: number): void {
    element("octave").textContent = noteName(base);
  }

  /** Resting on a control, the mouse is told what a screen reader is. */
  private describe(control: HTMLElement): void {
    control.title = element(control.getAttribute("aria-describedby")!).textContent!;
  }

  private showValue(slider: HTMLInputElement): void {
    const unit = slider === this.offset ? " ms" : "";
    element(`${slider.id}-value`).textContent = slider.value + unit;
  }

  /** A control with `data-keep` is as it was left when the page opens again. */
  private keep(control: Control): void {
    const radio = control instanceof HTMLInputElement && control.type === "radio";
    const checkbox = control instanceof HTMLInputElement && control.type === "checkbox";
    const name = radio ? control.name : control.id;
    const kept = remembered(name);
    if (kept !== null) {
      if (radio) control.checked = control.value === kept;
      else if (checkbox) control.checked = kept === "true";
      else if (isOffered(control, kept)) control.value = kept;
    }
    control.addEventListener("change", () => {
      remember(name, checkbox ? String(control.checked) : control.value);
    });
  }
}

/** An option that an older version offered may be gone. */
function isOffered(control: Control, value: string): boolean {
  if (control instanceof HTMLInputElement) return true;
  return [...control.options].some((option) => option.value === value);
}
