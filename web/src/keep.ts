// What survives a reload: ticks, schedule and the opened tab, by the plan's digest.
//
// Answers for writing to and reading from the tab's session storage, which may be closed to us (a
// file from disk, a strict browser): then nothing is kept, and nothing else changes.

import type { Selection } from "./selection.ts";

export interface Kept {
  /** One digit per change. */
  choice: string;
  tab: number;
  timed: boolean;
  at: string;
  zone: string;
  dryRun: boolean;
}

const key = (digest: string): string => `reconcile ${digest}`;

export function keep(selection: Selection, rest: Omit<Kept, "choice">): void {
  try {
    const choice = selection.choice.join("");
    sessionStorage.setItem(key(selection.plan.digest), JSON.stringify({ ...rest, choice }));
  } catch {
    // Full or closed: a reload begins anew.
  }
}

/** What was kept of this very plan, put back into the selection. */
export function kept(selection: Selection): Kept | null {
  try {
    const text = sessionStorage.getItem(key(selection.plan.digest));
    if (text === null) return null;
    const found = JSON.parse(text) as Kept;
    if (found.choice.length !== selection.choice.length) return null;
    for (let index = 0; index < found.choice.length; index++) {
      selection.set(index, found.choice.charCodeAt(index) - 48);
    }
    return found;
  } catch {
    return null;
  }
}

export function forget(digest: string): void {
  try {
    sessionStorage.removeItem(key(digest));
  } catch {
    // Nothing was kept.
  }
}
