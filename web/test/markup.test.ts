import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";

const sources = process.env["REVIEW_SOURCES"] ?? "";
const files = readdirSync(sources).filter((name) => name.endsWith(".ts"));
const forbidden = /innerHTML|outerHTML|insertAdjacentHTML|document\.write|createContextualFragment|DOMParser|\beval\b|new Function|\bfetch\(|XMLHttpRequest|WebSocket|EventSource|sendBeacon|import\(/;

test("no value can become markup or code, and nothing is fetched", () => {
  assert.ok(files.length > 10);
  for (const name of files) {
    const found = forbidden.exec(readFileSync(`${sources}/${name}`, "utf8"));
    assert.equal(found?.[0], undefined, name);
  }
});

test("every file is short and says what it answers for", () => {
  for (const name of files) {
    const text = readFileSync(`${sources}/${name}`, "utf8");
    assert.ok(text.startsWith("// "), name);
    assert.ok(text.split("\n").length < 300, name);
  }
});
