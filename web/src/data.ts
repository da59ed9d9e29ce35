// What the page is given: the plan, what is known about its job, and the fields of each change.
//
// Answers for the shape of the data blocks and for reading them out of the document. The fields of a
// change are parsed only when somebody opens one of its block. Every text comes escaped: nothing
// invisible is left in it, and it is shown as text alone.

export type Needed = number | string;
export type Answer = "overwrite" | "adopt" | "renumber";

export interface Conflict {
  why: string[];
  kinds: string[];
  target: string | 0;
  answers: [answer: Answer, words: string, needs: Needed[]][];
  chosen: string | 0;
}

export type Row = [
  module: number,
  table: number,
  id: string,
  shownId: string | 0,
  klass: number,
  label: string | 0,
  identity: string,
  pin: string,
  needs: Needed[],
  flags: number,
  conflict?: Conflict,
];

export interface Plan {
  format: 1;
  job: string;
  source: string;
  target: string;
  course: string;
  digest: string;
  counts: { conflict: number; new: number; modified: number; deleted: number; unchanged: number };
  notes: string[];
  failed: [module: string, reason: string][];
  nothing: string | null;
  modules: string[];
  tables: string[];
  chunk: number;
  changes: Row[];
}

export interface Besides {
  /** A class is approved by a bare `all`, or by `all@…` of another plan. */
  all: boolean;
  /** How many entries are of something that this plan doesn't show. */
  unseen: number;
}

export interface About {
  schedule:
    | { at: string; timeZone: string | null }
    | { cron: string; timeZone: string | null }
    | null;
  dryRun: boolean;
  /** What the manifest approves besides changes of this plan; absent where nobody looked. */
  besides?: Besides | null;
  stored: boolean;
  served: null | { post: string | null; whyNot: string | null };
  asOf: string | null;
  /** The run that is taken back: then nothing comes from the source. */
  undo: string | null;
  /** What the manifest asked for when the page was made. */
  basis: string | null;
}

export type Sign = " " | "~" | "-" | "+" | "…";

export interface Field {
  column: string;
  form: "plain" | "text" | "json" | "redacted";
  from?: string;
  to?: string;
  lines?: [sign: Sign, left: string | 0, right: string | 0][];
  paths?: [sign: Sign, path: string, left: string | 0, right: string | 0][];
  more?: string;
}

export interface Touched {
  name: string;
  root: boolean;
  what: "inserted" | "updated" | "deleted";
  fields: Field[];
}

export interface FileChange {
  path: string;
  state: string;
  from?: string;
  to?: string;
  fromImage?: string;
  toImage?: string;
}

export interface Details {
  renamedFrom?: string;
  rows: Touched[];
  files: FileChange[];
}

/** The classes of changes, in the order of the tabs. */
export const CONFLICT = 0;
export const NEW = 1;
export const MODIFIED = 2;
export const DELETED = 3;

/** What a change is marked with. */
export const TARGET_NEWER = 1;
export const APPROVED = 2;
export const NOT_WRITABLE = 4;

/** One row of the plan under names. */
export interface Change {
  index: number;
  module: string;
  table: string;
  id: string;
  /** `table/ID` as it is shown and typed. */
  name: string;
  klass: number;
  /** What people call it; its name where it has no label. */
  title: string;
  identity: string;
  pin: string;
  needs: Needed[];
  flags: number;
  conflict: Conflict | undefined;
}

export function changeAt(plan: Plan, index: number): Change {
  const row = plan.changes[index];
  if (row === undefined) throw new RangeError(`the plan has no change ${index}`);
  const [module, table, id, shownId, klass, label, identity, pin, needs, flags, conflict] = row;
  const tableName = plan.tables[table] ?? "";
  const name = `${tableName}/${shownId === 0 ? id : shownId}`;
  const title = label === 0 || label.trim() === "" ? name : label;
  return {
    index, module: plan.modules[module] ?? "", table: tableName, id, name, klass, title, identity,
    pin, needs, flags, conflict,
  };
}

/** `media/17 Hero`; the name alone where there is no label. */
export function called(plan: Plan, index: number): string {
  const { name, title } = changeAt(plan, index);
  return name === title ? name : `${name} ${title.length > 60 ? `${title.slice(0, 59)}…` : title}`;
}

/** Files of gallery folders are changes of tables called `gallery/FOLDER`. */
export function isFile(plan: Plan, index: number): boolean {
  const table = plan.tables[plan.changes[index]?.[1] ?? -1] ?? "";
  return table === "gallery" || table.startsWith("gallery/");
}

export function block<T>(id: string): T {
  const text = document.getElementById(id)?.textContent;
  if (text === undefined || text === null) throw new Error(`the page has no data block "${id}"`);
  return JSON.parse(text) as T;
}

const opened = new Map<number, Details[]>();

/** The fields of one change. */
export function detailsOf(plan: Plan, index: number): Details {
  const at = Math.floor(index / plan.chunk);
  let details = opened.get(at);
  if (details === undefined) {
    details = block<Details[]>(`details-${at}`);
    opened.set(at, details);
  }
  return details[index % plan.chunk] ?? { rows: [], files: [] };
}
