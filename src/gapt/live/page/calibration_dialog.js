/** The dialog in which the input offset is tapped. Owns its elements. */
import { Calibration, TAPS } from "./calibration.js";
import { element } from "./dom.js";
/** Whoever still taps a key has not read what was measured. */
const READ_MS = 1000;
export class CalibrationDialog {
    ticker;
    onMeasured;
    dialog = element("calibration");
    says = element("calibration-says");
    close = element("calibration-close");
    field = element("tap-field");
    calibration = null;
    measuredAt = -Infinity;
    tick = () => this.calibration?.tick() ?? Infinity;
    /** @param onMeasured is told the offset in seconds, and says in words what follows from it */
    constructor(ticker, onMeasured) {
        this.ticker = ticker;
        this.onMeasured = onMeasured;
        this.close.addEventListener("click", ({ detail }) => {
            const pointed = detail > 0;
            if (pointed || performance.now() - this.measuredAt > READ_MS)
                this.dialog.close();
        });
        this.dialog.addEventListener("close", () => this.end());
        this.field.addEventListener("pointerdown", (event) => this.tap(event.timeStamp));
        this.dialog.addEventListener("keydown", (event) => {
            const leaving = event.key === "Tab" || event.key === "Escape" || event.key === "Shift";
            if (event.repeat || leaving || event.target === this.close)
                return;
            event.preventDefault();
            this.tap(event.timeStamp);
        });
    }
    get measuring() {
        return this.calibration !== null;
    }
    open(synth) {
        this.calibration = new Calibration(synth);
        this.ticker.start(this.tick);
        this.says.textContent = "Listen to a few clicks, then tap along.";
        this.close.textContent = "Cancel";
        this.dialog.showModal();
        this.field.focus();
    }
    /** @param when as events carry it */
    tap(when) {
        if (!this.calibration)
            return;
        const offset = this.calibration.tap((performance.now() - when) / 1000);
        this.says.textContent = `${this.calibration.taps} of ${TAPS}`;
        if (offset === null)
            return;
        this.end();
        this.says.textContent = this.onMeasured(offset);
        this.measuredAt = performance.now();
        this.close.textContent = "Done";
        this.close.focus();
    }
    end() {
        this.calibration = null;
        this.ticker.stop(this.tick);
    }
}
