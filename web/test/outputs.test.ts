import assert from "node:assert/strict";
import { test } from "node:test";
import { change, commandLine, yaml } from "../src/outputs.ts";
import { Selection } from "../src/selection.ts";
import { outcome } from "../src/words.ts";
import { about, conflict, plan } from "./plans.ts";

const soon = { schedule: null, dryRun: false };
const night = { schedule: { at: "2026-12-01T02:00", timeZone: "Europe/Warsaw" }, dryRun: true };

function some(): Selection {
  const selection = new Selection(plan(
    { id: "42" },
    { id: "a \"b\"\n\u202e@c", klass: 3, table: 1 },
    { id: "41", klass: 0, conflict: conflict([["overwrite", "a", []]]) },
    { id: "hero.png", table: 2, klass: 2 },
    { id: "43" },
  ));
  for (const index of [0, 1, 2, 3]) selection.set(index, 1);
  return selection;
}

test("the lines for the manifest are what is ticked, by table and heading", () => {
  assert.equal(yaml(some(), about(), night), `  schedule: {at: "2026-12-01T02:00", timeZone: Europe/Warsaw}
  dryRun: true
  approved:
    gallery/spring:
      modified:
        - "hero.png@0000000000000003"
    media:
      deleted:
        - "a \\"b\\"\\n\\u202e@c@0000000000000001"
    page:
      new:
        - "42@0000000000000000"
      overwrite:
        - "41@0000000000000002"
`);
});

test("nothing ticked approves nothing, and what the job has now is taken back in words", () => {
  const selection = new Selection(plan({}));
  assert.equal(yaml(selection, about(), soon), "  approved: {}\n");
  const now = about({ schedule: { at: "2026-12-01T02:00", timeZone: null }, dryRun: true });
  assert.equal(yaml(selection, now, soon),
    "  # no schedule: as soon as this is merged\n  dryRun: false\n  approved: {}\n");
});

test("a digest stands for more than 100 of a stored plan only if all are ticked", () => {
  const selection = new Selection(plan(...Array.from({ length: 101 }, () => ({}))));
  selection.tickAll(selection.choice.keys());
  assert.ok(yaml(selection, about(), soon).includes('- "100@0000000000000064"'));
  assert.equal(yaml(selection, about({ stored: true }), soon),
    '  approved:\n    page:\n      new:\n        - "all@0123456789abcdef"\n');
  selection.set(7, 0);
  assert.ok(!yaml(selection, about({ stored: true }), soon).includes("all@"));
});

test("the command line has an option per heading, and takes back what isn't ticked any more", () => {
  assert.equal(commandLine(some()),
    "reconcile approve spring --new page/42 --modified gallery/spring/hero.png " +
      "--deleted 'media/a \"b\"\n\u202e@c' --overwrite page/41");
  const selection = new Selection(plan({ flags: 2 }, { id: "it's", shownId: "it's" }, { id: "7,EUR" }));
  selection.set(0, 0);
  selection.set(1, 1);
  selection.set(2, 1);
  assert.equal(commandLine(selection), "reconcile approve spring --new 'page/it'\\''s,page/7,EUR' --remove page/0");
});

test("names that could be read as others get an option each", () => {
  const selection = new Selection(plan({ id: "1" }, { id: "1,page/2" }, { id: "2" }));
  selection.set(0, 1);
  selection.set(2, 1);
  assert.equal(commandLine(selection), "reconcile approve spring --new page/1 --new page/2");
});

test("too many names are no command line", () => {
  const selection = new Selection(plan(...Array.from({ length: 151 }, () => ({}))));
  assert.equal(commandLine(selection), null);
  selection.tickAll(selection.choice.keys());
  assert.equal(commandLine(selection), null);
  selection.set(0, 0);
  assert.ok(commandLine(selection)?.startsWith("reconcile approve spring --new page/1,page/2"));
});

test("the daemon is asked for IDs without pins", () => {
  const none = { new: [], modified: [], deleted: [], overwrite: [], adopt: [], renumber: [] };
  assert.deepEqual(JSON.parse(change(some(), night)), {
    digest: "0123456789abcdef0123456789abcdef",
    approved: {
      "gallery/spring": { ...none, modified: ["hero.png"] },
      media: { ...none, deleted: ["a \"b\"\n\u202e@c"] },
      page: { ...none, new: ["42"], overwrite: ["41"] },
    },
    ...night,
  });
});

test("a table that is called like a member of all objects is a table", () => {
  const odd = plan({}, {});
  odd.tables[0] = "__proto__";
  const selection = new Selection(odd);
  selection.set(0, 1);
  assert.ok(change(selection, soon).includes('"__proto__":{"new":["0"]'));
});

test("what will happen is said with its time and figures", () => {
  assert.equal(outcome(some(), soon), "As soon as this is merged, 3 records and 1 file will be written to PROD: " +
    "1 new, 1 modified, 1 deleted, 1 overwritten. TEST stays as it is.");
  assert.equal(outcome(some(), night), "On 2026-12-01 at 02:00 (Europe/Warsaw), 3 records and 1 file will be tried on PROD " +
    "(1 new, 1 modified, 1 deleted, 1 overwritten) and rolled back: nothing is saved. It is a test import.");
});
