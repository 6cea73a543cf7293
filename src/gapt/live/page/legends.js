/** What is printed on the computer keyboard's keys, and where the page speaks of them. */
/** What is printed on a key, by its position's name (`event.code`); the US layout until it is known. */
const letters = new Map([["Quote", "'"], ["Semicolon", ";"]]);
export function letterOf(code) {
    return letters.get(code) ?? code.replace("Key", "");
}
/**
 * Puts this keyboard's letters in all that speaks of keys (`data-keys`: their codes): at once where
 * the browser tells them, elsewhere as each is first pressed.
 *
 * @param onLearned is told that `letterOf` may say more than before, and at the start
 */
export async function learnLetters(onLearned) {
    const learn = (code, letter) => {
        if (letter === letterOf(code))
            return;
        for (const speaking of document.querySelectorAll(`[data-keys~="${code}"]`)) {
            relabel(speaking, letterOf(code), letter);
        }
        letters.set(code, letter);
        onLearned();
    };
    onLearned();
    for (const [code, letter] of await layout())
        learn(code, letter.toUpperCase());
    addEventListener("keydown", ({ code, key, ctrlKey, altKey, metaKey, shiftKey }) => {
        const plain = key.length === 1 && !(ctrlKey || altKey || metaKey || shiftKey);
        if (plain && /^(Key|Quote|Semicolon)/.test(code))
            learn(code, key.toUpperCase());
    });
}
/** Empty where the browser does not tell. */
async function layout() {
    const { keyboard } = navigator;
    return (await keyboard?.getLayoutMap().catch(() => null)) ?? [];
}
function relabel(speaking, known, letter) {
    const literal = known.replace(/\W/g, "\\$&");
    const alone = new RegExp(`(?<!\\w)${literal}(?!\\w)`, "g");
    const put = (text) => text.replace(alone, () => letter);
    for (const attribute of ["aria-keyshortcuts", "aria-label", "title"]) {
        const text = speaking.getAttribute(attribute);
        if (text !== null)
            speaking.setAttribute(attribute, put(text));
    }
    if (!speaking.children.length)
        speaking.textContent = put(speaking.textContent ?? "");
}
