// Small plans for the tests.
import type { About, Conflict, Needed, Plan, Row } from "../src/data.ts";

interface Wanted {
  module?: number;
  table?: number;
  id?: string;
  shownId?: string;
  klass?: number;
  label?: string;
  identity?: string;
  needs?: Needed[];
  flags?: number;
  conflict?: Conflict;
}

export function plan(...wanted: Wanted[]): Plan {
  const changes = wanted.map((it, index): Row => {
    const pin = index.toString(16).padStart(16, "0");
    const row: Row = [it.module ?? 0, it.table ?? 0, it.id ?? `${index}`, it.shownId ?? 0, it.klass ?? 1,
      it.label ?? 0, it.identity ?? "", pin, it.needs ?? [], it.flags ?? 0];
    if (it.conflict !== undefined) row.push(it.conflict);
    return row;
  });
  const of = (klass: number) => changes.filter((row) => row[4] === klass).length;
  return {
    format: 1, job: "spring", source: "TEST", target: "PROD", course: "TEST -> PROD, all records",
    digest: "0123456789abcdef0123456789abcdef",
    counts: { conflict: of(0), new: of(1), modified: of(2), deleted: of(3), unchanged: 0 },
    notes: [], failed: [], nothing: null, modules: ["cms", "media"], tables: ["page", "media", "gallery/spring"],
    chunk: 100, changes,
  };
}

export const about = (rest: Partial<About> = {}): About =>
  ({ schedule: null, dryRun: false, stored: false, served: null, asOf: null, undo: null, basis: null, ...rest });

export const conflict = (answers: Conflict["answers"], chosen: string | 0 = 0): Conflict =>
  ({ why: ["The ID is another record's."], kinds: ["id-reused"], target: 0, answers, chosen });
