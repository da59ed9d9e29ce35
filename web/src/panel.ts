// What comes out of the review: what will happen, when, and how to have it done.
//
// Answers for the part below the lists and for the bar that leads to it. Nothing here is done by the
// page itself: its texts go into the manifest, or the form asks the daemon to commit them.

import { called } from "./data.ts";
import { button, fill, focusOn, h } from "./dom.ts";
import { Copied } from "./copied.ts";
import { needed } from "./offers.ts";
import { MOST_NAMES, change, commandLine, takenBack, yaml } from "./outputs.ts";
import type { Page } from "./page.ts";
import type { ScheduleForm } from "./schedule.ts";
import { count, figure, outcome, tally } from "./words.ts";

const MOST_LISTED = 10;

export class Panel {
  readonly bar: HTMLElement;
  readonly element: HTMLElement;
  private readonly figures = h("p", { class: "figures" });
  private readonly heading = h("h2", { id: "what-comes-out", tabindex: -1 }, "What comes out");
  private readonly sentence = h("p", { class: "outcome" });
  private readonly unresolved = h("div", {});
  private readonly incomplete = h("p", { class: "bad" });
  private readonly yaml = new Copied("yaml", "For the manifest", h("p", { class: "quiet" },
    "Replaces ", h("code", {}, "approved"), ", ", h("code", {}, "schedule"), " and ", h("code", {}, "dryRun"), " under ", h("code", {}, "spec:"), " of the job. Nothing happens before that is committed and merged."));
  private readonly command = new Copied("command", "Or with the command line", h("p", { class: "quiet" },
    "Writes the same approvals into the manifest; it leaves the time and the test import as they are."));
  private readonly tooMany = h("p", { class: "quiet" });
  private readonly field = h("input", { type: "hidden", name: "change" });
  private readonly submit = h("button", { type: "submit", class: "primary" }, "Schedule synchronization");
  private readonly whyNot = h("p", { class: "why-not", id: "why-not" });
  private timer = 0;

  constructor(private readonly page: Page, private readonly form: ScheduleForm, startOver: () => void) {
    const { target } = page.plan;
    this.bar = h("div", { class: "bar" }, this.figures,
      button("Start over", startOver, "small start-over"),
      button("What comes out", () => this.jump(), "small jump"));
    this.element = h("section", { class: "panel", "aria-labelledby": "what-comes-out" },
      this.heading, this.sentence, this.unresolved, form.element, this.schedule(),
      this.incomplete, this.yaml.element, this.command.element, this.tooMany,
      h("p", { class: "quiet" }, "Until it begins, it can be stopped: ", page.about.served !== null && "with Cancel on this page or under Messages, ",
        "with ", h("code", {}, `reconcile cancel ${page.plan.job}`), ", or by taking the approvals out of the manifest again. ",
        `Best change neither ${page.plan.source} nor ${target} until it is done: what moved since this plan is refused.`));
  }

  private jump(): void {
    this.heading.scrollIntoView({ block: "start" });
    focusOn(this.heading);
  }

  /** The button, or why there is none. */
  private schedule(): HTMLElement | null {
    const { served } = this.page.about;
    if (served === null) return null;
    if (served.post === null) return h("p", { class: "no-button" }, served.whyNot);
    this.submit.setAttribute("aria-describedby", "why-not");
    return h("form", { method: "post", action: served.post, class: "schedule", onsubmit: (event) => this.send(event) },
      this.field, this.submit, this.whyNot);
  }

  private send(event: Event): void {
    const { settings, problem } = this.form.settings();
    if (this.blocked(problem) !== null) event.preventDefault();
    else this.field.value = change(this.page.selection, settings);
  }

  update(): void {
    const { selection, plan } = this.page;
    const { settings, problem } = this.form.settings();
    const open = selection.unresolved();
    const figures = tally(selection);
    fill(this.figures, [
      figures === "" ? "Nothing is ticked" : h("span", {}, h("b", {}, `On ${plan.target}: `), figures),
      open.length > 0 && h("span", { class: "bad" }, ` ${figure(open.length)} unresolved`)]);
    this.sentence.textContent = open.length > 0
      ? "This can't be done yet: something ticked needs what isn't ticked."
      : problem === null ? outcome(selection, settings) : `${problem} Then it says here what will happen.`;
    this.sentence.classList.toggle("not-yet", open.length > 0 || problem !== null);
    fill(this.unresolved, this.listOf(open));
    const reason = this.blocked(problem, open.length);
    this.submit.disabled = reason !== null;
    this.whyNot.textContent = reason ?? "Commits this to a new branch in your name. Nothing happens before that branch is merged.";
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.write(open.length), 50);
  }

  private blocked(problem: string | null, open = this.page.selection.unresolved().length): string | null {
    const { selection } = this.page;
    if (selection.ticked().length === 0) {
      return takenBack(selection).length === 0 ? "Nothing is ticked." : "Nothing is ticked. To take all approvals back, use the lines below.";
    }
    if (open > 0) return "Something ticked needs what isn't ticked: see above.";
    return problem;
  }

  /** The texts, a little later than the ticks: with thousands of records they are long. */
  private write(open: number): void {
    const { selection, about } = this.page;
    const { settings, problem } = this.form.settings();
    this.incomplete.textContent = [
      open > 0 && "What is below is incomplete, and would be refused: something ticked needs what isn't ticked.",
      problem !== null && "The time is left out below until it is valid.",
    ].filter((words) => words !== false).join(" ");
    this.yaml.show(yaml(selection, about, settings));
    const command = commandLine(selection);
    this.command.element.hidden = command === null;
    if (command !== null) this.command.show(command);
    this.tooMany.textContent = selection.ticked().length + takenBack(selection).length > MOST_NAMES
      ? `More than ${MOST_NAMES} names are no command line any more: use the lines for the manifest.` : "";
  }

  private listOf(open: number[]): (HTMLElement | false)[] {
    if (open.length === 0) return [];
    const { selection, plan } = this.page;
    const all = selection.missing(open);
    const back = () => focusOn(this.heading);
    const items = open.slice(0, MOST_LISTED).map((index) =>
      h("li", {}, button(called(plan, index), () => this.page.goTo(index), "link")));
    const rest = open.length - items.length;
    return [h("div", { class: "offer", role: "group", "aria-labelledby": "unresolved" },
      h("h3", { id: "unresolved" }, "Unresolved"),
      h("p", {}, `${count(open.length, "ticked change needs", "ticked changes need")} something that isn't ticked:`),
      h("ul", {}, ...items, rest > 0 && h("li", {}, `${figure(rest)} more`)),
      ...needed(this.page, all, back))];
  }
}
