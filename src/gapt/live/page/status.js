/**
 * The line that says how things are: of all that holds now, the gravest. So nothing is covered by
 * what matters less, or forgotten because something else came up. Knows only words.
 */
/** The gravest first. */
const LEVELS = ["bad", "wait", "good"];
/** What there is to say something of, the most urgent first. */
const SUBJECTS = ["sound", "line", "start", "news", "storage", "piano"];
export class Status {
    line;
    said = new Map();
    constructor(line) {
        this.line = line;
    }
    /** Holds until something else is said of it, or it is cleared. */
    say(subject, text, level = "bad") {
        this.said.set(subject, { text, level });
        this.show();
    }
    clear(subject) {
        if (this.said.delete(subject))
            this.show();
    }
    show() {
        const all = SUBJECTS.flatMap((subject) => this.said.get(subject) ?? []);
        const gravest = LEVELS.flatMap((level) => all.filter((each) => each.level === level))[0];
        // What stays as it is is not set again: screen readers would read it out.
        if (!gravest || gravest.text === this.line.textContent)
            return;
        this.line.textContent = gravest.text;
        this.line.dataset["level"] = gravest.level;
    }
}
