// The changes review: what somebody ticks becomes approvals in a manifest.
//
// Answers for putting the page together from the data blocks of the document. It talks to nobody:
// whatever comes out is copied, or posted by a form.

import { block } from "./data.ts";
import type { About, Plan } from "./data.ts";
import { fill, h } from "./dom.ts";
import { forget, keep, kept } from "./keep.ts";
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
  const before = readOnly ? null : kept(selection);
  const tabs = new Tabs(page, before?.tab ?? null);
  const heading = h("h2", { class: "hidden" }, "Changes");
  const end = readOnly ? [recurring(page)] : finish(page, tabs, before);
  page.goTo = (index) => tabs.goTo(index);
  if (readOnly) page.changed = () => tabs.update();
  fill(root, [statement(page), heading, tabs.element, ...end, said]);
  tabs.start();
  page.changed();
  prepare(page.search);
}

/** The parts that make something of the ticks. */
function finish(page: Page, tabs: Tabs, before: ReturnType<typeof kept>): HTMLElement[] {
  const { selection, about } = page;
  const form: ScheduleForm = new ScheduleForm(about, () => changed());
  if (before !== null) form.fill(before);
  const startOver = () => {
    selection.startOver();
    form.startOver();
    page.dropped.clear();
    page.changed();
    forget(page.plan.digest);
    page.say("As it is approved now.");
  };
  const panel = new Panel(page, form, startOver);
  let timer = 0;
  const save = () => keep(selection, { ...form.state(), tab: tabs.selected });
  const changed = () => {
    panel.update();
    clearTimeout(timer);
    timer = setTimeout(save, 200);
  };
  page.changed = () => {
    tabs.update();
    changed();
  };
  addEventListener("pagehide", save);
  return [panel.bar, panel.element];
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
