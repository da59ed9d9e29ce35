import assert from "node:assert/strict";
import { test } from "node:test";
import { change, command, unnamed, yaml } from "../src/outputs.ts";
import { Selection } from "../src/selection.ts";
import { outcome } from "../src/words.ts";
import { about, conflict, plan } from "./plans.ts";

function lineOf(selection: Selection, known = about()): string | null {
  const said = command(selection, known);
  return "line" in said ? said.line : null;
}

function whyNone(selection: Selection, known = about()): string {
  const said = command(selection, known);
  return "why" in said ? said.why : "";
}

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
  assert.equal(lineOf(some()),
    "reconcile approve spring --new page/42 --modified gallery/spring/hero.png " +
      "--deleted 'media/a \"b\"\n\u202e@c' --overwrite page/41");
  const selection = new Selection(plan({ flags: 2 }, { id: "it's", shownId: "it's" }, { id: "7,EUR" }));
  selection.set(0, 0);
  selection.set(1, 1);
  selection.set(2, 1);
  assert.equal(lineOf(selection), "reconcile approve spring --new 'page/it'\\''s,page/7,EUR' --remove page/0");
});

test("names that could be read as others get an option each", () => {
  const selection = new Selection(plan({ id: "1" }, { id: "1,page/2" }, { id: "2" }));
  selection.set(0, 1);
  selection.set(2, 1);
  assert.equal(lineOf(selection), "reconcile approve spring --new page/1 --new page/2");
});

test("too many names are no command line", () => {
  const selection = new Selection(plan(...Array.from({ length: 151 }, () => ({}))));
  assert.equal(lineOf(selection), null);
  selection.tickAll(selection.choice.keys());
  assert.equal(lineOf(selection), null);
  selection.set(0, 0);
  assert.ok(lineOf(selection)?.startsWith("reconcile approve spring --new page/1,page/2"));
});

test("what is approved already is no name of the command line, another answer is", () => {
  const answers = conflict([["overwrite", "a", []], ["renumber", "b", []]], "overwrite");
  const selection = new Selection(plan({ flags: 2 }, {}, { klass: 0, flags: 2, conflict: answers }, { klass: 0, conflict: answers }));
  assert.deepEqual(command(selection, about()), { why: "" });
  selection.set(1, 1);
  assert.equal(lineOf(selection), "reconcile approve spring --new page/1");
  selection.set(2, 2);
  assert.equal(lineOf(selection), "reconcile approve spring --new page/1 --renumber page/2");
});

test("no command line takes back an approval of all, nor what the plan doesn't show", () => {
  const selection = new Selection(plan({}, {}));
  selection.set(0, 1);
  assert.ok(whyNone(selection, about({ besides: { all: true, unseen: 0 } })).includes("a whole class"));
  assert.ok(whyNone(selection, about({ besides: { all: false, unseen: 2 } })).includes("doesn't show"));
  assert.equal(lineOf(selection, about({ besides: { all: false, unseen: 0 } })), "reconcile approve spring --new page/0");
  assert.equal(lineOf(selection, about({ besides: null })), "reconcile approve spring --new page/0");
});

test("no command line takes one out of what may be one entry", () => {
  const selection = new Selection(plan({ flags: 2 }, { flags: 2 }, { klass: 2 }));
  selection.set(2, 1);
  assert.equal(lineOf(selection), "reconcile approve spring --modified page/2");
  selection.set(0, 0);
  assert.ok(whyNone(selection).includes("everything under new of page is approved"));
});

test("what no manifest can name stays approved as long as its class is whole", () => {
  const selection = new Selection(plan({ flags: 2 }, { id: "a\u0000", flags: 6 }, { klass: 2 }));
  assert.deepEqual(selection.ticked(), [0, 1]);
  assert.equal(yaml(selection, about(), soon), '  approved:\n    page:\n      new:\n        - "all@0123456789abcdef"\n');
  assert.deepEqual(unnamed(selection, about()), []);
  selection.set(0, 0);
  assert.deepEqual(unnamed(selection, about()), [1]);
  assert.equal(yaml(selection, about(), soon),
    "  # left out, as no manifest can name it: 1 of what is ticked\n  approved: {}\n");
});

test("an answer to all conflicts is one entry as well, where one of them can't be named", () => {
  const answers = conflict([["overwrite", "a", []], ["renumber", "b", []]], "overwrite");
  const other = conflict([["renumber", "b", []]]);
  const selection = new Selection(plan({ klass: 0, flags: 6, conflict: answers }, { klass: 0, flags: 2, conflict: answers },
    { klass: 0, conflict: other }));
  assert.ok(yaml(selection, about(), soon).includes('overwrite:\n        - "all@0123456789abcdef"'));
  selection.set(0, 2);
  assert.deepEqual(unnamed(selection, about()), [0]);
});

test("the daemon is asked for IDs without pins", () => {
  const none = { new: [], modified: [], deleted: [], overwrite: [], adopt: [], renumber: [] };
  assert.deepEqual(JSON.parse(change(some(), night, "0f")), {
    digest: "0123456789abcdef0123456789abcdef",
    approved: {
      "gallery/spring": { ...none, modified: ["hero.png"] },
      media: { ...none, deleted: ["a \"b\"\n\u202e@c"] },
      page: { ...none, new: ["42"], overwrite: ["41"] },
    },
    ...night,
    basis: "0f",
  });
});

test("a table that is called like a member of all objects is a table", () => {
  const odd = plan({}, {});
  odd.tables[0] = "__proto__";
  const selection = new Selection(odd);
  selection.set(0, 1);
  assert.ok(change(selection, soon, null).includes('"__proto__":{"new":["0"]'));
});

test("what will happen is said with its time and figures", () => {
  assert.equal(outcome(some(), about(), soon), "As soon as this is merged, 3 records and 1 file will be written to PROD: " +
    "1 new, 1 modified, 1 deleted, 1 overwritten. TEST stays as it is.");
  assert.equal(outcome(some(), about(), night), "On 2026-12-01 at 02:00 (Europe/Warsaw), 3 records and 1 file will be tried on PROD " +
    "(1 new, 1 modified, 1 deleted, 1 overwritten) and rolled back: nothing is saved. It is a test import.");
  const back = new Selection(plan({ flags: 2 }, {}));
  back.set(0, 0);
  assert.equal(outcome(back, about({ besides: { all: false, unseen: 2 } }), soon),
    "Nothing is ticked: nothing will be written to PROD. 3 approvals of the manifest are taken back.");
  back.set(1, 1);
  assert.ok(outcome(back, about(), soon).endsWith(" TEST stays as it is. 1 approval of the manifest is taken back."));
});
