// Sentences and figures.
//
// Answers for how the page counts and what it says will happen. Pure.

import { isFile } from "./data.ts";
import type { About } from "./data.ts";
import { HEADINGS, headingOf, takenBackInAll } from "./outputs.ts";
import type { Settings } from "./outputs.ts";
import type { Selection } from "./selection.ts";

export const figure = (many: number): string => many.toLocaleString("en-US");

export function count(many: number, one: string, more = `${one}s`): string {
  return `${figure(many)} ${many === 1 ? one : more}`;
}

/** `a`, `a and b`, `a, b and 7 more`. */
export function listed(names: string[], most = 5): string {
  const rest = names.length - most;
  const shown = rest > 0 ? [...names.slice(0, most), `${figure(rest)} more`] : names;
  const last = shown.at(-1) ?? "";
  return shown.length < 2 ? last : `${shown.slice(0, -1).join(", ")} and ${last}`;
}

const done = (target: string) => ({
  new: "new", modified: "modified", deleted: "deleted", overwrite: "overwritten",
  adopt: `put into ${target}'s own record`, renumber: "inserted under a new ID",
});

/** `3 new, 1 overwritten`; empty where nothing is ticked. */
export function tally(selection: Selection): string {
  const found = new Map<string, number>();
  const words = done(selection.plan.target);
  for (const index of selection.ticked()) {
    const heading = headingOf(selection, index);
    found.set(heading, (found.get(heading) ?? 0) + 1);
  }
  return HEADINGS.flatMap((heading) => {
    const many = found.get(heading);
    return many === undefined ? [] : [`${figure(many)} ${words[heading]}`];
  }).join(", ");
}

/** `4 records and 1 file`. */
export function recordsAndFiles(selection: Selection): string {
  const ticked = selection.ticked();
  const files = ticked.filter((index) => isFile(selection.plan, index)).length;
  const records = ticked.length - files;
  const parts = [records > 0 && count(records, "record"), files > 0 && count(files, "file")];
  return parts.filter((part) => part !== false).join(" and ");
}

/** What will happen, in one sentence or two. */
export function outcome(selection: Selection, about: About, { schedule, dryRun }: Settings): string {
  const { source, target } = selection.plan;
  const ticked = selection.ticked().length;
  const back = takenBackInAll(selection, about);
  const less = back === 0 ? "" : ` ${count(back, "approval")} of the manifest ${back === 1 ? "is" : "are"} taken back.`;
  if (ticked === 0) return `Nothing is ticked: nothing will be written to ${target}.${less}`;
  const when = schedule === null
    ? "As soon as this is merged"
    : `On ${schedule.at.replace("T", " at ")} (${schedule.timeZone})`;
  const what = recordsAndFiles(selection);
  const figures = tally(selection);
  if (dryRun) {
    return `${when}, ${what} will be tried on ${target} (${figures}) and rolled back: ` +
      `nothing is saved. It is a test import.${less}`;
  }
  return `${when}, ${what} will be written to ${target}: ${figures}. ${source} stays as it is.${less}`;
}
