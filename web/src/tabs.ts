// The four tabs: conflicts, new, modified and deleted records.
//
// Answers for the tabs pattern (arrow keys, Home, End) and for which list stands in which. A list is
// made when its tab is opened for the first time, or printed.

import { CONFLICT, DELETED, MODIFIED, NEW } from "./data.ts";
import { fill, h } from "./dom.ts";
import { List } from "./list.ts";
import type { Page } from "./page.ts";
import { row } from "./row.ts";
import type { ChangeView } from "./row.ts";
import { toolbar } from "./toolbar.ts";
import type { Toolbar } from "./toolbar.ts";
import { figure } from "./words.ts";

const NAMES: [klass: number, name: string, none: string][] = [
  [CONFLICT, "Conflicts", "No conflicts."],
  [NEW, "New records", "No new records."],
  [MODIFIED, "Modified records", "No modified records."],
  [DELETED, "Deleted records", "No deleted records."],
];

/** Rows on paper, of all tabs together. */
const MOST_PRINTED = 2000;

export class Tabs {
  readonly element: HTMLElement;
  private readonly tabs: Tab[];
  selected: number;

  constructor(private readonly page: Page, opened: number | null) {
    this.tabs = NAMES.map(([klass, name, none]) => new Tab(page, klass, name, none, () => this.open(klass)));
    const first = this.tabs.findIndex((tab) => tab.total > 0);
    this.selected = opened ?? Math.max(first, 0);
    const bar = h("div", { role: "tablist", class: "tabs", "aria-label": "Changes", onkeydown: (event) => this.key(event as KeyboardEvent) },
      ...this.tabs.map((tab) => tab.button));
    this.element = h("div", {}, bar, ...this.tabs.map((tab) => tab.panel));
  }

  /** Once it is in the document. */
  start(): void {
    this.show(this.selected);
    const render = () => this.tabs[this.selected]?.list?.render();
    addEventListener("scroll", render, { passive: true });
    addEventListener("resize", render, { passive: true });
    addEventListener("beforeprint", () => this.print());
    addEventListener("afterprint", () => this.tabs.forEach((tab) => tab.endPrint(tab.klass === this.selected)));
  }

  /** The open tab's rows come before those of the others where they are too many. */
  private print(): void {
    const isOpen = (tab: Tab) => tab.klass === this.selected;
    const inTurn = [...this.tabs.filter(isOpen), ...this.tabs.filter((tab) => !isOpen(tab))];
    inTurn.reduce((rest, tab) => rest - tab.print(rest), MOST_PRINTED);
  }

  update(): void {
    this.tabs.forEach((tab) => tab.count());
    this.tabs[this.selected]?.list?.update();
  }

  /** The row of a change, in view and with the focus. */
  goTo(index: number): void {
    const klass = this.page.plan.changes[index]?.[4] ?? NEW;
    this.open(klass);
    const tab = this.tabs[klass];
    if (tab === undefined) return;
    let view = tab.list?.reveal(index);
    if (view === undefined) {
      tab.bar?.clear();
      tab.search();
      view = tab.list?.reveal(index);
    }
    (view as ChangeView | undefined)?.focus();
    view?.element.classList.add("led-to");
    setTimeout(() => view?.element.classList.remove("led-to"), 2000);
  }

  private open(klass: number): void {
    if (klass === this.selected) return;
    this.selected = klass;
    this.show(klass);
    this.page.changed();
  }

  private show(klass: number): void {
    this.tabs.forEach((tab) => tab.select(tab.klass === klass));
  }

  private key(event: KeyboardEvent): void {
    const last = this.tabs.length - 1;
    const at = this.selected;
    const to = { ArrowRight: at === last ? 0 : at + 1, ArrowLeft: at === 0 ? last : at - 1, Home: 0, End: last }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    this.open(to);
    this.tabs[to]?.button.focus();
  }
}

class Tab {
  readonly button: HTMLButtonElement;
  readonly panel: HTMLElement;
  readonly total: number;
  list: List | null = null;
  bar: Toolbar | null = null;
  private order: number[] = [];
  private readonly ticked = h("span", { class: "tab-ticked" });
  private readonly unprinted = h("p", { class: "only-print" });

  constructor(
    private readonly page: Page,
    readonly klass: number,
    private readonly name: string,
    private readonly none: string,
    open: () => void,
  ) {
    const { conflict, new: added, modified, deleted } = page.plan.counts;
    this.total = [conflict, added, modified, deleted][klass] ?? 0;
    this.button = h("button", { type: "button", role: "tab", class: "tab", id: `tab-${klass}`, "aria-controls": `panel-${klass}`, onclick: open },
      h("span", {}, name), " ", h("span", { class: "tab-count" }, figure(this.total)), this.ticked);
    this.panel = h("div", { role: "tabpanel", class: "tabpanel", id: `panel-${klass}`, "aria-labelledby": `tab-${klass}`, hidden: true });
    this.count();
  }

  select(isSelected: boolean): void {
    this.button.setAttribute("aria-selected", `${isSelected}`);
    this.button.tabIndex = isSelected ? 0 : -1;
    this.panel.hidden = !isSelected;
    if (!isSelected) return;
    this.make();
    this.list?.update();
    this.list?.render();
  }

  count(): void {
    const { choice, plan } = this.page.selection;
    let many = 0;
    plan.changes.forEach((row, index) => {
      if (row[4] === this.klass && choice[index] !== 0) many++;
    });
    const word = this.page.readOnly ? "approved" : this.klass === CONFLICT ? "answered" : "ticked";
    this.ticked.textContent = many === 0 ? "" : ` ${figure(many)} ${word}`;
  }

  private make(): void {
    if (this.panel.childElementCount > 0) return;
    const heading = h("h3", { class: "hidden-on-screen" }, this.name);
    if (this.total === 0) {
      this.panel.tabIndex = 0;
      fill(this.panel, [heading, h("p", { class: "none" }, this.none)]);
      return;
    }
    this.bar = toolbar(this.page, this.klass, () => this.order, () => this.search());
    this.list = new List(this.name, (index) => row(this.page, index));
    const skip = h("a", { class: "skip", href: "#what-comes-out" }, "Skip the list");
    const nothing = h("p", { class: "none no-match" }, "Nothing fits. Other words, or another filter?");
    fill(this.panel, [heading, skip, this.bar.element, nothing, this.list.element, this.unprinted]);
    this.search();
  }

  search(): void {
    if (this.bar === null || this.list === null) return;
    this.order = this.page.search.find(this.klass, this.bar.wish());
    this.panel.classList.toggle("empty", this.order.length === 0);
    const start = this.panel.getBoundingClientRect().top;
    this.list.show(this.order);
    this.bar.shown(this.order.length, this.total);
    if (start < -1) window.scrollBy({ top: start, behavior: "instant" });
    this.list.render();
  }

  /** Shows its list as on paper, with so many rows at most; how many it has then. */
  print(most: number): number {
    this.make();
    this.panel.hidden = false;
    const printed = this.list?.print(most) ?? 0;
    const rest = this.order.length - printed;
    this.unprinted.textContent = rest > 0 ? `${figure(rest)} more aren't printed.` : "";
    return printed;
  }

  endPrint(isSelected: boolean): void {
    this.panel.hidden = !isSelected;
    this.list?.endPrint();
  }
}
