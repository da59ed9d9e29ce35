// What stands below a change that needs others, or that others need.
//
// Answers for offering what is missing, leading to conflicts that want an answer first, and warning
// who was left without what it needs. It follows from the selection alone and shows right away.

import { called } from "./data.ts";
import { button, h } from "./dom.ts";
import { tickThose } from "./page.ts";
import type { Page } from "./page.ts";
import type { Missing } from "./selection.ts";
import { count, figure, listed } from "./words.ts";

/** What to show below a change, or nothing. `back` puts the focus where it was. */
export function offers(page: Page, index: number, back: () => void): HTMLElement | null {
  const { selection } = page;
  const lines = selection.isTicked(index)
    ? needed(page, () => [index], back)
    : page.dropped.has(index) ? left(page, index, back) : [];
  if (lines.length === 0) return null;
  const label = `What ${called(page.plan, index)} needs`;
  return h("div", { class: "offer", role: "group", "aria-label": label }, ...lines);
}

/** Of one change or of all that are ticked. What is ticked is what is missing when it is pressed. */
export function needed(page: Page, indexes: () => number[], back: () => void): HTMLElement[] {
  const { plan, selection } = page;
  const missing = (): Missing => selection.missing(indexes());
  const { add, newer, conflicts, impossible, unknown } = missing();
  const lines: HTMLElement[] = [];
  const [only] = add;
  if (only !== undefined) {
    const words = add.length === 1
      ? `Needs ${called(plan, only)}, which isn't ticked.`
      : `Needs ${count(add.length, "other")}: ${listed(add.map((it) => called(plan, it)))}.`;
    const tick = () => {
      const those = missing().add;
      tickThose(page, those);
      page.say(`${figure(those.length)} ticked.`);
      back();
    };
    lines.push(line(words, button(add.length === 1 ? "Tick it too" : `Tick all ${figure(add.length)}`, tick)));
  }
  for (const other of newer.slice(0, 5)) {
    const words = `Needs ${called(plan, other)}, which was edited later on ${plan.target}: tick it by itself if that edit may be lost.`;
    lines.push(line(words, button("Go there", () => page.goTo(other))));
  }
  if (newer.length > 5) lines.push(line(`${figure(newer.length - 5)} more of those were edited later on ${plan.target}.`));
  for (const other of conflicts.slice(0, 5)) {
    const words = `Needs ${called(plan, other)}, which is a conflict. Answer that conflict first.`;
    lines.push(line(words, button("Go to the conflict", () => page.goTo(other))));
  }
  for (const other of impossible.slice(0, 5)) {
    const words = `Needs ${called(plan, other)}, which can't be approved as it is.`;
    lines.push(line(words, button("Go there", () => page.goTo(other))));
  }
  if (unknown.length > 0) {
    lines.push(line(`Needs ${listed(unknown)}, which ${plan.target} doesn't have and this plan doesn't bring.`));
  }
  return lines;
}

function left(page: Page, index: number, back: () => void): HTMLElement[] {
  const { plan, selection } = page;
  const others = selection.dependants(index);
  if (others.length === 0) return [];
  const untick = () => {
    const many = selection.untickAll(selection.dependants(index));
    page.dropped.delete(index);
    page.changed();
    page.say(`${figure(many)} unticked.`);
    back();
  };
  const again = () => {
    tickThose(page, [index]);
    back();
  };
  const names = listed(others.map((other) => called(plan, other)));
  const words = `${names}, still ticked, ${others.length === 1 ? "needs" : "need"} this.`;
  const those = others.length === 1 ? "Untick that too" : "Untick those too";
  const undo = selection.isConflict(index) ? [] : [button("Tick it again", again)];
  return [line(words, button(those, untick), ...undo)];
}

function line(words: string, ...buttons: HTMLElement[]): HTMLElement {
  return h("p", {}, h("span", {}, words), ...buttons);
}
