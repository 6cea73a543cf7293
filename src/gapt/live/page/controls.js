/**
 * The controls: their values, their names on screen, and what the browser remembers of them.
 * Owns the elements; what they do is decided in `main`.
 */
import { STYLES } from "./comping.js";
import { element } from "./dom.js";
import { SOUNDS } from "./instruments.js";
import { remember, remembered } from "./memory.js";
import { noteName } from "./names.js";
/** The shipped models in a few words. */
const CHARACTERS = {
    gapt: "varied, and follows you",
    mle: "trained on songs only; slow to recover from a wrong key",
    realchords: "rich chords that rarely change",
};
export class Controls {
    start = element("start");
    tempo = element("tempo");
    tap = element("tap");
    metre = element("metre");
    listen = element("listen");
    models = element("models");
    temperature = element("temperature");
    styles = [...document.querySelectorAll("input[name=style]")];
    chordsOn = element("chords-on");
    chordsSound = element("chords-sound");
    chordsVolume = element("chords-volume");
    melodyOn = element("melody-on");
    melodySound = element("melody-sound");
    melodyVolume = element("melody-volume");
    metronome = element("metronome");
    clickVolume = element("click-volume");
    advanced = element("advanced");
    lookahead = element("lookahead");
    commit = element("commit");
    offset = element("offset");
    offsetAuto = element("offset-auto");
    calibrate = element("calibrate");
    explain = element("explain");
    octaveDown = element("octave-down");
    octaveUp = element("octave-up");
    constructor() {
        for (const select of [this.chordsSound, this.melodySound]) {
            select.replaceChildren(...SOUNDS.map((name) => new Option(name, name)));
        }
        for (const control of document.querySelectorAll("[data-keep]"))
            this.keep(control);
        for (const slider of [this.tempo, this.temperature, this.offset]) {
            slider.addEventListener("input", () => this.showValue(slider));
            this.showValue(slider);
        }
        for (const control of document.querySelectorAll("[aria-describedby]")) {
            this.describe(control);
        }
        this.explain.addEventListener("click", () => {
            const explained = document.body.classList.toggle("explained");
            this.explain.setAttribute("aria-pressed", String(explained));
        });
    }
    get beatsPerBar() {
        return Number(this.metre.value);
    }
    get style() {
        return STYLES.find((style) => this.styles.some((s) => s.checked && s.value === style)) ?? "block";
    }
    get sounds() {
        return { chords: this.chordsSound.value, melody: this.melodySound.value };
    }
    get volumes() {
        const volume = (on, slider) => on ? slider.valueAsNumber / 100 : 0;
        return {
            chords: volume(this.chordsOn.checked, this.chordsVolume),
            melody: volume(this.melodyOn.checked, this.melodyVolume),
            click: volume(true, this.clickVolume),
        };
    }
    /** Of the metre, or how long the partner only listens. */
    sayFromNextStart() {
        element("later").textContent = "Counts from the next start.";
    }
    setPlaying(playing) {
        element("later").textContent = "";
        this.start.textContent = playing ? "Stop" : "Start";
        document.body.classList.toggle("playing", playing);
    }
    /** @param onChoose is told who is to play */
    setModels(names, current, onChoose) {
        const radios = [...this.models.querySelectorAll("input")];
        if (radios.length && radios.map((radio) => radio.value).join() === names.join()) {
            for (const radio of radios)
                radio.checked = radio.value === current; // and keeps the focus
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
    nextModel() {
        const radios = [...this.models.querySelectorAll("input")];
        const now = radios.findIndex((radio) => radio.checked);
        radios[(now + 1) % radios.length]?.click();
    }
    moveTo(slider, value) {
        slider.value = String(value);
        // As when the player moves it: heard at once, and remembered.
        for (const type of ["input", "change"])
            slider.dispatchEvent(new Event(type, { bubbles: true }));
    }
    setTemperature(value) {
        this.temperature.value = String(value);
        this.showValue(this.temperature);
    }
    /** @param auto whether it is left to the browser */
    showOffset(milliseconds, auto) {
        this.offsetAuto.hidden = auto;
        this.offset.value = String(Math.round(milliseconds));
        this.showValue(this.offset);
        if (auto)
            element("offset-value").prepend("auto, ");
    }
    setOctave(base) {
        element("octave").textContent = noteName(base);
    }
    /** Resting on a control, the mouse is told what a screen reader is. */
    describe(control) {
        control.title = element(control.getAttribute("aria-describedby")).textContent;
    }
    showValue(slider) {
        const unit = slider === this.offset ? " ms" : "";
        element(`${slider.id}-value`).textContent = slider.value + unit;
    }
    /** A control with `data-keep` is as it was left when the page opens again. */
    keep(control) {
        const radio = control instanceof HTMLInputElement && control.type === "radio";
        const checkbox = control instanceof HTMLInputElement && control.type === "checkbox";
        const name = radio ? control.name : control.id;
        const kept = remembered(name);
        if (kept !== null) {
            if (radio)
                control.checked = control.value === kept;
            else if (checkbox)
                control.checked = kept === "true";
            else if (isOffered(control, kept))
                control.value = kept;
        }
        control.addEventListener("change", () => {
            remember(name, checkbox ? String(control.checked) : control.value);
        });
    }
}
/** An option that an older version offered may be gone. */
function isOffered(control, value) {
    if (control instanceof HTMLInputElement)
        return true;
    return [...control.options].some((option) => option.value === value);
}
