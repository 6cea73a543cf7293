/**
 * The computer's keyboard belongs to playing: the keys that work the page from anywhere, and who has
 * the focus. Whoever works by keyboard keeps the focus where it is; whoever works by pointer gets
 * the keys back for playing.
 */
export function listenForShortcuts(shortcuts) {
    addEventListener("keydown", (event) => {
        if (event.ctrlKey || event.metaKey || event.altKey)
            return;
        const focused = document.activeElement;
        if (focused instanceof HTMLSelectElement || document.querySelector("dialog[open]"))
            return;
        if (event.code === "Space") {
            // On a control, Space works that control.
            const control = focused?.closest("button, input, summary");
            if (control && !(control instanceof HTMLInputElement && control.type === "range"))
                return;
            event.preventDefault();
            if (!event.repeat)
                shortcuts.toggle();
        }
        else if (event.repeat)
            return;
        else if (event.code === "KeyB")
            shortcuts.tap(event.timeStamp);
        else if (event.code === "KeyM")
            shortcuts.metronome();
        else if (event.code === "KeyN")
            shortcuts.nextModel();
    });
}
export function giveKeysBackAfterPointing() {
    let pointing = false;
    addEventListener("pointerdown", () => (pointing = true), true);
    const giveBack = () => {
        const focused = document.activeElement;
        if (pointing && focused instanceof HTMLElement && !focused.closest("dialog"))
            focused.blur();
    };
    addEventListener("click", (event) => {
        // A list stays open until something is chosen.
        if (event.detail === 0 || document.activeElement instanceof HTMLSelectElement)
            return;
        giveBack();
        // WebKit gives a label's control the focus only after this.
        if (event.target instanceof Element && event.target.closest("label"))
            setTimeout(giveBack);
    });
    for (const select of document.querySelectorAll("select"))
        select.addEventListener("change", giveBack);
    for (const dialog of document.querySelectorAll("dialog"))
        dialog.addEventListener("close", giveBack);
    addEventListener("keydown", (event) => {
        if (event.key === "Tab")
            pointing = false;
        const inList = document.activeElement instanceof HTMLSelectElement;
        if (!pointing || !inList || event.key.length > 1)
            return;
        // It was opened with the mouse and left without choosing: letters play again.
        giveBack();
        event.preventDefault();
    }, true);
}
