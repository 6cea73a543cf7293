/** What is printed on the computer keyboard's keys, and where the page speaks of them. */
/**
 * @returns what this keyboard's layout prints on a key, by its position's name (`event.code`); null
 * where the browser does not tell, and the page keeps to the US layout
 */
export async function printedLetters() {
    const keyboard = navigator
        .keyboard;
    try {
        const layout = await keyboard?.getLayoutMap();
        return layout?.size ? (code) => layout.get(code)?.toUpperCase() : null;
    }
    catch {
        return null;
    }
}
/** Puts them in place of the US letters, in all that speaks of keys (`data-keys`: their codes). */
export function relabel(letterOf) {
    for (const speaking of document.querySelectorAll("[data-keys]")) {
        for (const code of speaking.dataset["keys"].split(" ")) {
            const known = code === "Quote" ? "'" : code.replace("Key", "");
            const alone = new RegExp(`(?<!\\w)${known}(?!\\w)`, "g");
            const put = (text) => text.replace(alone, () => letterOf(code) ?? known);
            for (const attribute of ["aria-keyshortcuts", "aria-label", "title"]) {
                const text = speaking.getAttribute(attribute);
                if (text !== null)
                    speaking.setAttribute(attribute, put(text));
            }
            if (!speaking.children.length)
                speaking.textContent = put(speaking.textContent ?? "");
        }
    }
}
