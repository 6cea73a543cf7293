/** The page's elements, by their ids. */
export function element(id) {
    return document.getElementById(id);
}
