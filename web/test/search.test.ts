import assert from "node:assert/strict";
import { test } from "node:test";
import { Search } from "../src/search.ts";
import type { Wish } from "../src/search.ts";
import { plan } from "./plans.ts";

const all: Wish = { words: "", module: null, order: "plan", only: null };
const some = new Search(plan(
  { id: "10", label: "Summer sale", identity: "slug: summer" },
  { id: "9", label: "Ärmel", table: 1, module: 1 },
  { id: "2", label: "spring SALE", klass: 2 },
  { id: "8" },
));

test("every word must be found in the label, the name or the identity", () => {
  assert.deepEqual(some.find(1, all), [0, 1, 3]);
  assert.deepEqual(some.find(1, { ...all, words: "sale" }), [0]);
  assert.deepEqual(some.find(2, { ...all, words: " SALE spring" }), [2]);
  assert.deepEqual(some.find(1, { ...all, words: "slug: sum" }), [0]);
  assert.deepEqual(some.find(1, { ...all, words: "äRMEL" }), [1]);
  assert.deepEqual(some.find(1, { ...all, words: "page/8" }), [3]);
  assert.deepEqual(some.find(1, { ...all, words: "sale 9" }), []);
});

test("a module and what is ticked narrow it", () => {
  assert.deepEqual(some.find(1, { ...all, module: 1 }), [1]);
  assert.deepEqual(some.find(1, { ...all, only: (index) => index === 3 }), [3]);
});

test("orders count numbers as numbers", () => {
  assert.deepEqual(some.find(1, { ...all, order: "id" }), [3, 1, 0]);
  assert.deepEqual(some.find(1, { ...all, order: "table" }), [1, 0, 3]);
  assert.deepEqual(some.find(1, { ...all, order: "name" }), [1, 3, 0]);
});
