// What stands on top: which side is read, which is written, and what to know of the whole.
//
// Answers for nobody mistaking one environment for the other.

import { h } from "./dom.ts";
import type { Page } from "./page.ts";
import { count, figure } from "./words.ts";

export function statement({ plan, about, readOnly }: Page): HTMLElement {
  const { source, target, counts } = plan;
  const changes = (["conflict", "new", "modified", "deleted"] as const)
    .flatMap((klass) => (counts[klass] > 0 ? [`${figure(counts[klass])} ${klass}`] : [])).join(", ");
  const { undo } = about;
  const what = plan.nothing !== null ? "This job copies" : readOnly ? "What the manifest approves is copied" : "What you tick is copied";
  const after = h("span", {}, `${target} changes; ${source} stays as it is.`);
  const facts = [
    plan.course,
    about.asOf !== null && `compared ${about.asOf}`,
    plan.nothing !== null && changes.length > 0 && changes,
    `${count(counts.unchanged, "record")} the same on both`,
    `plan ${plan.digest.slice(0, 16)}`,
  ].filter((fact) => fact !== false);
  return h("section", { class: "statement", "aria-label": "What this is about" },
    h("div", { class: "direction" },
      h("div", { class: "course", "aria-hidden": "true" },
        undo === null
          ? h("span", { class: "environment" }, h("b", {}, source), h("small", {}, "stays as it is"))
          : h("span", { class: "environment" }, h("b", {}, "before"), h("small", {}, `run ${undo}`)),
        h("span", { class: "arrow" }),
        h("span", { class: "environment target" }, h("b", {}, target), h("small", {}, "changes"))),
      undo === null
        ? h("p", { class: "sentence" }, what, " from ", h("b", {}, source), " to ", h("b", {}, target), ". ", after)
        : h("p", { class: "sentence" }, `What you tick is put back on `, h("b", {}, target), ` as it was before run ${undo}. `, after)),
    h("p", { class: "quiet facts" }, ...facts.map((fact) => h("span", {}, fact))),
    plan.notes.length > 0 && h("ul", { class: "notes" }, ...plan.notes.map((note) => h("li", {}, note))),
    plan.failed.length > 0 && h("div", { class: "failed" },
      h("p", {}, h("b", {}, "Couldn't be compared, so nothing of it is in this plan:")),
      h("ul", {}, ...plan.failed.map(([module, reason]) => h("li", {}, h("b", {}, module), `: ${reason}`)))));
}
