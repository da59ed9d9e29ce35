// What the parts of the page share.
//
// Answers for the one way in which they reach each other: a part changes the selection and calls
// `changed`, which has every part show it.

import type { About, Plan } from "./data.ts";
import type { Search } from "./search.ts";
import type { Selection } from "./selection.ts";

export interface Page {
  readonly plan: Plan;
  readonly about: About;
  readonly selection: Selection;
  readonly search: Search;
  /** A job with a cron expression: its plan is read, and pins can't be approved. */
  readonly readOnly: boolean;
  /** Changes that were unticked here although ticked ones need them. */
  readonly dropped: Set<number>;
  /** Changes whose details are open. */
  readonly open: Set<number>;
  changed(): void;
  /** Opens the tab of a change, brings it into view and puts the focus on it. */
  goTo(index: number): void;
  /** Tells people who don't see the page what happened. */
  say(words: string): void;
}

/** Ticks or answers one change, as a person did. */
export function choose(page: Page, index: number, choice: number): void {
  page.selection.set(index, choice);
  if (choice === 0) page.dropped.add(index);
  else page.dropped.delete(index);
  page.changed();
}

/** Ticks what others need. */
export function tickThose(page: Page, indexes: number[]): void {
  for (const index of indexes) {
    page.selection.set(index, 1);
    page.dropped.delete(index);
  }
  page.changed();
}
