// The fields of one change, old and new side by side.
//
// Answers for what is shown of rows, long texts, JSON, files and images. Everything is text; signs
// say what colours say. The words of a side are in each cell for narrow screens.

import { called } from "./data.ts";
import type { Details, Field, FileChange, Sign, Touched } from "./data.ts";
import { button, h } from "./dom.ts";
import type { Child } from "./dom.ts";
import type { Page } from "./page.ts";

export function details(page: Page, index: number, { renamedFrom, rows, files }: Details): Child[] {
  const { target } = page.plan;
  return [
    renamedFrom !== undefined && h("p", {}, h("span", { class: "mark" }, "renamed"), ` On ${target} it is ${renamedFrom} now.`),
    ...rows.map((touched) => row(page, touched, rows.length === 1)),
    files.length > 0 && h("div", { class: "files" }, ...files.map((file) => fileChange(page, file))),
    rows.length + files.length === 0 && h("p", { class: "quiet" }, "Nothing more is kept about this change."),
    needs(page, index),
  ];
}

/** What the change needs, with a way there. */
function needs(page: Page, index: number): HTMLElement | null {
  const { plan, selection } = page;
  const all = selection.needs(index);
  if (all.length === 0) return null;
  const items = all.slice(0, 50).map((needed) => {
    if (typeof needed === "string") return h("li", {}, `${needed}, which this plan doesn't hold`);
    return h("li", {}, button(called(plan, needed), () => page.goTo(needed), "link"));
  });
  const rest = all.length - items.length;
  return h("div", { class: "needs" }, h("p", {}, "Needs:"),
    h("ul", {}, ...items, rest > 0 && h("li", {}, `${rest} more`)));
}

/** Where the new values are from. */
function origin({ plan, about }: Page): string {
  return about.undo === null ? `from ${plan.source}` : `before run ${about.undo}`;
}

const WHAT = { inserted: "new row", updated: "changed row", deleted: "row that is deleted" } as const;

function row(page: Page, { name, what, fields }: Touched, isAlone: boolean): HTMLElement {
  const { target } = page.plan;
  const source = origin(page);
  const head = h("h4", {}, h("span", { class: "name" }, name), h("span", { class: "quiet" }, ` ${WHAT[what]}`));
  const sides = what === "inserted" ? [source] : what === "deleted" ? [`on ${target} now`] : [`on ${target} now`, source];
  const header = h("div", { role: "row", class: "fields-head" },
    ...["field", ...sides].map((words) => h("span", { role: "columnheader" }, words)));
  const table = h("div", { role: "table", class: `fields ${what}`, "aria-label": `${name}, ${WHAT[what]}` },
    h("div", { role: "rowgroup" }, header),
    h("div", { role: "rowgroup" }, ...fields.map((it) => field(page, it, what))));
  return h("section", { class: isAlone ? "touched alone" : "touched" }, head,
    fields.length > 0 ? table : h("p", { class: "quiet" }, "No field is shown."));
}

function field(page: Page, it: Field, what: Touched["what"]): HTMLElement {
  const { target } = page.plan;
  const head = h("div", { role: "rowheader", class: "column" }, it.column);
  if (it.lines !== undefined || it.paths !== undefined) {
    const lines = it.lines ?? [];
    const paths = it.paths ?? [];
    const wide = h("div", { role: "cell", class: "wide", "aria-colspan": what === "updated" ? 2 : 1 },
      lines.length > 0 && sideBySide(page, what, lines.map(([sign, left, right]) => ({ sign, left, right }))),
      paths.length > 0 && sideBySide(page, what, paths.map(([sign, path, left, right]) => ({ sign, path, left, right }))),
      it.more !== undefined && h("p", { class: "quiet more" }, it.more));
    return h("div", { role: "row", class: "field" }, head, wide);
  }
  const isSame = it.from === it.to && it.form !== "redacted";
  const left = value(it.from, isSame ? "" : "-", `on ${target} now`, it.form);
  const right = value(it.to, isSame ? "" : "+", origin(page), it.form);
  const cells = what === "inserted" ? [right] : what === "deleted" ? [left] : [left, right];
  if (it.more !== undefined) cells.at(-1)?.append(h("p", { class: "quiet more" }, it.more));
  return h("div", { role: "row", class: "field" }, head, ...cells);
}

function value(text: string | undefined, sign: "" | "-" | "+", side: string, form: Field["form"]): HTMLElement {
  const kind = text === undefined || sign === "" ? "" : sign === "-" ? "before" : "after";
  const shown = text === undefined ? h("span", { class: "quiet" }, "no row")
    : text === "" ? h("span", { class: "quiet" }, "(empty)")
    : h("span", { class: form === "redacted" ? "value quiet" : "value" }, text);
  return h("div", { role: "cell", class: `cell ${kind}` },
    h("span", { class: "side" }, side),
    h("span", { class: "sign" }, text === undefined ? "" : sign), shown);
}

interface Line {
  sign: Sign;
  path?: string;
  left: string | 0;
  right: string | 0;
}

/** Lines of two texts, or paths of two JSON values. */
function sideBySide(page: Page, what: Touched["what"], lines: Line[]): HTMLElement {
  const sides = what === "updated" ? "two" : "one";
  const shown = lines.map(({ sign, path, left, right }) => {
    if (sign === "…") return h("div", { class: "line-skip" }, left === 0 ? "…" : left);
    const isSame = sign === " ";
    const before = left === 0 ? null : half(left, isSame ? " " : "-", "left");
    const after = right === 0 ? null : half(right, isSame ? " " : "+", "right");
    const empty = (side: string) => h("div", { class: `half ${side} empty` });
    const halves = what === "inserted" ? [after] : what === "deleted" ? [before]
      : [before ?? empty("left"), after ?? empty("right")];
    return h("div", { class: `pair${isSame ? " same" : ""}` },
      path !== undefined && h("div", { class: "path" }, path === "" ? "(whole value)" : path), ...halves);
  });
  const label = `Lines on ${page.plan.target} now and ${origin(page)}`;
  return h("div", { class: `lines ${sides}`, role: "group", "aria-label": label }, ...shown);
}

function half(text: string, sign: " " | "-" | "+", side: string): HTMLElement {
  const kind = sign === "-" ? "before" : sign === "+" ? "after" : "";
  return h("div", { class: `half ${side} ${kind}` }, h("span", { class: "sign" }, sign), h("span", { class: "value" }, text));
}

function fileChange(page: Page, file: FileChange): HTMLElement {
  const { target } = page.plan;
  const source = origin(page);
  const { path, state, from, to } = file;
  const sizes = [from !== undefined && `${target} now: ${from}`, to !== undefined && `${source}: ${to}`];
  const name = path.split("/").at(-1) ?? path;
  return h("div", { class: "file" },
    h("p", {}, h("span", { class: "name" }, path), " ", h("span", { class: "mark" }, state), " ",
      h("span", { class: "quiet" }, sizes.filter((size) => size !== false).join(" · "))),
    h("div", { class: "images" },
      image(file.fromImage, `${name} on ${target} now`),
      image(file.toImage, `${name} ${source}`)));
}

function image(from: string | undefined, words: string): HTMLElement | null {
  if (from === undefined || !/^(?:data:image\/|\/)/.test(from)) return null;
  const shown = h("img", { src: from, alt: words, loading: "lazy" });
  const figure = h("figure", {}, shown, h("figcaption", {}, words));
  shown.addEventListener("error", () => shown.replaceWith(h("p", { class: "quiet" }, "This image can't be shown.")));
  return figure;
}
