import assert from "node:assert/strict";
import { test } from "node:test";
import type { About } from "../src/data.ts";
import { Keeper } from "../src/keep.ts";
import { Selection } from "../src/selection.ts";
import { about, conflict, plan } from "./plans.ts";

const stored = new Map<string, string>();
Object.defineProperty(globalThis, "sessionStorage", {
  configurable: true,
  value: {
    getItem: (key: string) => stored.get(key) ?? null,
    setItem: (key: string, text: string) => stored.set(key, text),
    removeItem: (key: string) => stored.delete(key),
  },
});

const form = { tab: 1, timed: false, at: "", zone: "UTC", dryRun: false };

function opened(its = plan({}, {}), known: About = about()): { selection: Selection; keeper: Keeper } {
  const selection = new Selection(its);
  return { selection, keeper: new Keeper(selection, known, () => form) };
}

/** The second change ticked and kept. */
function ticked(its = plan({}, {}), known: About = about()): Keeper {
  stored.clear();
  const { selection, keeper } = opened(its, known);
  selection.set(1, 1);
  keeper.changed();
  keeper.save();
  return keeper;
}

test("what was ticked comes back with what was set", () => {
  ticked();
  const { selection, keeper } = opened();
  assert.equal(keeper.kept()?.tab, 1);
  assert.deepEqual(selection.ticked(), [1]);
});

test("opening the page keeps nothing", () => {
  stored.clear();
  opened().keeper.save();
  assert.equal(stored.size, 0);
});

test("starting over keeps nothing, whatever was about to be kept", () => {
  const keeper = ticked();
  keeper.changed();
  keeper.forget();
  keeper.save();
  assert.equal(stored.size, 0);
});

test("an approval that is merged meanwhile isn't taken back by what was kept before", () => {
  ticked();
  const { selection, keeper } = opened(plan({ flags: 2 }, {}));
  assert.equal(keeper.kept(), null);
  assert.deepEqual(selection.ticked(), [0]);
});

test("another answer, time, test import or approval besides is another wish", () => {
  const answered = (chosen: string) =>
    plan({ klass: 0, flags: 2, conflict: conflict([["overwrite", "a", []], ["renumber", "b", []]], chosen) }, {});
  ticked(answered("overwrite"));
  assert.ok(opened(answered("overwrite")).keeper.kept() !== null);
  assert.equal(opened(answered("renumber")).keeper.kept(), null);
  ticked();
  const at = { at: "2026-12-01T02:00", timeZone: null };
  for (const known of [{ schedule: at }, { dryRun: true }, { besides: { all: false, unseen: 1 } }]) {
    assert.equal(opened(plan({}, {}), about(known)).keeper.kept(), null);
  }
});

test("jobs with the same plan have ticks of their own", () => {
  ticked();
  assert.equal(opened({ ...plan({}, {}), job: "autumn" }).keeper.kept(), null);
  assert.equal(opened({ ...plan({}, {}), digest: "f".repeat(32) }).keeper.kept(), null);
  assert.ok(opened().keeper.kept() !== null);
});

test("a closed storage keeps nothing and breaks nothing", () => {
  const closed = () => {
    throw new Error("closed");
  };
  const open = Object.getOwnPropertyDescriptor(globalThis, "sessionStorage") ?? {};
  Object.defineProperty(globalThis, "sessionStorage", { configurable: true, get: closed });
  const { keeper } = opened();
  keeper.changed();
  keeper.save();
  assert.equal(keeper.kept(), null);
  keeper.forget();
  Object.defineProperty(globalThis, "sessionStorage", open);
});
