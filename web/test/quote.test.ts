import assert from "node:assert/strict";
import { test } from "node:test";
import { argument, plain, quoted } from "../src/quote.ts";

test("whatever is invisible is written out", () => {
  assert.equal(quoted("a\"b\\c\n\t\r\u0085\u200b\u{e0001} ż"), '"a\\"b\\\\c\\n\\t\\x0d\\x85\\u200b\\U000e0001 ż"');
  for (const c of ["\u00a0", "\u00ad", "\u202e", "\u2066", "\u3000", "\ufe00", "\ufe0e", "\ufeff", "\u1680", "\u2003", "\u205f", "\u202f"]) {
    assert.equal(quoted(c), `"\\${c < "\u0100" ? "x" : "u"}${c.charCodeAt(0).toString(16).padStart(c < "\u0100" ? 2 : 4, "0")}"`);
  }
  assert.equal(quoted("\ufe0f\u2010"), '"\ufe0f\u2010"');
});

test("keys are plain only where nobody reads something else", () => {
  for (const text of ["cms_page", "gallery/spring", "Europe/Warsaw", "nowhere"]) assert.equal(plain(text), text);
  for (const text of ["", "no", "Null", "ALL", "1st", "a b", "a:", "Etc/GMT+1"]) assert.equal(plain(text), `"${text}"`);
});

test("a shell takes an argument as it is", () => {
  assert.equal(argument("page/41,media/17"), "page/41,media/17");
  assert.equal(argument("$(x) 'y'"), "'$(x) '\\''y'\\'''");
  assert.equal(argument(""), "''");
});
