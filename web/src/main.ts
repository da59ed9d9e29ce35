// The changes review: what somebody ticks becomes approvals in a manifest.
//
// Answers for putting the page together from the data blocks of the document. It talks to nobody:
// whatever comes out is copied, or posted by a form.

import { block } from "./data.ts";
import type { About, Plan } from "./data.ts";
import { fill, h } from "./dom.ts";
import { Keeper } from "./keep.ts";
import { Panel } from "./panel.ts";
import type { Page } from "./page.ts";
import { recurring } from "./recurring.ts";
import { ScheduleForm } from "./schedule.ts";
import { Search } from "./search.ts";
import { Selection } from "./selection.ts";
import { statement } from "./statement.ts";
import { Tabs } from "./tabs.ts";

function start(root: HTMLElement): void {
  const plan = block<Plan>("plan");
  const about = block<About>("about");
  const selection = new Selection(plan);
  const readOnly = about.schedule !== null && "cron" in about.schedule;
  const said = h("p", { class: "hidden", role: "status" });
  const page: Page = {
    plan, about, selection, readOnly,
    search: new Search(plan),
    dropped: new Set(), open: new Set(),
    changed: () => undefined,
    goTo: () => undefined,
    say: (words) => (said.textContent = words),
  };
  if (plan.nothing !== null) {
    fill(root, [statement(page), h("p", { class: "nothing" }, plan.nothing)]);
    return;
  }
  const heading = h("h2", { class: "hidden" }, "Changes");
  const { tabs, end, show } = readOnly ? onlyRead(page) : toTick(page);
  page.goTo = (index) => tabs.goTo(index);
  fill(root, [statement(page), heading, tabs.element, ...end, said]);
  tabs.start();
  show();
  prepare(page.search);
}

interface Parts {
  tabs: Tabs;
  /** What stands below them. */
  end: HTMLElement[];
  show(): void;
}

function onlyRead(page: Page): Parts {
  const tabs = new Tabs(page, null);
  page.changed = () => tabs.update();
  return { tabs, end: [recurring(page)], show: () => tabs.update() };
}

/** With the parts that make something of the ticks. */
function toTick(page: Page): Parts {
  const { selection, about } = page;
  const form: ScheduleForm = new ScheduleForm(about, () => settingsChanged());
  const keeper: Keeper = new Keeper(selection, about, () => ({ ...form.state(), tab: tabs.selected }));
  const before = keeper.kept();
  const tabs = new Tabs(page, before?.tab ?? null);
  if (before !== null) form.fill(before);
  const startOver = () => {
    selection.startOver();
    form.startOver();
    page.dropped.clear();
    show();
    keeper.forget();
    page.say("As it is approved now.");
  };
  const panel = new Panel(page, form, startOver);
  const show = () => {
    tabs.update();
    panel.update();
  };
  const settingsChanged = () => {
    panel.update();
    keeper.changed();
  };
  page.changed = () => {
    show();
    keeper.changed();
  };
  addEventListener("pagehide", () => keeper.save());
  return { tabs, end: [panel.bar, panel.element], show };
}

/** The search's texts, made while nobody waits for anything. */
function prepare(search: Search): void {
  const step = () => {
    if (search.prepare(2000)) setTimeout(step, 0);
  };
  setTimeout(step, 100);
}

const root = document.getElementById("review");
if (root !== null) {
  try {
    start(root);
  } catch (error) {
    fill(root, [h("p", { class: "bad", role: "alert" }, `This review can't be shown, and nothing was changed: ${String(error)}`)]);
    throw error;
  }
}
