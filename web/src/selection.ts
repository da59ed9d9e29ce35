// What is ticked, what that needs, and what needs it.
//
// Answers for which changes can be ticked, for the closure of what a change needs, for who needs a
// change, and for what is left unresolved. Pure: it knows nothing of the page.

import { APPROVED, CONFLICT, NOT_WRITABLE, TARGET_NEWER } from "./data.ts";
import type { Answer, Needed, Plan } from "./data.ts";

/** What a change needs that isn't ticked. */
export interface Missing {
  /** Can simply be ticked, in the order of the plan. */
  add: number[];
  /** Edited later on the target: each to be ticked by itself. */
  newer: number[];
  /** Conflicts that want an answer first. */
  conflicts: number[];
  /** Changes that can't be ticked at all. */
  impossible: number[];
  /** Names that the plan doesn't hold. */
  unknown: string[];
}

export interface Bulk {
  changed: number;
  targetNewer: number;
  impossible: number;
}

export class Selection {
  /** 0: left; 1: ticked, of a conflict: its first answer; 2, 3: the further answers. */
  readonly choice: Uint8Array;
  private reverse: (number[] | undefined)[] | null = null;

  constructor(readonly plan: Plan) {
    this.choice = new Uint8Array(plan.changes.length);
    this.startOver();
  }

  /** As it is approved now. */
  startOver(): void {
    for (const index of this.choice.keys()) this.choice[index] = this.approved(index);
  }

  /** The choice that is approved now. */
  approved(index: number): number {
    const row = this.plan.changes[index];
    if (row === undefined || (row[9] & APPROVED) === 0 || !this.canTick(index)) return 0;
    if (row[4] !== CONFLICT) return 1;
    return (row[10]?.answers ?? []).findIndex(([answer]) => answer === row[10]?.chosen) + 1;
  }

  /** What no manifest can name was approved by one entry for its whole class, and can stay so. */
  canTick(index: number): boolean {
    const row = this.plan.changes[index];
    if (row === undefined || (this.isUnwritable(index) && (row[9] & APPROVED) === 0)) return false;
    return row[4] !== CONFLICT || (row[10]?.answers.length ?? 0) > 0;
  }

  isTicked(index: number): boolean {
    return this.choice[index] !== 0;
  }

  isUnwritable(index: number): boolean {
    return this.isMarked(index, NOT_WRITABLE);
  }

  /** Whether it was edited later on the target, and would lose that. */
  isTargetNewer(index: number): boolean {
    return this.isMarked(index, TARGET_NEWER);
  }

  private isMarked(index: number, flag: number): boolean {
    return ((this.plan.changes[index]?.[9] ?? 0) & flag) !== 0;
  }

  isConflict(index: number): boolean {
    return this.plan.changes[index]?.[4] === CONFLICT;
  }

  answer(index: number): Answer | undefined {
    return this.plan.changes[index]?.[10]?.answers[(this.choice[index] ?? 0) - 1]?.[0];
  }

  set(index: number, choice: number): void {
    const answers = this.plan.changes[index]?.[10]?.answers.length ?? 1;
    if (choice === 0 || (this.canTick(index) && choice <= answers)) this.choice[index] = choice;
  }

  /** What the change needs, with the answer that it has. */
  needs(index: number): Needed[] {
    const row = this.plan.changes[index];
    const besides = row?.[10]?.answers[(this.choice[index] ?? 0) - 1]?.[2];
    return besides === undefined ? row?.[8] ?? [] : [...(row?.[8] ?? []), ...besides];
  }

  /** Whatever these changes need that isn't ticked, and what that needs in turn. */
  missing(indexes: Iterable<number>): Missing {
    const seen = new Set<Needed>(indexes);
    const waiting = [...seen] as number[];
    const found: Missing = { add: [], newer: [], conflicts: [], impossible: [], unknown: [] };
    for (let index = waiting.pop(); index !== undefined; index = waiting.pop()) {
      for (const needed of this.needs(index)) {
        if (seen.has(needed)) continue;
        seen.add(needed);
        if (typeof needed === "string") found.unknown.push(needed);
        else if (this.isTicked(needed)) waiting.push(needed);
        else if (!this.canTick(needed)) found.impossible.push(needed);
        else if (this.isConflict(needed)) found.conflicts.push(needed);
        else if (this.isTargetNewer(needed)) found.newer.push(needed);
        else {
          found.add.push(needed);
          waiting.push(needed);
        }
      }
    }
    found.add.sort((a, b) => a - b);
    return found;
  }

  /** The ticked changes that can't be written without this one. */
  dependants(index: number): number[] {
    const found = new Set<number>();
    const waiting = [index];
    for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
      for (const other of this.neededBy(at)) {
        if (other === index || found.has(other) || !this.isTicked(other)) continue;
        if (!this.needs(other).includes(at)) continue;
        found.add(other);
        waiting.push(other);
      }
    }
    return [...found].sort((a, b) => a - b);
  }

  private neededBy(index: number): number[] {
    this.reverse ??= reversed(this.plan);
    return this.reverse[index] ?? [];
  }

  /** The ticked changes of which something that they need directly isn't ticked. */
  unresolved(): number[] {
    const found: number[] = [];
    for (let index = 0; index < this.choice.length; index++) {
      if (this.choice[index] === 0) continue;
      const isMissing = (needed: Needed) => typeof needed === "string" || !this.isTicked(needed);
      if (this.needs(index).some(isMissing)) found.push(index);
    }
    return found;
  }

  /** Ticks all that can be ticked without a decision of its own, and says what it left out. */
  tickAll(indexes: Iterable<number>): Bulk {
    const bulk = { changed: 0, targetNewer: 0, impossible: 0 };
    for (const index of indexes) {
      if (this.isTicked(index) || this.isConflict(index)) continue;
      if (!this.canTick(index)) bulk.impossible++;
      else if (this.isTargetNewer(index)) bulk.targetNewer++;
      else {
        this.choice[index] = 1;
        bulk.changed++;
      }
    }
    return bulk;
  }

  untickAll(indexes: Iterable<number>): number {
    let changed = 0;
    for (const index of indexes) {
      if (!this.isTicked(index)) continue;
      this.choice[index] = 0;
      changed++;
    }
    return changed;
  }

  ticked(): number[] {
    const found: number[] = [];
    for (let index = 0; index < this.choice.length; index++) {
      if (this.choice[index] !== 0) found.push(index);
    }
    return found;
  }
}

/** By change, which changes may need it, whatever their answers. */
function reversed(plan: Plan): (number[] | undefined)[] {
  const found: (number[] | undefined)[] = [];
  plan.changes.forEach((row, index) => {
    const besides = row[10]?.answers.flatMap((answer) => answer[2]) ?? [];
    for (const needed of [...row[8], ...besides]) {
      if (typeof needed === "number") (found[needed] ??= []).push(index);
    }
  });
  return found;
}
