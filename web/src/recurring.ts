// What stands in place of the outputs where a job has a cron expression.
//
// Answers for saying why single records can't be approved there, and what can.

import { h } from "./dom.ts";
import type { Page } from "./page.ts";

export function recurring({ plan, about }: Page): HTMLElement {
  const { schedule } = about;
  const cron = schedule !== null && "cron" in schedule ? schedule.cron : "";
  const zone = schedule?.timeZone ?? null;
  return h("section", { class: "panel", "aria-labelledby": "what-comes-out" },
    h("h2", { id: "what-comes-out" }, "What comes out"),
    h("p", {}, "This job runs again and again: ", h("code", {}, cron), zone !== null && ` (${zone})`,
      `. At each of these times it copies what its manifest approves from ${plan.source} to ${plan.target}.`),
    h("p", {}, "So records can't be ticked here: an approval of a single record holds for one content only, and the next night's is another. Under ",
      h("code", {}, "approved"), " the classes of a table take ", h("code", {}, "all"), " instead, for example ",
      h("code", {}, `${plan.tables[0] ?? "cms_page"}: {new: [all], modified: [all]}`), "."),
    h("p", { class: "quiet" }, "To stop it, set ", h("code", {}, "suspend: true"), " in its manifest."));
}
