/** One of the page's elements, by its id. */
export function element<T extends HTMLElement>(id: string): T {
  return document.getElementById(id) as T;
}

export function span(className: string, text: string): HTMLSpanElement {
  const made = document.createElement("span");
  made.className = className;
  made.textContent = text;
  return made;
}
