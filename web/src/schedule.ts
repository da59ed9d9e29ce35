// When it shall be done, and whether for good.
//
// Answers for the inputs of date, time, zone and test import, and for saying what is wrong with them.

import type { About } from "./data.ts";
import { h } from "./dom.ts";
import type { Kept } from "./keep.ts";
import type { Settings, When } from "./outputs.ts";
import { clock, isZone, moment, ownZone, zones } from "./zone.ts";

export class ScheduleForm {
  readonly element: HTMLElement;
  private readonly soon = this.radio("soon");
  private readonly timed = this.radio("timed");
  private readonly date = h("input", { type: "date", id: "date", max: "9999-12-31", oninput: () => this.touch() });
  private readonly time = h("input", { type: "time", id: "time", oninput: () => this.touch() });
  private readonly zone = h("input", { type: "text", id: "zone", list: "zones", spellcheck: "false", oninput: () => this.touch() });
  private readonly dryRun = h("input", { type: "checkbox", id: "dry-run", onchange: () => this.changed() });
  private readonly note = h("p", { class: "note", id: "when-note" });

  constructor(private readonly about: About, private readonly changed: () => void) {
    const labelled = (words: string, input: HTMLElement) =>
      h("div", { class: "labelled" }, h("label", { for: input.id }, words), input);
    for (const input of [this.date, this.time, this.zone]) input.setAttribute("aria-describedby", "when-note");
    this.element = h("div", { class: "settings" },
      h("fieldset", { class: "when" }, h("legend", {}, "When"),
        h("label", { for: "when-soon" }, this.soon, h("span", {}, "As soon as it is merged")),
        h("label", { for: "when-timed" }, this.timed, h("span", {}, "At a set time, not before")),
        h("div", { class: "moment" }, labelled("Date", this.date), labelled("Time", this.time), labelled("Time zone", this.zone)),
        h("datalist", { id: "zones" }, ...zones().map((zone) => h("option", { value: zone }))),
        this.note),
      h("label", { class: "check", for: "dry-run" }, this.dryRun,
        h("span", {}, h("b", {}, "Test import"), ": everything is tried and rolled back, nothing is saved")));
    this.startOver();
  }

  private radio(value: string): HTMLInputElement {
    return h("input", { type: "radio", name: "when", value, id: `when-${value}`, onchange: () => this.changed() });
  }

  /** Filling in a time chooses it. */
  private touch(): void {
    this.timed.checked = true;
    this.changed();
  }

  /** As the job has it now. */
  startOver(): void {
    const { schedule, dryRun } = this.about;
    const at = schedule !== null && "at" in schedule ? schedule.at : "";
    this.fill({ timed: at !== "", at, zone: schedule?.timeZone ?? ownZone(), dryRun });
  }

  fill({ timed, at, zone, dryRun }: Omit<Kept, "choice" | "tab">): void {
    this.soon.checked = !timed;
    this.timed.checked = timed;
    const [date, time] = at.split("T");
    this.date.value = date ?? "";
    this.time.value = time ?? "02:00";
    this.zone.value = zone;
    this.dryRun.checked = dryRun;
  }

  state(): Omit<Kept, "choice" | "tab"> {
    const at = this.date.value === "" ? "" : `${this.date.value}T${this.time.value}`;
    return { timed: this.timed.checked, at, zone: this.zone.value, dryRun: this.dryRun.checked };
  }

  /** What is set, and what is wrong with it. */
  settings(): { settings: Settings; problem: string | null } {
    const dryRun = this.dryRun.checked;
    if (!this.timed.checked) {
      this.show("", null);
      return { settings: { schedule: null, dryRun }, problem: null };
    }
    const when: When = { at: `${this.date.value}T${this.time.value.slice(0, 5)}`, timeZone: this.zone.value.trim() };
    const [problem, note] = this.check(when);
    this.show(problem ?? note, problem);
    return { settings: { schedule: problem === null ? when : null, dryRun }, problem };
  }

  private check({ at, timeZone }: When): [problem: string | null, note: string] {
    if (this.date.value === "") return ["Set the date.", ""];
    if (this.time.value === "") return ["Set the time.", ""];
    if (!isZone(timeZone)) return ["There is no such time zone; a name like Europe/Warsaw or UTC is needed.", ""];
    const found = moment(at, timeZone);
    if (found === null) return ["There is no such date.", ""];
    if (found.instant < Date.now()) return ["That time has passed.", ""];
    if (found.kind === "missing") {
      return [null, `Clocks in ${timeZone} skip this time: it begins at ${clock(found.instant, timeZone)}.`];
    }
    return [null, found.kind === "twice" ? `Clocks in ${timeZone} show this time twice: it begins at the first.` : ""];
  }

  private show(words: string, problem: string | null): void {
    this.note.textContent = words;
    this.note.classList.toggle("bad", problem !== null);
    const isBad = (input: HTMLInputElement, sign: RegExp) =>
      input.setAttribute("aria-invalid", `${problem !== null && sign.test(problem)}`);
    isBad(this.date, /date|passed/);
    isBad(this.time, /the time\.|passed/);
    isBad(this.zone, /zone/);
  }
}
