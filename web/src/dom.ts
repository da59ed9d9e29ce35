// Elements in one expression.
//
// Answers for making them and for nothing from the data ever becoming markup: children are nodes or
// text, and no attribute takes code or style.

type Value = string | number | boolean | null | undefined | ((event: Event) => void);
export type Child = Node | string | null | false | undefined;

/** `h("button", { class: "quiet", onclick: go }, "Go")`. Absent: null, undefined, false. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Record<string, Value> = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  // Else a browser that comes back puts what it remembers over what is ticked, box by box.
  if (tag === "input" || tag === "select") made.setAttribute("autocomplete", "off");
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(name.slice(2), value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== null && value !== undefined && value !== false) made.setAttribute(name, `${value}`);
  }
  fill(made, children);
  return made;
}

export function fill(element: Element, children: Child[]): void {
  const present = (child: Child): child is Node | string =>
    child !== null && child !== undefined && child !== false && child !== "";
  element.replaceChildren(...children.filter(present));
}

export const button = (words: string, onclick: () => void, kind = "small"): HTMLButtonElement =>
  h("button", { type: "button", class: kind, onclick }, words);

/** Moves the focus to what may not be focusable by itself, and brings it into view. */
export function focusOn(element: HTMLElement | null | undefined): void {
  if (element === null || element === undefined) return;
  if (element.tabIndex < 0 && !element.hasAttribute("tabindex")) element.tabIndex = -1;
  element.focus();
}
