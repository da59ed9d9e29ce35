// What comes out: the manifest's lines, the command line, and what the daemon is asked to commit.
//
// Answers for saying the same selection in three ways, exactly as it is ticked. Pure.

import { APPROVED, CONFLICT, changeAt } from "./data.ts";
import type { About, Plan } from "./data.ts";
import { argument, plain, quoted } from "./quote.ts";
import type { Selection } from "./selection.ts";

/** The headings of `approved`, in the order of the manifest. */
export const HEADINGS = ["new", "modified", "deleted", "overwrite", "adopt", "renumber"] as const;
export type Heading = (typeof HEADINGS)[number];

export interface When {
  at: string;
  timeZone: string;
}

export interface Settings {
  /** Nothing: as soon as it is merged. */
  schedule: When | null;
  dryRun: boolean;
}

/** More names than this are no command line any more. */
export const MOST_NAMES = 150;
/** More than this, and all of them: one entry can stand for a class of a stored plan. */
const MANY = 100;

export function headingOf(selection: Selection, index: number): Heading {
  const klass = selection.plan.changes[index]?.[4] ?? CONFLICT;
  return selection.answer(index) ?? HEADINGS[klass - 1] ?? "new";
}

export type Approved = Map<string, Map<Heading, number[]>>;

/** What is ticked by table and heading, both in their order. */
export function approved(selection: Selection, ticked = selection.ticked()): Approved {
  const { plan } = selection;
  const found: Approved = new Map();
  for (const table of [...plan.tables].sort((a, b) => (a < b ? -1 : 1))) found.set(table, new Map());
  for (const index of ticked) {
    const headings = found.get(plan.tables[plan.changes[index]?.[1] ?? -1] ?? "");
    const heading = headingOf(selection, index);
    const indexes = headings?.get(heading);
    if (indexes === undefined) headings?.set(heading, [index]);
    else indexes.push(index);
  }
  for (const [table, headings] of found) {
    if (headings.size === 0) found.delete(table);
    else found.set(table, new Map(HEADINGS.flatMap((it) => entry(it, headings.get(it)))));
  }
  return found;
}

function entry(heading: Heading, indexes: number[] | undefined): [Heading, number[]][] {
  return indexes === undefined ? [] : [[heading, indexes]];
}

/** The lines that belong under `spec:` of the job's manifest. */
export function yaml(selection: Selection, about: About, settings: Settings): string {
  const { schedule, dryRun } = settings;
  const lines: string[] = [];
  if (schedule !== null) {
    lines.push(`  schedule: {at: ${quoted(schedule.at)}, timeZone: ${plain(schedule.timeZone)}}`);
  } else if (about.schedule !== null) {
    lines.push("  # no schedule: as soon as this is merged");
  }
  if (dryRun || about.dryRun) lines.push(`  dryRun: ${dryRun}`);
  const ticked = selection.ticked();
  const all = approved(selection, ticked);
  const { whole, unnamed } = lists(selection, about, all);
  const tables = unnamed.length === 0 ? all : approved(selection, ticked.filter((index) => !unnamed.includes(index)));
  if (unnamed.length > 0) lines.push(`  # left out, as no manifest can name it: ${unnamed.length} of what is ticked`);
  lines.push(tables.size === 0 ? "  approved: {}" : "  approved:");
  for (const [table, headings] of tables) {
    lines.push(`    ${plain(table)}:`);
    for (const [heading, indexes] of headings) {
      lines.push(`      ${heading}:`);
      if (whole.has(`${table} ${heading}`)) lines.push(`        - "all@${selection.plan.digest.slice(0, 16)}"`);
      else for (const index of indexes) lines.push(`        - ${pinned(selection.plan, index)}`);
    }
  }
  return `${lines.join("\n")}\n`;
}

function pinned(plan: Plan, index: number): string {
  const { id, pin } = changeAt(plan, index);
  return quoted(`${id}@${pin}`);
}

/** How the ticked changes can be written. */
interface Lists {
  /** Table and heading of which everything is ticked, so that the plan's digest stands for it. */
  whole: Set<string>;
  /** Changes that no manifest can name, in lists that aren't whole. */
  unnamed: number[];
}

/** As src/plan/ticked.rs: a list is one entry where it is whole and long, or can't be written else. */
function lists(selection: Selection, about: About, tables: Approved): Lists {
  const found: Lists = { whole: new Set(), unnamed: [] };
  const long = (indexes: number[]) => about.stored && indexes.length > MANY;
  let totals: Map<string, number> | null = null;
  for (const [table, headings] of tables) {
    for (const [heading, indexes] of headings) {
      const unwritable = indexes.filter((index) => selection.isUnwritable(index));
      if (unwritable.length === 0 && !long(indexes)) continue;
      totals ??= fitting(selection.plan);
      if (totals.get(`${table} ${heading}`) === indexes.length) found.whole.add(`${table} ${heading}`);
      else found.unnamed.push(...unwritable);
    }
  }
  return found;
}

