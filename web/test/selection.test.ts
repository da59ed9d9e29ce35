import assert from "node:assert/strict";
import { test } from "node:test";
import { Selection } from "../src/selection.ts";
import { conflict, plan } from "./plans.ts";

test("what is missing is followed through what isn't ticked and what is", () => {
  const selection = new Selection(plan({ needs: [1] }, { needs: [2] }, { needs: [3] }, {}));
  selection.set(0, 1);
  assert.deepEqual(selection.missing([0]).add, [1, 2, 3]);
  selection.set(1, 1);
  assert.deepEqual(selection.missing([0]).add, [2, 3]);
  assert.deepEqual(selection.unresolved(), [1]);
});

test("changes that need each other end the search", () => {
  const selection = new Selection(plan({ needs: [1] }, { needs: [0] }));
  selection.set(0, 1);
  assert.deepEqual(selection.missing([0]).add, [1]);
  selection.set(1, 1);
  assert.deepEqual(selection.missing([0]).add, []);
  assert.deepEqual(selection.unresolved(), []);
  assert.deepEqual(selection.dependants(0), [1]);
});

test("conflicts, what can't be ticked and what isn't there aren't ticked by the way", () => {
  const selection = new Selection(plan(
    { needs: [1, 2, 3, "media/9"] },
    { klass: 0, conflict: conflict([["overwrite", "replace PROD's record", []]]), needs: [4] },
    { klass: 0, conflict: conflict([]) },
    { flags: 4 },
    {},
  ));
  selection.set(0, 1);
  const { add, conflicts, impossible, unknown } = selection.missing([0]);
  assert.deepEqual({ add, conflicts, impossible, unknown },
    { add: [], conflicts: [1], impossible: [2, 3], unknown: ["media/9"] });
});

test("what was edited later on the target isn't ticked by the way, nor what only that needs", () => {
  const selection = new Selection(plan({ needs: [1, 3] }, { flags: 1, needs: [2] }, {}, {}));
  selection.set(0, 1);
  assert.deepEqual(selection.missing([0]), { add: [3], newer: [1], conflicts: [], impossible: [], unknown: [] });
  selection.set(1, 1);
  assert.deepEqual(selection.missing([0]).add, [2, 3]);
});

test("what can't be named is ticked where it is approved, and can come back", () => {
  const selection = new Selection(plan({ flags: 6 }, { flags: 4 }));
  assert.deepEqual(selection.ticked(), [0]);
  selection.set(0, 0);
  selection.set(0, 1);
  selection.set(1, 1);
  assert.deepEqual(selection.ticked(), [0]);
});

test("an answer brings needs of its own", () => {
  const selection = new Selection(plan(
    { klass: 0, conflict: conflict([["adopt", "a", []], ["renumber", "b", [1]]]) }, {}));
  selection.set(0, 1);
  assert.equal(selection.answer(0), "adopt");
  assert.deepEqual(selection.unresolved(), []);
  selection.set(0, 2);
  assert.equal(selection.answer(0), "renumber");
  assert.deepEqual(selection.missing([0]).add, [1]);
  selection.set(1, 1);
  assert.deepEqual(selection.dependants(1), [0]);
  selection.set(0, 1);
  assert.deepEqual(selection.dependants(1), []);
  selection.set(0, 3);
  assert.equal(selection.choice[0], 1, "there is no third answer");
});

test("unticking warns of all that is ticked and leads here over ticked ones", () => {
  const selection = new Selection(plan({}, { needs: [0] }, { needs: [1] }, { needs: [0] }));
  for (const index of [1, 2]) selection.set(index, 1);
  assert.deepEqual(selection.dependants(0), [1, 2]);
});

test("selecting all leaves out what was edited later, what can't be ticked, and conflicts", () => {
  const selection = new Selection(plan({}, { flags: 1 }, { flags: 4 }, { flags: 2 },
    { klass: 0, conflict: conflict([["adopt", "a", []]]) }));
  assert.deepEqual(selection.tickAll([0, 1, 2, 3, 4]), { changed: 1, targetNewer: 1, impossible: 1 });
  assert.deepEqual(selection.ticked(), [0, 3]);
  assert.equal(selection.untickAll([0, 1, 2, 3]), 2);
});

test("it begins with what is approved now, and comes back to it", () => {
  const selection = new Selection(plan({ flags: 2 }, {},
    { klass: 0, flags: 2, conflict: conflict([["overwrite", "a", []], ["renumber", "b", []]], "renumber") },
    { klass: 0, flags: 2, conflict: conflict([["overwrite", "a", []]], "adopt") }));
  assert.deepEqual([...selection.choice], [1, 0, 2, 0]);
  selection.set(1, 1);
  selection.startOver();
  assert.deepEqual([...selection.choice], [1, 0, 2, 0]);
});
