// A text to take away, with a button that copies it.
//
// Answers for copying where the browser lets us, and for selecting the text where it doesn't.

import { button, h } from "./dom.ts";
import { figure } from "./words.ts";

/** Longer texts are shown by their beginning, and copied whole. */
const MOST_LINES = 500;

export class Copied {
  readonly element: HTMLElement;
  private readonly area: HTMLTextAreaElement;
  private readonly said = h("span", { class: "quiet", role: "status" });
  private text = "";

  constructor(id: string, title: string, ...words: HTMLElement[]) {
    this.area = h("textarea", { id, readonly: true, spellcheck: "false", wrap: "off", "aria-labelledby": `${id}-title` });
    this.element = h("section", { class: "copied" },
      h("div", { class: "copied-head" }, h("h3", { id: `${id}-title` }, title), this.said,
        button("Copy", () => void this.copy())),
      ...words, this.area);
  }

  show(text: string): void {
    if (text === this.text) return;
    this.text = text;
    this.said.textContent = "";
    const lines = text.split("\n");
    const rest = lines.length - MOST_LINES;
    this.area.value = rest > 0
      ? `${lines.slice(0, MOST_LINES).join("\n")}\n# ${figure(rest)} more lines: Copy takes all of them`
      : text.trimEnd();
    this.area.rows = Math.min(Math.max(lines.length - 1, Math.ceil(text.length / 200), 2), 18);
  }

  private async copy(): Promise<void> {
    try {
      await navigator.clipboard.writeText(this.text);
      this.said.textContent = "Copied.";
    } catch {
      this.area.value = this.text;
      this.area.focus();
      this.area.select();
      this.said.textContent = "Selected: copy it with your keyboard.";
    }
  }
}
