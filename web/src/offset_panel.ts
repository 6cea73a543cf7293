/** How late the player's notes arrive: the slider that says so, and the dialog that measures it. */

import { CalibrationDialog } from "./calibration_dialog.js";
import { FRAMES_PER_BEAT, type Ticker } from "./clock.js";
import type { Controls } from "./controls.js";
import { InputOffset } from "./input_offset.js";
import type { Synth } from "./synth.js";

const LEAST_MS = -50;
const MOST_MS = 400;

export class OffsetPanel {
  private readonly offset = new InputOffset();
  private readonly dialog: CalibrationDialog;

  /**
   * @param audio if there is sound yet
   * @param awake makes the page still, and gives the sound to measure with once there is any
   */
  constructor(
    private readonly controls: Controls,
    ticker: Ticker,
    private readonly audio: () => AudioContext | undefined,
    awake: () => Promise<Synth>,
  ) {
    this.dialog = new CalibrationDialog(ticker, (seconds) => this.onMeasured(seconds));
    controls.calibrate.addEventListener("click", () => {
      void awake().then((synth) => this.dialog.open(synth), () => undefined);
    });
    controls.offset.addEventListener("input", () => this.set(controls.offset.valueAsNumber));
    controls.offsetAuto.addEventListener("click", () => {
      this.set(null);
      controls.offset.focus(); // the button is gone now
    });
    // What the browser reports is known once it plays.
    controls.advanced.addEventListener("toggle", () => this.show());
    this.show();
  }

  get seconds(): number {
    return this.offset.seconds(this.audio());
  }

  get measuring(): boolean {
    return this.dialog.measuring;
  }

  tap(when: number): void {
    this.dialog.tap(when);
  }

  show(): void {
    this.controls.showOffset(1000 * this.seconds, this.offset.milliseconds === null);
  }

  private set(milliseconds: number | null): void {
    this.offset.set(milliseconds);
    this.show();
  }

  private onMeasured(seconds: number): string {
    const { commit, tempo } = this.controls;
    this.set(Math.min(MOST_MS, Math.max(LEAST_MS, Math.round(1000 * seconds))));
    const frame = 60 / tempo.valueAsNumber / FRAMES_PER_BEAT;
    // A quarter of a frame can be made up for at any setting; more must be planned.
    const needed = 1 + Math.ceil(Math.max(0, seconds / frame - 0.25));
    const measured = `${this.offset.milliseconds} ms.`;
    if (needed <= Number(commit.value)) return `${measured} Your notes now count that much earlier.`;
    const enough = [...commit.options].find((option) => Number(option.value) >= needed);
    commit.value = (enough ?? commit.options[commit.length - 1]!).value;
    commit.dispatchEvent(new Event("change"));
    return (
      `${measured} That is long, so chords are now fixed ${commit.selectedOptions[0]!.text} ahead ` +
      "to stay in time. Wired headphones or the built-in speakers would be faster."
    );
  }
}
