import assert from "node:assert/strict";
import { test } from "node:test";
import { buttonOf, happens, inputsOf, press, submit, valueOf } from "./document.ts";
import type { About, Plan } from "../src/data.ts";
import { needed, offers } from "../src/offers.ts";
import type { Page } from "../src/page.ts";
import { Panel } from "../src/panel.ts";
import { ScheduleForm } from "../src/schedule.ts";
import { Search } from "../src/search.ts";
import { Selection } from "../src/selection.ts";
import { about, plan } from "./plans.ts";

const none = () => undefined;
const served = { served: { post: "/jobs/spring/schedule", whyNot: null } };
const SCHEDULE = "Schedule synchronization";

function pageOf(its: Plan, known: About = about()): Page {
  return {
    plan: its, about: known, selection: new Selection(its), search: new Search(its), readOnly: false,
    dropped: new Set(), open: new Set(), changed: none, goTo: none, say: none,
  };
}

function panelOf(page: Page): HTMLElement {
  const panel = new Panel(page, new ScheduleForm(page.about, none), none);
  page.changed = () => panel.update();
  panel.update();
  return panel.element;
}

test("what was edited later on the target is led to, and never ticked by the way", () => {
  const page = pageOf(plan({ needs: [1, 2] }, { flags: 1, klass: 2 }, {}));
  const went: number[] = [];
  page.goTo = (index) => went.push(index);
  page.selection.set(0, 1);
  const lines = () => {
    const found = offers(page, 0, none);
    if (found === null) throw new Error("nothing is offered");
    return found;
  };
  assert.ok(lines().textContent?.includes("page/1, which was edited later on PROD: tick it by itself"));
  press(lines(), "Tick it too");
  assert.deepEqual(page.selection.ticked(), [0, 2]);
  press(lines(), "Go there");
  assert.deepEqual(went, [1]);
});

test("an offer ticks what is missing when it is pressed", () => {
  const page = pageOf(plan({ needs: [1, 2] }, {}, {}, { needs: [4] }, {}));
  page.selection.set(0, 1);
  let indexes = [0];
  const shown = needed(page, () => indexes, none)[0];
  if (shown === undefined) throw new Error("nothing is offered");
  page.selection.set(0, 0);
  page.selection.set(3, 1);
  indexes = [3];
  press(shown, "Tick all 2");
  assert.deepEqual(page.selection.ticked(), [3, 4]);
});

test("a warning unticks who needs it when it is pressed", () => {
  const page = pageOf(plan({}, { needs: [0] }, { needs: [0] }, { needs: [0] }));
  for (const index of [1, 2]) page.selection.set(index, 1);
  page.dropped.add(0);
  const shown = offers(page, 0, none);
  if (shown === null) throw new Error("nobody is warned");
  page.selection.set(1, 0);
  page.selection.set(3, 1);
  press(shown, "Untick those too");
  assert.deepEqual(page.selection.ticked(), []);
});

test("taking everything back can be scheduled, ticking nothing where nothing is approved can't", () => {
  const page = pageOf(plan({ flags: 2 }, {}), about(served));
  const panel = panelOf(page);
  page.selection.set(0, 0);
  page.changed();
  assert.equal(buttonOf(panel, SCHEDULE).disabled, false);
  assert.ok(panel.textContent?.includes("1 approval of the manifest is taken back."));
  assert.equal(submit(panel), true);
  assert.deepEqual(JSON.parse(valueOf(panel, "change")).approved, {});
  const other = panelOf(pageOf(plan({}), about(served)));
  assert.equal(buttonOf(other, SCHEDULE).disabled, true);
  assert.ok(other.textContent?.includes("Nothing is ticked."));
  assert.equal(submit(other), false);
});

test("what the plan doesn't show can be taken back alone", () => {
  const panel = panelOf(pageOf(plan({}), about({ ...served, besides: { all: false, unseen: 2 } })));
  assert.equal(buttonOf(panel, SCHEDULE).disabled, false);
});

test("a second press sends nothing until the page is shown again", () => {
  const page = pageOf(plan({}), about(served));
  page.selection.set(0, 1);
  const panel = panelOf(page);
  assert.equal(submit(panel), true);
  assert.equal(buttonOf(panel, SCHEDULE).disabled, true);
  page.changed();
  assert.equal(buttonOf(panel, SCHEDULE).disabled, true, "whatever is ticked meanwhile");
  assert.equal(submit(panel), false);
  happens("pageshow");
  assert.equal(buttonOf(panel, SCHEDULE).disabled, false);
  assert.equal(submit(panel), true);
});

test("no browser fills in what was ticked before", () => {
  const inputs = inputsOf(panelOf(pageOf(plan({}), about(served))));
  assert.ok(inputs.length > 5);
  for (const { attributes } of inputs) assert.equal(attributes.get("autocomplete"), "off");
});

test("approvals that nobody can tick are told", () => {
  const words = (besides: About["besides"]) => panelOf(pageOf(plan({}), about({ besides: besides ?? null }))).textContent ?? "";
  assert.ok(words({ all: true, unseen: 0 }).includes("The manifest approves all of some classes, also what comes later. " +
    "What is below names what is ticked instead."));
  assert.ok(words({ all: false, unseen: 1 }).includes("1 approval of the manifest is of something this plan doesn't show; it is taken back."));
  assert.ok(words({ all: false, unseen: 3 }).includes("3 approvals of the manifest are of something this plan doesn't show; they are taken back."));
  assert.ok(!words(null).includes("doesn't show"));
  assert.ok(!words({ all: false, unseen: 0 }).includes("doesn't show"));
});

test("what no manifest can name blocks once its class isn't whole any more", () => {
  const page = pageOf(plan({ flags: 2 }, { flags: 6 }), about(served));
  const panel = panelOf(page);
  assert.equal(buttonOf(panel, SCHEDULE).disabled, false);
  page.selection.set(0, 0);
  page.changed();
  assert.equal(buttonOf(panel, SCHEDULE).disabled, true);
  assert.ok(panel.textContent?.includes("No manifest can name what is below."));
  assert.equal(submit(panel), false);
});
