// What stands above a list: search, filter, order, and ticking all that is shown.
//
// Answers for reading the wish and for saying how many changes fit it.

import { CONFLICT } from "./data.ts";
import { button, h } from "./dom.ts";
import type { Page } from "./page.ts";
import type { Order, Wish } from "./search.ts";
import { count, figure } from "./words.ts";

export interface Toolbar {
  element: HTMLElement;
  wish(): Wish;
  /** Shows everything of the class again. */
  clear(): void;
  /** After the list was made anew: how many it shows of how many. */
  shown(many: number, of: number): void;
}

const ORDERS: [Order, string][] = [["plan", "as compared"], ["name", "by name"], ["id", "by ID"], ["table", "by table"]];

export function toolbar(page: Page, klass: number, shown: () => number[], search: () => void): Toolbar {
  const id = (name: string) => `${name}-${klass}`;
  const words = h("input", {
    type: "search", id: id("search"), placeholder: "Name, ID, identity, table",
    spellcheck: "false", oninput: search,
  });
  const module = moduleFilter(page, klass, id("module"), search);
  const order = h("select", { id: id("order"), onchange: search },
    ...ORDERS.map(([value, name]) => h("option", { value }, name)));
  const only = h("input", { type: "checkbox", id: id("only"), onchange: search });
  const said = h("p", { class: "said", role: "status" });
  const isTicked = (index: number) => page.selection.isTicked(index);
  const onlyWords = klass === CONFLICT ? "Only answered" : "Only ticked";
  const element = h("div", { class: "toolbar" },
    labelled("Search", words, "grow"),
    module !== null && labelled("Module", module),
    labelled("Order", order),
    !page.readOnly && h("label", { class: "check", for: only.id }, only, onlyWords),
    !page.readOnly && bulk(page, klass, shown, (text) => (said.textContent = text)),
    said);
  return {
    element,
    wish: () => ({
      words: words.value,
      module: module === null || module.value === "" ? null : Number(module.value),
      order: (ORDERS.find(([value]) => value === order.value) ?? ["plan"])[0],
      only: only.checked ? isTicked : null,
    }),
    clear: () => {
      words.value = "";
      if (module !== null) module.value = "";
      only.checked = false;
    },
    shown: (many, of) => {
      said.textContent = many === of ? `${count(of, "change")}.` : `${figure(many)} of ${count(of, "change")} shown.`;
    },
  };
}

function labelled(words: string, input: HTMLElement, kind = ""): HTMLElement {
  return h("div", { class: `labelled ${kind}` }, h("label", { for: input.id }, words), input);
}

/** Where the changes of a class are of more than one module. */
function moduleFilter(page: Page, klass: number, id: string, search: () => void): HTMLSelectElement | null {
  const many = new Map<number, number>();
  for (const row of page.plan.changes) {
    if (row[4] === klass) many.set(row[0], (many.get(row[0]) ?? 0) + 1);
  }
  if (many.size < 2) return null;
  const name = (module: number) => page.plan.modules[module] ?? "";
  const modules = [...many.keys()].sort((a, b) => name(a).localeCompare(name(b), "en"));
  return h("select", { id, onchange: search }, h("option", { value: "" }, "all"),
    ...modules.map((module) =>
      h("option", { value: module }, `${name(module)} (${figure(many.get(module) ?? 0)})`)));
}

function bulk(page: Page, klass: number, shown: () => number[], say: (words: string) => void): HTMLElement {
  const untick = () => {
    const changed = page.selection.untickAll(shown());
    page.changed();
    say(klass === CONFLICT ? `${figure(changed)} left as they are.` : `${figure(changed)} unticked.`);
  };
  const tick = () => {
    const { changed, targetNewer, impossible } = page.selection.tickAll(shown());
    for (const index of shown()) if (page.selection.isTicked(index)) page.dropped.delete(index);
    page.changed();
    const left = [
      targetNewer > 0 && `${figure(targetNewer)} edited later on ${page.plan.target} (tick those one by one)`,
      impossible > 0 && `${figure(impossible)} that can't be approved`,
    ].filter((words) => words !== false);
    say(`${figure(changed)} ticked.${left.length > 0 ? ` Left out: ${left.join(", ")}.` : ""}`);
  };
  return h("div", { class: "bulk" },
    klass !== CONFLICT && button("Select all shown", tick),
    button(klass === CONFLICT ? "Leave all shown" : "Unselect all shown", untick));
}
