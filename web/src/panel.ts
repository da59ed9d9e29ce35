// What comes out of the review: what will happen, when, and how to have it done.
//
// Answers for the part below the lists and for the bar that leads to it. Nothing here is done by the
// page itself: its texts go into the manifest, or the form asks the daemon to commit them.

import { called } from "./data.ts";
import type { About } from "./data.ts";
import { button, fill, focusOn, h } from "./dom.ts";
import { Copied } from "./copied.ts";
import { needed } from "./offers.ts";
import { change, command, takenBackInAll, unnamed, yaml } from "./outputs.ts";
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
    "Makes the same approvals out of those that the manifest has; it leaves the time and the test import as they are."));
  private readonly noCommand = h("p", { class: "quiet", id: "no-command" });
  private readonly field = h("input", { type: "hidden", name: "change" });
  private readonly submit = h("button", { type: "submit", class: "primary" }, "Schedule synchronization");
  private readonly whyNot = h("p", { class: "why-not", id: "why-not" });
  private timer = 0;
  /** Until the answer comes: a second press would make a second branch. */
  private isSent = false;

  constructor(private readonly page: Page, private readonly form: ScheduleForm, startOver: () => void) {
    const { target } = page.plan;
    this.bar = h("div", { class: "bar" }, this.figures,
      button("Start over", startOver, "small start-over"),
      button("What comes out", () => this.jump(), "small jump"));
    this.element = h("section", { class: "panel", "aria-labelledby": "what-comes-out" },
      this.heading, this.sentence, besides(page.about), this.unresolved, form.element, this.schedule(),
      this.incomplete, this.yaml.element, this.command.element, this.noCommand,
      h("p", { class: "quiet" }, "Until it begins, it can be stopped: ", page.about.served !== null && "with Cancel on this page or under Messages, ",
        "with ", h("code", {}, `reconcile cancel ${page.plan.job}`), ", or by taking the approvals out of the manifest again. ",
        `Best change neither ${page.plan.source} nor ${target} until it is done: what moved since this plan is refused.`));
    // Coming back from the answer, the page may be as it was left.
    addEventListener("pageshow", () => {
      if (!this.isSent) return;
      this.isSent = false;
      this.update();
    });
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
    const { selection, about } = this.page;
    const { settings, problem } = this.form.settings();
    if (this.isSent || this.blocked(problem, selection.unresolved().length, unnamed(selection, about).length) !== null) {
      event.preventDefault();
      return;
    }
    this.field.value = change(selection, settings, this.page.about.basis);
    this.isSent = true;
    this.showButton(null);
  }

  private showButton(reason: string | null): void {
    this.submit.disabled = this.isSent || reason !== null;
    this.whyNot.textContent = this.isSent ? "Sent. The answer comes in a moment."
      : reason ?? "Commits this to a new branch in your name. Nothing happens before that branch is merged.";
  }

  update(): void {
    const { selection, plan, about } = this.page;
    const { settings, problem } = this.form.settings();
    const open = selection.unresolved();
    const figures = tally(selection);
    fill(this.figures, [
      figures === "" ? "Nothing is ticked" : h("span", {}, h("b", {}, `On ${plan.target}: `), figures),
      open.length > 0 && h("span", { class: "bad" }, ` ${figure(open.length)} unresolved`)]);
    const nameless = unnamed(selection, about);
    const reason = this.blocked(problem, open.length, nameless.length);
    this.sentence.textContent = open.length > 0
      ? "This can't be done yet: something ticked needs what isn't ticked."
      : nameless.length > 0 ? "This can't be done yet: something ticked can't be named in a manifest."
      : problem === null ? outcome(selection, about, settings) : `${problem} Then it says here what will happen.`;
    this.sentence.classList.toggle("not-yet", open.length + nameless.length > 0 || problem !== null);
    fill(this.unresolved, [...this.listOf(open), ...this.withoutName(nameless)]);
    this.showButton(reason);
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.write(open.length + nameless.length), 50);
  }

  private blocked(problem: string | null, open: number, nameless: number): string | null {
    const { selection, about } = this.page;
    const isMore = selection.ticked().length > 0 || about.besides?.all === true;
    if (!isMore && takenBackInAll(selection, about) === 0) return "Nothing is ticked.";
    if (open > 0) return "Something ticked needs what isn't ticked: see above.";
    if (nameless > 0) return "Something ticked can't be named in a manifest: see above.";
    return problem;
  }

  /** The texts, a little later than the ticks: with thousands of records they are long. */
  private write(unfit: number): void {
    const { selection, about } = this.page;
    const { settings, problem } = this.form.settings();
    this.incomplete.textContent = [
      unfit > 0 && "What is below is incomplete, and would be refused: see above.",
      problem !== null && "The time is left out below until it is valid.",
    ].filter((words) => words !== false).join(" ");
    this.yaml.show(yaml(selection, about, settings));
    const said = command(selection, about);
    this.command.element.hidden = !("line" in said);
    if ("line" in said) this.command.show(said.line);
    this.noCommand.textContent = "why" in said ? said.why : "";
  }

  private listOf(open: number[]): (HTMLElement | false)[] {
    if (open.length === 0) return [];
    const { selection, plan } = this.page;
    const back = () => focusOn(this.heading);
    const items = open.slice(0, MOST_LISTED).map((index) =>
      h("li", {}, button(called(plan, index), () => this.page.goTo(index), "link")));
    const rest = open.length - items.length;
    return [h("div", { class: "offer", role: "group", "aria-labelledby": "unresolved" },
      h("h3", { id: "unresolved" }, "Unresolved"),
      h("p", {}, `${count(open.length, "ticked change needs", "ticked changes need")} something that isn't ticked:`),
      h("ul", {}, ...items, rest > 0 && h("li", {}, `${figure(rest)} more`)),
      ...needed(this.page, () => selection.unresolved(), back))];
  }

  /** What is approved by one entry for its whole class, of which something else was unticked. */
  private withoutName(found: number[]): HTMLElement[] {
    const { plan } = this.page;
    if (found.length === 0) return [];
    const items = found.slice(0, MOST_LISTED).map((index) =>
      h("li", {}, button(called(plan, index), () => this.page.goTo(index), "link")));
    const rest = found.length - items.length;
    return [h("div", { class: "offer", role: "group", "aria-labelledby": "without-name" },
      h("h3", { id: "without-name" }, "Can't be named"),
      h("p", {}, "No manifest can name what is below. It can be approved only together with all of its kind in its table: tick all of those, or untick it."),
      h("ul", {}, ...items, rest > 0 && h("li", {}, `${figure(rest)} more`)))];
  }
}

/** What the manifest approves and nobody can tick here. */
function besides({ besides: more }: About): HTMLElement | null {
  if (more === undefined || more === null || (!more.all && more.unseen === 0)) return null;
  const one = more.unseen === 1;
  return h("div", { class: "besides" },
    more.all && h("p", {}, "The manifest approves ", h("code", {}, "all"),
      " of some classes, also what comes later. What is below names what is ticked instead."),
    more.unseen > 0 && h("p", {}, `${count(more.unseen, "approval")} of the manifest ${one ? "is" : "are"} of something this plan doesn't show; ${one ? "it is" : "they are"} taken back.`));
}
