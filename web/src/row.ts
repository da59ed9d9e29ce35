// One change in a list.
//
// Answers for its checkbox or choice, its words and marks, and for opening its details.

import { APPROVED, CONFLICT, NOT_WRITABLE, TARGET_NEWER, changeAt, detailsOf } from "./data.ts";
import type { Change } from "./data.ts";
import { choice, why } from "./conflict.ts";
import type { Choice } from "./conflict.ts";
import { details } from "./details.ts";
import { fill, focusOn, h } from "./dom.ts";
import type { RowView } from "./list.ts";
import { offers } from "./offers.ts";
import { choose } from "./page.ts";
import type { Page } from "./page.ts";
import { count } from "./words.ts";

export interface ChangeView extends RowView {
  focus(): void;
}

export function row(page: Page, index: number): ChangeView {
  const change = changeAt(page.plan, index);
  const { conflict } = change;
  const box = conflict === undefined ? checkbox(page, change) : null;
  const answers = conflict === undefined ? null : choice(page, index, conflict);
  const marks = h("span", { class: "marks", id: `marks-${index}` });
  const offered = h("div", {});
  const more = opener(page, change);
  const isNamed = change.title !== change.name;
  const element = h("div", { role: "listitem", class: `row class-${change.klass}`, id: `change-${index}` },
    h("div", { class: "line" },
      box ?? h("span", { class: "no-box" }),
      h("div", { class: "what" },
        title(change, box),
        h("div", { class: "under" },
          isNamed && h("span", { class: "name", id: `name-${index}` }, change.name),
          change.identity !== "" && h("span", { class: "identity" }, change.identity),
          marks),
        conflict !== undefined && why(page, conflict),
        answers?.element),
      more.button),
    offered, more.area);
  const focus = () => focusOf(box, answers, more.button);
  const update = () => {
    if (box !== null) box.checked = page.selection.isTicked(index);
    answers?.update();
    element.classList.toggle("ticked", page.selection.isTicked(index));
    fill(marks, marksOf(page, change));
    replaceOffer(offered, offers(page, index, focus));
    more.update();
  };
  update();
  return { element, update, focus };
}

function title({ index, title }: Change, box: HTMLElement | null): HTMLElement {
  if (box === null) return h("strong", { class: "title", id: `title-${index}` }, title);
  return h("label", { class: "title", id: `title-${index}`, for: box.id }, title);
}

function focusOf(box: HTMLInputElement | null, answers: Choice | null, button: HTMLElement): void {
  if (box !== null && !box.disabled) focusOn(box);
  else {
    focusOn(button);
    answers?.focus();
  }
}

function checkbox(page: Page, change: Change): HTMLInputElement | null {
  if (page.readOnly) return null;
  const { index } = change;
  const names = change.title === change.name ? `title-${index}` : `title-${index} name-${index}`;
  const box = h("input", {
    type: "checkbox", id: `tick-${index}`, "aria-labelledby": names, "aria-describedby": `marks-${index}`,
  });
  box.disabled = !page.selection.canTick(index);
  box.addEventListener("change", () => {
    choose(page, index, box.checked ? 1 : 0);
    const offer = box.closest(".row")?.querySelector(".offer");
    if (offer !== null && offer !== undefined) page.say(offer.querySelector("span")?.textContent ?? "");
  });
  return box;
}

function marksOf(page: Page, { index, klass, flags, needs }: Change): HTMLElement[] {
  const { plan, selection } = page;
  const marks: HTMLElement[] = [];
  const mark = (kind: string, words: string) => marks.push(h("span", { class: `mark ${kind}` }, words));
  if ((flags & TARGET_NEWER) !== 0) mark("warn", `edited later on ${plan.target}`);
  if ((flags & APPROVED) !== 0) mark("good", selection.isTicked(index) || page.readOnly ? "approved" : "approval taken back");
  if ((flags & NOT_WRITABLE) !== 0) {
    mark("bad", selection.canTick(index)
      ? "its name can't be written into a manifest: approved only together with all of its kind"
      : "can't be approved: its name can't be written into a manifest");
  }
  if (needs.length > 0) mark("", `needs ${count(needs.length, "other")}`);
  if (klass !== CONFLICT && !selection.isTicked(index) && !page.dropped.has(index)) {
    const others = selection.dependants(index).length;
    if (others > 0) mark("warn", `needed by ${others} ticked`);
  }
  return marks;
}

/** The same words stay as they are, so that a focus in them stays as well. */
function replaceOffer(place: HTMLElement, offer: HTMLElement | null): void {
  if (place.textContent === (offer?.textContent ?? "")) return;
  fill(place, [offer]);
}

interface Opener {
  button: HTMLButtonElement;
  area: HTMLElement;
  update(): void;
}

function opener(page: Page, { index, name }: Change): Opener {
  const area = h("div", { class: "details", id: `details-of-${index}` });
  const sign = h("span", { class: "chevron", "aria-hidden": "true" });
  const button = h("button", {
    type: "button", class: "open", "aria-controls": area.id, "aria-label": `Details of ${name}`,
    onclick: () => {
      if (!page.open.delete(index)) page.open.add(index);
      update();
    },
  }, h("span", { class: "word" }, "Details"), sign);
  const update = () => {
    const isOpen = page.open.has(index);
    button.setAttribute("aria-expanded", `${isOpen}`);
    area.hidden = !isOpen;
    if (isOpen && area.childElementCount === 0) fill(area, details(page, index, detailsOf(page.plan, index)));
    if (!isOpen) fill(area, []);
  };
  return { button, area, update };
}
