/** The box in which MIDI keyboards are connected and chosen. Owns its elements. */
import { element } from "./dom.js";
import { MidiInput } from "./input.js";
const LOOKING = "Looking for keyboards…"; // Firefox, without one, for some ten seconds
const DENIED = "Not allowed. Allow MIDI for this page in the browser's address bar, plug a keyboard in, then reload.";
const NONE = "No keyboard found. Plug one in.";
export class MidiBox {
    button = element("midi");
    says = element("midi-says");
    port = element("midi-port");
    input;
    constructor(notes) {
        this.input = new MidiInput(notes, (names) => this.show(names));
        element("midi-box").hidden = !MidiInput.available;
        this.button.addEventListener("click", () => void this.connect());
        this.port.addEventListener("change", () => this.input.choose(this.port.value || null));
        void MidiInput.allowed().then((allowed) => (allowed ? this.connect() : undefined));
    }
    async connect() {
        this.says.textContent = LOOKING;
        try {
            await this.input.connect();
            if (document.activeElement === this.button)
                this.says.focus(); // else it would be lost
            this.button.hidden = true;
        }
        catch {
            this.says.textContent = DENIED;
        }
    }
    show(names) {
        const { length } = names;
        this.says.textContent = length ? `${length} keyboard${length > 1 ? "s" : ""} connected` : NONE;
        const { port } = this;
        const chosen = port.value;
        const known = chosen && !names.includes(chosen) ? [...names, chosen] : names;
        port.replaceChildren(new Option("all", ""), ...known.map((name) => new Option(name, name)));
        port.value = chosen;
        element("midi-choice").hidden = known.length === 0;
    }
}
