// A conflict: why it is one, and what to do about it.
//
// Answers for the words and for the choice between leaving it and the answers that fit.

import { changeAt } from "./data.ts";
import type { Conflict } from "./data.ts";
import { h } from "./dom.ts";
import { choose } from "./page.ts";
import type { Page } from "./page.ts";

/** The sentences. */
export function why(page: Page, conflict: Conflict): HTMLElement {
  const { target } = page.plan;
  return h("div", { class: "why" },
    ...conflict.why.map((sentence) => h("p", {}, sentence)),
    conflict.target !== 0 && h("p", { class: "quiet" }, `On ${target}: `, h("span", { class: "name" }, conflict.target)));
}

export interface Choice {
  element: HTMLElement;
  update(): void;
  focus(): void;
}

/** A radio for each answer, the first for none. */
export function choice(page: Page, index: number, conflict: Conflict): Choice {
  const { selection, plan } = page;
  if (page.readOnly || !selection.canTick(index)) return mended(page, conflict);
  const words = [`Leave it: ${plan.target} keeps what it has`, ...conflict.answers.map((answer) => capital(answer[1]))];
  const radios = words.map((_, at) =>
    h("input", {
      type: "radio", name: `answer-${index}`, value: at, id: `answer-${index}-${at}`,
      onchange: () => choose(page, index, at),
    }));
  const answerName = (at: number) => conflict.answers[at - 1]?.[0];
  const element = h("fieldset", { class: "choice" },
    h("legend", {}, "What should become of it?", h("span", { class: "hidden" }, ` ${changeAt(plan, index).name}`)),
    ...radios.map((radio, at) =>
      h("label", { for: radio.id }, radio, h("span", {}, words[at] ?? "", at > 0 && h("span", { class: "quiet" }, ` (${answerName(at) ?? ""})`)))));
  const update = () => radios.forEach((radio, at) => (radio.checked = selection.choice[index] === at));
  const focus = () => (radios.find((radio) => radio.checked) ?? radios[0])?.focus();
  update();
  return { element, update, focus };
}

const capital = (words: string): string => words.charAt(0).toUpperCase() + words.slice(1);

/** Where there is nothing to choose. */
function mended(page: Page, conflict: Conflict): Choice {
  const chosen = conflict.answers.find(([answer]) => answer === conflict.chosen)?.[1];
  const words = conflict.answers.length === 0
    ? "This can only be mended in the data. Then compare again."
    : !page.readOnly ? "This can't be answered: its name can't be written into a manifest."
    : chosen === undefined ? "It is left as it is." : `The manifest's answer: ${chosen}.`;
  const element = h("p", { class: "choice mended" }, words);
  return { element, update: () => undefined, focus: () => undefined };
}