/** How many changes could stand under each heading of each table. */
function fitting(plan: Plan): Map<string, number> {
  const totals = new Map<string, number>();
  for (const row of plan.changes) {
    const answers = row[10]?.answers.map(([answer]) => answer) ?? [];
    for (const heading of row[4] === CONFLICT ? answers : [HEADINGS[row[4] - 1] ?? "new"]) {
      const key = `${plan.tables[row[1]] ?? ""} ${heading}`;
      totals.set(key, (totals.get(key) ?? 0) + 1);
    }
  }
  return totals;
}

/** What is ticked and can't be written: its name is none for a manifest, and of its class not all is ticked. */
export function unnamed(selection: Selection, about: About): number[] {
  const ticked = selection.ticked();
  if (!ticked.some((index) => selection.isUnwritable(index))) return [];
  return lists(selection, about, approved(selection, ticked)).unnamed;
}

/** A command line, or why there is none; no words where it would say nothing. */
export type Command = { line: string } | { why: string };

/** `reconcile approve …`, which makes what is ticked out of what is approved. */
export function command(selection: Selection, about: About): Command {
  const { plan } = selection;
  const { all = false, unseen = 0 } = about.besides ?? {};
  if (all) return { why: "There is no command line for this: none takes back an approval of a whole class. Use the lines for the manifest." };
  if (unseen > 0) return { why: "There is no command line for this: none takes back what this plan doesn't show. Use the lines for the manifest." };
  const more = selection.ticked().filter((index) => !isAsApproved(selection, index));
  const back = takenBack(selection);
  if (more.length + back.length > MOST_NAMES) {
    return { why: `More than ${MOST_NAMES} names are no command line any more: use the lines for the manifest.` };
  }
  const badName = more.find((index) => selection.isUnwritable(index));
  if (badName !== undefined) {
    return { why: `There is no command line for this: ${changeAt(plan, badName).name} can't be named. Use the lines for the manifest.` };
  }
  const whole = takenOutOfWhole(selection);
  if (whole !== null) {
    return { why: `There is no command line for this: everything under ${whole} is approved, maybe by one entry, and no command takes one record out of that. Use the lines for the manifest.` };
  }
  if (more.length + back.length === 0) return { why: "" };
  const byHeading = new Map<string, string[]>();
  const add = (heading: string, index: number) => {
    const names = byHeading.get(heading);
    const { name } = changeAt(plan, index);
    if (names === undefined) byHeading.set(heading, [name]);
    else names.push(name);
  };
  for (const index of more) add(headingOf(selection, index), index);
  for (const index of back) add("remove", index);
  const separate = plan.changes.some(([, , id]) => /,.*\//s.test(id));
  const options = [...HEADINGS, "remove"].flatMap((heading) => {
    const names = byHeading.get(heading) ?? [];
    if (names.length === 0) return [];
    const values = separate ? names : [names.join(",")];
    return values.map((value) => `--${heading} ${argument(value)}`);
  });
  return { line: ["reconcile approve", argument(plan.job), ...options].join(" ") };
}

const isApproved = (plan: Plan, index: number): boolean => ((plan.changes[index]?.[9] ?? 0) & APPROVED) !== 0;

const isAsApproved = (selection: Selection, index: number): boolean =>
  isApproved(selection.plan, index) && selection.choice[index] === selection.approved(index);

/** `new` of `page` where something is taken out of it although all of it is approved. */
function takenOutOfWhole(selection: Selection): string | null {
  const { plan } = selection;
  const given = new Map<string, { many: number; isLess: boolean; words: string }>();
  plan.changes.forEach((row, index) => {
    if (!isApproved(plan, index)) return;
    const [table, heading] = [plan.tables[row[1]] ?? "", row[4] === CONFLICT ? row[10]?.chosen : HEADINGS[row[4] - 1]];
    const key = `${table} ${heading}`;
    const one = given.get(key) ?? { many: 0, isLess: false, words: `${heading} of ${table}` };
    given.set(key, { ...one, many: one.many + 1, isLess: one.isLess || !isAsApproved(selection, index) });
  });
  const less = [...given].filter(([, { isLess }]) => isLess);
  if (less.length === 0) return null;
  const totals = fitting(plan);
  return less.find(([key, { many }]) => totals.get(key) === many)?.[1].words ?? null;
}

/** What is approved now and not ticked any more. */
export function takenBack(selection: Selection): number[] {
  return selection.plan.changes.flatMap((_, index) =>
    isApproved(selection.plan, index) && !selection.isTicked(index) ? [index] : []);
}

/** How many approvals of the manifest go: what was unticked, and what this plan doesn't show. */
export function takenBackInAll(selection: Selection, about: About): number {
  return takenBack(selection).length + (about.besides?.unseen ?? 0);
}

/** What the daemon is asked to commit: IDs alone, it takes the pins from the plan it stored. */
export function change(selection: Selection, settings: Settings, basis: string | null): string {
  const { plan } = selection;
  const tables = [...approved(selection)].map(([table, headings]) => {
    const ids = (heading: Heading) =>
      (headings.get(heading) ?? []).map((index) => changeAt(plan, index).id);
    return [table, Object.fromEntries(HEADINGS.map((heading) => [heading, ids(heading)]))] as const;
  });
  const { schedule, dryRun } = settings;
  return JSON.stringify({ digest: plan.digest, approved: Object.fromEntries(tables), schedule, dryRun, basis });
}
