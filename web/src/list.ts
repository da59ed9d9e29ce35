// A list of which only the rows near the window are in the document.
//
// Answers for where rows stand, for measuring them, for the focus staying where it is and for the
// tab key walking on: the first row, the last one and the neighbours of the focused one are always
// there. What a row shows is its maker's.

import { h } from "./dom.ts";

export interface RowView {
  element: HTMLElement;
  update(): void;
}

/** How far beyond the window rows are made, in pixels. */
const BEYOND = 800;
/** So few rows are all there, so that the browser's own search finds them. */
const FEW = 200;

export class List {
  readonly element: HTMLElement;
  private order: number[] = [];
  private places = new Map<number, number>();
  private readonly heights = new Map<number, number>();
  private tops = new Float64Array(1);
  private estimate = 64;
  private isEstimated = false;
  private width = 0;
  /** How many rows are on paper; nothing while on screen. */
  private printed: number | null = null;
  private readonly mounted = new Map<number, RowView>();
  private readonly observer = new ResizeObserver((entries) => this.measured(entries));

  constructor(label: string, private readonly make: (index: number) => RowView) {
    this.element = h("div", { role: "list", "aria-label": label, class: "rows" });
    this.element.addEventListener("focusin", () => this.render());
  }

  /** Other changes, or another order. */
  show(order: number[]): void {
    const kept = this.mounted.size > 0 && isSubsequence(order, this.order, this.mounted);
    this.order = order;
    this.places = new Map(order.map((index, place) => [index, place]));
    if (!kept) for (const index of [...this.mounted.keys()]) this.unmount(index);
    this.layOut();
    this.render();
  }

  update(): void {
    for (const view of this.mounted.values()) view.update();
  }

  /** Makes the row of a change and brings it into view. */
  reveal(index: number): RowView | undefined {
    const place = this.places.get(index);
    if (place === undefined) return undefined;
    const top = this.element.getBoundingClientRect().top + window.scrollY + (this.tops[place] ?? 0);
    window.scrollTo({ top: Math.max(0, top - window.innerHeight / 3), behavior: "instant" });
    this.render();
    return this.mounted.get(index);
  }

  /** All rows at once, up to so many; how many there are. */
  print(most: number): number {
    this.printed = Math.min(this.order.length, most);
    this.render();
    return this.printed;
  }

  endPrint(): void {
    this.printed = null;
    this.layOut();
    this.render();
  }

  render(): void {
    const wanted = this.wanted();
    const keep = new Set(wanted.map((place) => this.order[place]));
    for (const index of [...this.mounted.keys()]) if (!keep.has(index)) this.unmount(index);
    let next = this.element.firstElementChild;
    for (const place of wanted) {
      const index = this.order[place];
      if (index === undefined) continue;
      let view = this.mounted.get(index);
      if (view === undefined) {
        view = this.make(index);
        this.mounted.set(index, view);
        this.element.insertBefore(view.element, next);
        this.observer.observe(view.element);
      } else next = view.element.nextElementSibling;
      view.element.setAttribute("aria-setsize", `${this.order.length}`);
      view.element.setAttribute("aria-posinset", `${place + 1}`);
    }
    this.place();
  }

  private unmount(index: number): void {
    const view = this.mounted.get(index);
    if (view === undefined) return;
    this.observer.unobserve(view.element);
    view.element.remove();
    this.mounted.delete(index);
  }

  /** The places that must be there, in order. */
  private wanted(): number[] {
    const many = this.order.length;
    if (this.printed !== null) return [...Array(this.printed).keys()];
    if (many <= FEW) return [...Array(many).keys()];
    const top = this.element.getBoundingClientRect().top;
    const first = this.placeAt(-top - BEYOND);
    const last = this.placeAt(-top + window.innerHeight + BEYOND);
    const found = new Set([0, many - 1]);
    for (let place = first; place <= last; place++) found.add(place);
    const focused = this.focused();
    if (focused !== undefined) for (const at of [focused - 1, focused, focused + 1]) found.add(at);
    return [...found].filter((place) => place >= 0 && place < many).sort((a, b) => a - b);
  }

  private focused(): number | undefined {
    for (const [index, { element }] of this.mounted) {
      if (element.contains(document.activeElement)) return this.places.get(index);
    }
    return undefined;
  }

  private placeAt(y: number): number {
    let [low, high] = [0, this.order.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.tops[middle] ?? 0) <= y) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** Where every row begins. */
  private layOut(): void {
    const many = this.order.length;
    if (this.tops.length !== many + 1) this.tops = new Float64Array(many + 1);
    let top = 0;
    for (let place = 0; place < many; place++) {
      this.tops[place] = top;
      top += this.heights.get(this.order[place] ?? -1) ?? this.estimate;
    }
    this.tops[many] = top;
    this.element.style.height = `${top}px`;
  }

  private place(): void {
    for (const [index, { element }] of this.mounted) {
      element.style.top = `${this.tops[this.places.get(index) ?? 0] ?? 0}px`;
    }
  }

  private measured(entries: ResizeObserverEntry[]): void {
    if (this.printed !== null || this.element.clientWidth === 0) return;
    this.forgetOtherWidth();
    const above = -this.element.getBoundingClientRect().top;
    let moved = 0;
    let isOther = false;
    for (const [index, { element }] of this.mounted) {
      if (!entries.some(({ target }) => target === element)) continue;
      const height = element.getBoundingClientRect().height;
      const before = this.heights.get(index) ?? this.estimate;
      this.heights.set(index, height);
      if (Math.abs(height - before) < 0.5) continue;
      isOther = true;
      const bottom = (this.tops[this.places.get(index) ?? 0] ?? 0) + before;
      if (bottom <= above) moved += height - before;
    }
    this.estimateOnce();
    if (!isOther) return;
    this.layOut();
    if (moved !== 0) window.scrollBy({ top: moved, behavior: "instant" });
    this.render();
  }

  private forgetOtherWidth(): void {
    const width = this.element.clientWidth;
    if (this.width !== 0 && this.width !== width) {
      this.heights.clear();
      this.isEstimated = false;
      for (const [index, { element }] of this.mounted) {
        this.heights.set(index, element.getBoundingClientRect().height);
      }
    }
    this.width = width;
  }

  /** Rows that were never there count as high as the middle one of the first that were. */
  private estimateOnce(): void {
    if (this.isEstimated || this.heights.size === 0) return;
    const sorted = [...this.heights.values()].sort((a, b) => a - b);
    this.estimate = sorted[sorted.length >> 1] ?? this.estimate;
    this.isEstimated = true;
    this.layOut();
  }
}

/** Whether the mounted rows that remain would stand in the same order. */
function isSubsequence(next: number[], before: number[], mounted: Map<number, RowView>): boolean {
  if (next === before) return true;
  const there = (order: number[]) => order.filter((index) => mounted.has(index));
  const after = there(next);
  const remaining = new Set(after);
  const old = there(before).filter((index) => remaining.has(index));
  return old.length === after.length && old.every((index, place) => index === after[place]);
}
