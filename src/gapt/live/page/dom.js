/** One of the page's elements, by its id. */
export function element(id) {
    return document.getElementById(id);
}
export function span(className, text) {
    const made = document.createElement("span");
    made.className = className;
    made.textContent = text;
    return made;
}
