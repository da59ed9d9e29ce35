// What survives a reload: ticks, schedule and the opened tab, of one plan of one job.
//
// Answers for writing to and reading from the tab's session storage, which may be closed to us (a
// file from disk, a strict browser): then nothing is kept, and nothing else changes. Only what a
// person changed is kept, and only as long as the manifest asks for the same as then.

import type { About } from "./data.ts";
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

interface Stored extends Kept {
  /** What the manifest asked for when it was kept. */
  asked: string;
}

/** How long after a change it is kept, in milliseconds. */
const SOON = 200;

export class Keeper {
  private readonly key: string;
  private readonly asked: string;
  private isChanged = false;
  private timer = 0;

  constructor(
    private readonly selection: Selection,
    { schedule, dryRun, besides }: About,
    private readonly rest: () => Omit<Kept, "choice">,
  ) {
    const { plan } = selection;
    this.key = `reconcile ${JSON.stringify([plan.job, plan.digest])}`;
    const approved = plan.changes.map((_, index) => selection.approved(index)).join("");
    this.asked = JSON.stringify([approved, schedule, dryRun, besides ?? null]);
  }

  /** What was kept of this very plan and wish, put back into the selection. */
  kept(): Kept | null {
    try {
      const text = sessionStorage.getItem(this.key);
      if (text === null) return null;
      const found = JSON.parse(text) as Stored;
      if (found.asked !== this.asked || found.choice.length !== this.selection.choice.length) return null;
      for (let index = 0; index < found.choice.length; index++) {
        this.selection.set(index, found.choice.charCodeAt(index) - 48);
      }
      return found;
    } catch {
      return null;
    }
  }

  /** A person changed something. */
  changed(): void {
    this.isChanged = true;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.save(), SOON);
  }

  /** At once, as where the page goes. */
  save(): void {
    if (!this.isChanged) return;
    const stored: Stored = { ...this.rest(), choice: this.selection.choice.join(""), asked: this.asked };
    try {
      sessionStorage.setItem(this.key, JSON.stringify(stored));
    } catch {
      // Full or closed: a reload begins anew.
    }
  }

  forget(): void {
    clearTimeout(this.timer);
    this.isChanged = false;
    try {
      sessionStorage.removeItem(this.key);
    } catch {
      // Nothing was kept.
    }
  }
}
