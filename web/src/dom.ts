/** The page's elements, by their ids. */
export function element<T extends HTMLElement>(id: string): T {
  return document.getElementById(id) as T;
}
