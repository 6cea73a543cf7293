/**
 * What this browser remembers of a player from visit to visit: strings by name, kept nowhere else.
 * A browser that keeps nothing (site data blocked, no space) is a browser that forgets.
 */
const PREFIX = "gapt.";
export function remembered(name) {
    try {
        return localStorage.getItem(PREFIX + name);
    }
    catch {
        return null;
    }
}
export function remember(name, word) {
    try {
        localStorage.setItem(PREFIX + name, word);
    }
    catch {
        // Forgotten.
    }
}
export function forget(name) {
    try {
        localStorage.removeItem(PREFIX + name);
    }
    catch {
        // Nothing was kept.
    }
}
