// Finding changes: by text, module and tick, in an order.
//
// Answers for what a search looks at and for the orders. Pure. The lower-case text of all changes is
// made once, by the first search or while the page is idle.

import { changeAt } from "./data.ts";
import type { Plan } from "./data.ts";

export type Order = "plan" | "name" | "id" | "table";

export interface Wish {
  words: string;
  /** Of one module alone. */
  module: number | null;
  order: Order;
  only: ((index: number) => boolean) | null;
}

export class Search {
  private texts: string[] = [];
  private readonly orders = new Map<string, number[]>();

  constructor(private readonly plan: Plan) {}

  /** Makes some of the texts; whether there are more to make. */
  prepare(many: number): boolean {
    const { plan, texts } = this;
    const end = Math.min(texts.length + many, plan.changes.length);
    for (let index = texts.length; index < end; index++) {
      const { name, title, identity, id } = changeAt(plan, index);
      texts.push(`${title}\n${name}\n${id}\n${identity}`.toLowerCase());
    }
    return texts.length < plan.changes.length;
  }

  /** The changes of a class that a wish leaves, in its order. Every word must be found. */
  find(klass: number, wish: Wish): number[] {
    const { words, module, order, only } = wish;
    const all = this.ordered(klass, order);
    const parts = words.toLowerCase().split(/\s+/).filter((word) => word !== "");
    if (parts.length === 0 && module === null && only === null) return all;
    if (parts.length > 0) this.prepare(Infinity);
    return all.filter((index) => {
      if (module !== null && this.plan.changes[index]?.[0] !== module) return false;
      if (only !== null && !only(index)) return false;
      const text = this.texts[index] ?? "";
      return parts.every((part) => text.includes(part));
    });
  }

  private ordered(klass: number, order: Order): number[] {
    const key = `${klass} ${order}`;
    let found = this.orders.get(key);
    if (found === undefined) {
      found = order === "plan" ? ofClass(this.plan, klass) : this.sorted(this.ordered(klass, "plan"), order);
      this.orders.set(key, found);
    }
    return found;
  }

  private sorted(indexes: number[], order: Exclude<Order, "plan">): number[] {
    const { compare } = new Intl.Collator("en", { numeric: true, sensitivity: "base" });
    const keyed = indexes.map((index) => {
      const { title, id, table } = changeAt(this.plan, index);
      return { index, key: order === "name" ? title : order === "id" ? id : table };
    });
    keyed.sort((a, b) => compare(a.key, b.key) || a.index - b.index);
    return keyed.map(({ index }) => index);
  }
}

function ofClass(plan: Plan, klass: number): number[] {
  const found: number[] = [];
  plan.changes.forEach((row, index) => {
    if (row[4] === klass) found.push(index);
  });
  return found;
}
