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
export function approved(selection: Selection): Approved {
  const { plan } = selection;
  const found: Approved = new Map();
  for (const table of [...plan.tables].sort((a, b) => (a < b ? -1 : 1))) found.set(table, new Map());
  for (const index of selection.ticked()) {
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
  const tables = approved(selection);
  lines.push(tables.size === 0 ? "  approved: {}" : "  approved:");
  const complete = completeClasses(selection, about, tables);
  for (const [table, headings] of tables) {
    lines.push(`    ${plain(table)}:`);
    for (const [heading, indexes] of headings) {
      lines.push(`      ${heading}:`);
      const all = complete.has(`${table} ${heading}`);
      if (all) lines.push(`        - "all@${selection.plan.digest.slice(0, 16)}"`);
      else for (const index of indexes) lines.push(`        - ${pinned(selection.plan, index)}`);
    }
  }
  return `${lines.join("\n")}\n`;
}

function pinned(plan: Plan, index: number): string {
  const { id, pin } = changeAt(plan, index);
  return quoted(`${id}@${pin}`);
}

/** Of which table and heading everything is ticked, so that the plan's digest can stand for it. */
function completeClasses(selection: Selection, about: About, tables: Approved): Set<string> {
  const found = new Set<string>();
  const large = [...tables].flatMap(([table, headings]) =>
    [...headings].filter(([, indexes]) => indexes.length > MANY).map(([heading, indexes]) =>
      ({ table, heading, many: indexes.length })));
  if (!about.stored || large.length === 0) return found;
  const totals = new Map<string, number>();
  for (const row of selection.plan.changes) {
    if (row[4] === CONFLICT) continue;
    const key = `${selection.plan.tables[row[1]] ?? ""} ${HEADINGS[row[4] - 1] ?? ""}`;
    totals.set(key, (totals.get(key) ?? 0) + 1);
  }
  for (const { table, heading, many } of large) {
    if (totals.get(`${table} ${heading}`) === many) found.add(`${table} ${heading}`);
  }
  return found;
}

/** `reconcile approve …`; nothing where there is nothing to say, or too much for a command line. */
export function commandLine(selection: Selection): string | null {
  const { plan } = selection;
  const byHeading = new Map<string, string[]>();
  const add = (heading: string, index: number) => {
    const names = byHeading.get(heading);
    const { name } = changeAt(plan, index);
    if (names === undefined) byHeading.set(heading, [name]);
    else names.push(name);
  };
  const back = takenBack(selection);
  const ticked = selection.ticked();
  if (ticked.length + back.length === 0 || ticked.length + back.length > MOST_NAMES) return null;
  for (const index of ticked) add(headingOf(selection, index), index);
  for (const index of back) add("remove", index);
  const separate = plan.changes.some(([, , id]) => /,.*\//s.test(id));
  const options = [...HEADINGS, "remove"].flatMap((heading) => {
    const names = byHeading.get(heading) ?? [];
    if (names.length === 0) return [];
    const values = separate ? names : [names.join(",")];
    return values.map((value) => `--${heading} ${argument(value)}`);
  });
  return ["reconcile approve", argument(plan.job), ...options].join(" ");
}

/** What is approved now and not ticked any more. */
export function takenBack(selection: Selection): number[] {
  return selection.plan.changes.flatMap((row, index) =>
    (row[9] & APPROVED) !== 0 && !selection.isTicked(index) ? [index] : []);
}

/** What the daemon is asked to commit: IDs alone, it takes the pins from the plan it stored. */
export function change(selection: Selection, settings: Settings): string {
  const { plan } = selection;
  const tables = [...approved(selection)].map(([table, headings]) => {
    const ids = (heading: Heading) =>
      (headings.get(heading) ?? []).map((index) => changeAt(plan, index).id);
    return [table, Object.fromEntries(HEADINGS.map((heading) => [heading, ids(heading)]))] as const;
  });
  const { schedule, dryRun } = settings;
  return JSON.stringify({ digest: plan.digest, approved: Object.fromEntries(tables), schedule, dryRun });
}
