"use strict";
(() => {
  // src/data.ts
  var CONFLICT = 0;
  var NEW = 1;
  var MODIFIED = 2;
  var DELETED = 3;
  var TARGET_NEWER = 1;
  var APPROVED = 2;
  var NOT_WRITABLE = 4;
  function changeAt(plan, index) {
    const row3 = plan.changes[index];
    if (row3 === void 0) throw new RangeError(`the plan has no change ${index}`);
    const [module, table, id, shownId, klass, label, identity, pin, needs2, flags, conflict] = row3;
    const tableName = plan.tables[table] ?? "";
    const name = `${tableName}/${shownId === 0 ? id : shownId}`;
    const title2 = label === 0 || label.trim() === "" ? name : label;
    return {
      index,
      module: plan.modules[module] ?? "",
      table: tableName,
      id,
      name,
      klass,
      title: title2,
      identity,
      pin,
      needs: needs2,
      flags,
      conflict
    };
  }
  function called(plan, index) {
    const { name, title: title2 } = changeAt(plan, index);
    return name === title2 ? name : `${name} ${title2.length > 60 ? `${title2.slice(0, 59)}…` : title2}`;
  }
  function isFile(plan, index) {
    const table = plan.tables[plan.changes[index]?.[1] ?? -1] ?? "";
    return table === "gallery" || table.startsWith("gallery/");
  }
  function block(id) {
    const text = document.getElementById(id)?.textContent;
    if (text === void 0 || text === null) throw new Error(`the page has no data block "${id}"`);
    return JSON.parse(text);
  }
  var opened = /* @__PURE__ */ new Map();
  function detailsOf(plan, index) {
    const at = Math.floor(index / plan.chunk);
    let details2 = opened.get(at);
    if (details2 === void 0) {
      details2 = block(`details-${at}`);
      opened.set(at, details2);
    }
    return details2[index % plan.chunk] ?? { rows: [], files: [] };
  }

  // src/dom.ts
  function h(tag, attributes = {}, ...children) {
    const made = document.createElement(tag);
    if (tag === "input" || tag === "select") made.setAttribute("autocomplete", "off");
    for (const [name, value2] of Object.entries(attributes)) {
      if (typeof value2 === "function") made.addEventListener(name.slice(2), value2);
      else if (value2 === true) made.setAttribute(name, "");
      else if (value2 !== null && value2 !== void 0 && value2 !== false) made.setAttribute(name, `${value2}`);
    }
    fill(made, children);
    return made;
  }
  function fill(element, children) {
    const present = (child) => child !== null && child !== void 0 && child !== false && child !== "";
    element.replaceChildren(...children.filter(present));
  }
  var button = (words, onclick, kind = "small") => h("button", { type: "button", class: kind, onclick }, words);
  function focusOn(element) {
    if (element === null || element === void 0) return;
    if (element.tabIndex < 0 && !element.hasAttribute("tabindex")) element.tabIndex = -1;
    element.focus();
  }

  // src/keep.ts
  var SOON = 200;
  var Keeper = class {
    constructor(selection, { schedule, dryRun, besides: besides2 }, rest) {
      this.selection = selection;
      this.rest = rest;
      const { plan } = selection;
      this.key = `reconcile ${JSON.stringify([plan.job, plan.digest])}`;
      const approved2 = plan.changes.map((_, index) => selection.approved(index)).join("");
      this.asked = JSON.stringify([approved2, schedule, dryRun, besides2 ?? null]);
    }
    selection;
    rest;
    key;
    asked;
    isChanged = false;
    timer = 0;
    /** What was kept of this very plan and wish, put back into the selection. */
    kept() {
      try {
        const text = sessionStorage.getItem(this.key);
        if (text === null) return null;
        const found = JSON.parse(text);
        if (found.asked !== this.asked || found.choice.length !== this.selection.choice.length) return null;
        for (let index = 0; index < found.choice.length; index++) {
          this.selection.set(index, found.choice.charCodeAt(index) - 48);
        }
        return found;
      } catch {
        return null;
      }
    }
    /** A person changed something. */
    changed() {
      this.isChanged = true;
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.save(), SOON);
    }
    /** At once, as where the page goes. */
    save() {
      if (!this.isChanged) return;
      const stored = { ...this.rest(), choice: this.selection.choice.join(""), asked: this.asked };
      try {
        sessionStorage.setItem(this.key, JSON.stringify(stored));
      } catch {
      }
    }
    forget() {
      clearTimeout(this.timer);
      this.isChanged = false;
      try {
        sessionStorage.removeItem(this.key);
      } catch {
      }
    }
  };

  // src/quote.ts
  var INVISIBLE = new RegExp(
    "[\\p{Cc}\\u00a0\\u00ad\\u034f\\u061c\\u115f\\u1160\\u1680\\u17b4\\u17b5\\u180b-\\u180f\\u2000-\\u200f\\u2028-\\u202f\\u205f-\\u206f\\u3000\\u3164\\ufe00-\\ufe0e\\ufeff\\uffa0\\ufff0-\\ufffb\\u{1bca0}-\\u{1bca3}\\u{1d173}-\\u{1d17a}\\u{e0000}-\\u{e0fff}]",
    "u"
  );
  function quoted(text) {
    let out = '"';
    for (const c of text) {
      if (c === '"') out += '\\"';
      else if (c === "\\") out += "\\\\";
      else if (c === "\n") out += "\\n";
      else if (c === "	") out += "\\t";
      else out += INVISIBLE.test(c) ? escaped(c.codePointAt(0) ?? 0) : c;
    }
    return `${out}"`;
  }
  function escaped(code) {
    const hex = (digits) => code.toString(16).padStart(digits, "0");
    if (code <= 255) return `\\x${hex(2)}`;
    return code <= 65535 ? `\\u${hex(4)}` : `\\U${hex(8)}`;
  }
  function plain(text) {
    const hasOtherMeaning = /^(?:null|true|false|yes|no|on|off|y|n|all)$/i.test(text);
    return /^[A-Za-z_][A-Za-z0-9_./-]*$/.test(text) && !hasOtherMeaning ? text : quoted(text);
  }
  function argument(text) {
    if (/^[A-Za-z0-9_./,:@%+=-]+$/.test(text)) return text;
    return `'${text.replaceAll("'", "'\\''")}'`;
  }

  // src/outputs.ts
  var HEADINGS = ["new", "modified", "deleted", "overwrite", "adopt", "renumber"];
  var MOST_NAMES = 150;
  var MANY = 100;
  function headingOf(selection, index) {
    const klass = selection.plan.changes[index]?.[4] ?? CONFLICT;
    return selection.answer(index) ?? HEADINGS[klass - 1] ?? "new";
  }
  function approved(selection, ticked = selection.ticked()) {
    const { plan } = selection;
    const found = /* @__PURE__ */ new Map();
    for (const table of [...plan.tables].sort((a, b) => a < b ? -1 : 1)) found.set(table, /* @__PURE__ */ new Map());
    for (const index of ticked) {
      const headings = found.get(plan.tables[plan.changes[index]?.[1] ?? -1] ?? "");
      const heading = headingOf(selection, index);
      const indexes = headings?.get(heading);
      if (indexes === void 0) headings?.set(heading, [index]);
      else indexes.push(index);
    }
    for (const [table, headings] of found) {
      if (headings.size === 0) found.delete(table);
      else found.set(table, new Map(HEADINGS.flatMap((it) => entry(it, headings.get(it)))));
    }
    return found;
  }
  function entry(heading, indexes) {
    return indexes === void 0 ? [] : [[heading, indexes]];
  }
  function yaml(selection, about, settings) {
    const { schedule, dryRun } = settings;
    const lines = [];
    if (schedule !== null) {
      lines.push(`  schedule: {at: ${quoted(schedule.at)}, timeZone: ${plain(schedule.timeZone)}}`);
    } else if (about.schedule !== null) {
      lines.push("  # no schedule: as soon as this is merged");
    }
    if (dryRun || about.dryRun) lines.push(`  dryRun: ${dryRun}`);
    const ticked = selection.ticked();
    const all = approved(selection, ticked);
    const { whole, unnamed: unnamed2 } = lists(selection, about, all);
    const tables = unnamed2.length === 0 ? all : approved(selection, ticked.filter((index) => !unnamed2.includes(index)));
    if (unnamed2.length > 0) lines.push(`  # left out, as no manifest can name it: ${unnamed2.length} of what is ticked`);
    lines.push(tables.size === 0 ? "  approved: {}" : "  approved:");
    for (const [table, headings] of tables) {
      lines.push(`    ${plain(table)}:`);
      for (const [heading, indexes] of headings) {
        lines.push(`      ${heading}:`);
        if (whole.has(`${table} ${heading}`)) lines.push(`        - "all@${selection.plan.digest.slice(0, 16)}"`);
        else for (const index of indexes) lines.push(`        - ${pinned(selection.plan, index)}`);
      }
    }
    return `${lines.join("\n")}
`;
  }
  function pinned(plan, index) {
    const { id, pin } = changeAt(plan, index);
    return quoted(`${id}@${pin}`);
  }
  function lists(selection, about, tables) {
    const found = { whole: /* @__PURE__ */ new Set(), unnamed: [] };
    const long = (indexes) => about.stored && indexes.length > MANY;
    let totals = null;
    for (const [table, headings] of tables) {
      for (const [heading, indexes] of headings) {
        const unwritable = indexes.filter((index) => selection.isUnwritable(index));
        if (unwritable.length === 0 && !long(indexes)) continue;
        totals ??= fitting(selection.plan);
        if (totals.get(`${table} ${heading}`) === indexes.length) found.whole.add(`${table} ${heading}`);
        else found.unnamed.push(...unwritable);
      }
    }
    return found;
  }
  function fitting(plan) {
    const totals = /* @__PURE__ */ new Map();
    for (const row3 of plan.changes) {
      const answers = row3[10]?.answers.map(([answer]) => answer) ?? [];
      for (const heading of row3[4] === CONFLICT ? answers : [HEADINGS[row3[4] - 1] ?? "new"]) {
        const key = `${plan.tables[row3[1]] ?? ""} ${heading}`;
        totals.set(key, (totals.get(key) ?? 0) + 1);
      }
    }
    return totals;
  }
  function unnamed(selection, about) {
    const ticked = selection.ticked();
    if (!ticked.some((index) => selection.isUnwritable(index))) return [];
    return lists(selection, about, approved(selection, ticked)).unnamed;
  }
  function command(selection, about) {
    const { plan } = selection;
    const { all = false, unseen = 0 } = about.besides ?? {};
    if (all) return { why: "There is no command line for this: none takes back an approval of a whole class. Use the lines for the manifest." };
    if (unseen > 0) return { why: "There is no command line for this: none takes back what this plan doesn't show. Use the lines for the manifest." };
    const more = selection.ticked().filter((index) => !isAsApproved(selection, index));
    const back = takenBack(selection);
    if (more.length + back.length > MOST_NAMES) {
      return { why: `More than ${MOST_NAMES} names are no command line any more: use the lines for the manifest.` };
    }
    const badName = more.find((index) => selection.isUnwritable(index));
    if (badName !== void 0) {
      return { why: `There is no command line for this: ${changeAt(plan, badName).name} can't be named. Use the lines for the manifest.` };
    }
    const whole = takenOutOfWhole(selection);
    if (whole !== null) {
      return { why: `There is no command line for this: everything under ${whole} is approved, maybe by one entry, and no command takes one record out of that. Use the lines for the manifest.` };
    }
    if (more.length + back.length === 0) return { why: "" };
    const byHeading = /* @__PURE__ */ new Map();
    const add = (heading, index) => {
      const names = byHeading.get(heading);
      const { name } = changeAt(plan, index);
      if (names === void 0) byHeading.set(heading, [name]);
      else names.push(name);
    };
    for (const index of more) add(headingOf(selection, index), index);
    for (const index of back) add("remove", index);
    const separate = plan.changes.some(([, , id]) => /,.*\//s.test(id));
    const options = [...HEADINGS, "remove"].flatMap((heading) => {
      const names = byHeading.get(heading) ?? [];
      if (names.length === 0) return [];
      const values = separate ? names : [names.join(",")];
      return values.map((value2) => `--${heading} ${argument(value2)}`);
    });
    return { line: ["reconcile approve", argument(plan.job), ...options].join(" ") };
  }
  var isApproved = (plan, index) => ((plan.changes[index]?.[9] ?? 0) & APPROVED) !== 0;
  var isAsApproved = (selection, index) => isApproved(selection.plan, index) && selection.choice[index] === selection.approved(index);
  function takenOutOfWhole(selection) {
    const { plan } = selection;
    const given = /* @__PURE__ */ new Map();
    plan.changes.forEach((row3, index) => {
      if (!isApproved(plan, index)) return;
      const [table, heading] = [plan.tables[row3[1]] ?? "", row3[4] === CONFLICT ? row3[10]?.chosen : HEADINGS[row3[4] - 1]];
      const key = `${table} ${heading}`;
      const one = given.get(key) ?? { many: 0, isLess: false, words: `${heading} of ${table}` };
      given.set(key, { ...one, many: one.many + 1, isLess: one.isLess || !isAsApproved(selection, index) });
    });
    const less = [...given].filter(([, { isLess }]) => isLess);
    if (less.length === 0) return null;
    const totals = fitting(plan);
    return less.find(([key, { many }]) => totals.get(key) === many)?.[1].words ?? null;
  }
  function takenBack(selection) {
    return selection.plan.changes.flatMap((_, index) => isApproved(selection.plan, index) && !selection.isTicked(index) ? [index] : []);
  }
  function takenBackInAll(selection, about) {
    return takenBack(selection).length + (about.besides?.unseen ?? 0);
  }
  function change(selection, settings, basis) {
    const { plan } = selection;
    const tables = [...approved(selection)].map(([table, headings]) => {
      const ids = (heading) => (headings.get(heading) ?? []).map((index) => changeAt(plan, index).id);
      return [table, Object.fromEntries(HEADINGS.map((heading) => [heading, ids(heading)]))];
    });
    const { schedule, dryRun } = settings;
    return JSON.stringify({ digest: plan.digest, approved: Object.fromEntries(tables), schedule, dryRun, basis });
  }

  // src/words.ts
  var figure = (many) => many.toLocaleString("en-US");
  function count(many, one, more = `${one}s`) {
    return `${figure(many)} ${many === 1 ? one : more}`;
  }
  function listed(names, most = 5) {
    const rest = names.length - most;
    const shown = rest > 0 ? [...names.slice(0, most), `${figure(rest)} more`] : names;
    const last = shown.at(-1) ?? "";
    return shown.length < 2 ? last : `${shown.slice(0, -1).join(", ")} and ${last}`;
  }
  var done = (target) => ({
    new: "new",
    modified: "modified",
    deleted: "deleted",
    overwrite: "overwritten",
    adopt: `put into ${target}'s own record`,
    renumber: "inserted under a new ID"
  });
  function tally(selection) {
    const found = /* @__PURE__ */ new Map();
    const words = done(selection.plan.target);
    for (const index of selection.ticked()) {
      const heading = headingOf(selection, index);
      found.set(heading, (found.get(heading) ?? 0) + 1);
    }
    return HEADINGS.flatMap((heading) => {
      const many = found.get(heading);
      return many === void 0 ? [] : [`${figure(many)} ${words[heading]}`];
    }).join(", ");
  }
  function recordsAndFiles(selection) {
    const ticked = selection.ticked();
    const files = ticked.filter((index) => isFile(selection.plan, index)).length;
    const records = ticked.length - files;
    const parts = [records > 0 && count(records, "record"), files > 0 && count(files, "file")];
    return parts.filter((part) => part !== false).join(" and ");
  }
  function outcome(selection, about, { schedule, dryRun }) {
    const { source, target } = selection.plan;
    const ticked = selection.ticked().length;
    const back = takenBackInAll(selection, about);
    const less = back === 0 ? "" : ` ${count(back, "approval")} of the manifest ${back === 1 ? "is" : "are"} taken back.`;
    if (ticked === 0) return `Nothing is ticked: nothing will be written to ${target}.${less}`;
    const when = schedule === null ? "As soon as this is merged" : `On ${schedule.at.replace("T", " at ")} (${schedule.timeZone})`;
    const what = recordsAndFiles(selection);
    const figures = tally(selection);
    if (dryRun) {
      return `${when}, ${what} will be tried on ${target} (${figures}) and rolled back: nothing is saved. It is a test import.${less}`;
    }
    return `${when}, ${what} will be written to ${target}: ${figures}. ${source} stays as it is.${less}`;
  }

  // src/copied.ts
  var MOST_LINES = 500;
  var Copied = class {
    element;
    area;
    said = h("span", { class: "quiet", role: "status" });
    text = "";
    constructor(id, title2, ...words) {
      this.area = h("textarea", { id, readonly: true, spellcheck: "false", wrap: "off", "aria-labelledby": `${id}-title` });
      this.element = h(
        "section",
        { class: "copied" },
        h(
          "div",
          { class: "copied-head" },
          h("h3", { id: `${id}-title` }, title2),
          this.said,
          button("Copy", () => void this.copy())
        ),
        ...words,
        this.area
      );
    }
    show(text) {
      if (text === this.text) return;
      this.text = text;
      this.said.textContent = "";
      const lines = text.split("\n");
      const rest = lines.length - MOST_LINES;
      this.area.value = rest > 0 ? `${lines.slice(0, MOST_LINES).join("\n")}
# ${figure(rest)} more lines: Copy takes all of them` : text.trimEnd();
      this.area.rows = Math.min(Math.max(lines.length - 1, Math.ceil(text.length / 200), 2), 18);
    }
    async copy() {
      try {
        await navigator.clipboard.writeText(this.text);
        this.said.textContent = "Copied.";
      } catch {
        this.area.value = this.text;
        this.area.focus();
        this.area.select();
        this.said.textContent = "Selected: copy it with your keyboard.";
      }
    }
  };

  // src/page.ts
  function choose(page, index, choice2) {
    page.selection.set(index, choice2);
    if (choice2 === 0) page.dropped.add(index);
    else page.dropped.delete(index);
    page.changed();
  }
  function tickThose(page, indexes) {
    for (const index of indexes) {
      page.selection.set(index, 1);
      page.dropped.delete(index);
    }
    page.changed();
  }

  // src/offers.ts
  function offers(page, index, back) {
    const { selection } = page;
    const lines = selection.isTicked(index) ? needed(page, () => [index], back) : page.dropped.has(index) ? left(page, index, back) : [];
    if (lines.length === 0) return null;
    const label = `What ${called(page.plan, index)} needs`;
    return h("div", { class: "offer", role: "group", "aria-label": label }, ...lines);
  }
  function needed(page, indexes, back) {
    const { plan, selection } = page;
    const missing = () => selection.missing(indexes());
    const { add, newer, conflicts, impossible, unknown } = missing();
    const lines = [];
    const [only] = add;
    if (only !== void 0) {
      const words = add.length === 1 ? `Needs ${called(plan, only)}, which isn't ticked.` : `Needs ${count(add.length, "other")}: ${listed(add.map((it) => called(plan, it)))}.`;
      const tick = () => {
        const those = missing().add;
        tickThose(page, those);
        page.say(`${figure(those.length)} ticked.`);
        back();
      };
      lines.push(line(words, button(add.length === 1 ? "Tick it too" : `Tick all ${figure(add.length)}`, tick)));
    }
    for (const other of newer.slice(0, 5)) {
      const words = `Needs ${called(plan, other)}, which was edited later on ${plan.target}: tick it by itself if that edit may be lost.`;
      lines.push(line(words, button("Go there", () => page.goTo(other))));
    }
    if (newer.length > 5) lines.push(line(`${figure(newer.length - 5)} more of those were edited later on ${plan.target}.`));
    for (const other of conflicts.slice(0, 5)) {
      const words = `Needs ${called(plan, other)}, which is a conflict. Answer that conflict first.`;
      lines.push(line(words, button("Go to the conflict", () => page.goTo(other))));
    }
    for (const other of impossible.slice(0, 5)) {
      const words = `Needs ${called(plan, other)}, which can't be approved as it is.`;
      lines.push(line(words, button("Go there", () => page.goTo(other))));
    }
    if (unknown.length > 0) {
      lines.push(line(`Needs ${listed(unknown)}, which ${plan.target} doesn't have and this plan doesn't bring.`));
    }
    return lines;
  }
  function left(page, index, back) {
    const { plan, selection } = page;
    const others = selection.dependants(index);
    if (others.length === 0) return [];
    const untick = () => {
      const many = selection.untickAll(selection.dependants(index));
      page.dropped.delete(index);
      page.changed();
      page.say(`${figure(many)} unticked.`);
      back();
    };
    const again = () => {
      tickThose(page, [index]);
      back();
    };
    const names = listed(others.map((other) => called(plan, other)));
    const words = `${names}, still ticked, ${others.length === 1 ? "needs" : "need"} this.`;
    const those = others.length === 1 ? "Untick that too" : "Untick those too";
    const undo = selection.isConflict(index) ? [] : [button("Tick it again", again)];
    return [line(words, button(those, untick), ...undo)];
  }
  function line(words, ...buttons) {
    return h("p", {}, h("span", {}, words), ...buttons);
  }

  // src/panel.ts
  var MOST_LISTED = 10;
  var Panel = class {
    constructor(page, form, startOver) {
      this.page = page;
      this.form = form;
      const { target } = page.plan;
      this.bar = h(
        "div",
        { class: "bar" },
        this.figures,
        button("Start over", startOver, "small start-over"),
        button("What comes out", () => this.jump(), "small jump")
      );
      this.element = h(
        "section",
        { class: "panel", "aria-labelledby": "what-comes-out" },
        this.heading,
        this.sentence,
        besides(page.about),
        this.unresolved,
        form.element,
        this.schedule(),
        this.incomplete,
        this.yaml.element,
        this.command.element,
        this.noCommand,
        h(
          "p",
          { class: "quiet" },
          "Until it begins, it can be stopped: ",
          page.about.served !== null && "with Cancel on this page or under Messages, ",
          "with ",
          h("code", {}, `reconcile cancel ${page.plan.job}`),
          ", or by taking the approvals out of the manifest again. ",
          `Best change neither ${page.plan.source} nor ${target} until it is done: what moved since this plan is refused.`
        )
      );
      addEventListener("pageshow", () => {
        if (!this.isSent) return;
        this.isSent = false;
        this.update();
      });
    }
    page;
    form;
    bar;
    element;
    figures = h("p", { class: "figures" });
    heading = h("h2", { id: "what-comes-out", tabindex: -1 }, "What comes out");
    sentence = h("p", { class: "outcome" });
    unresolved = h("div", {});
    incomplete = h("p", { class: "bad" });
    yaml = new Copied("yaml", "For the manifest", h(
      "p",
      { class: "quiet" },
      "Replaces ",
      h("code", {}, "approved"),
      ", ",
      h("code", {}, "schedule"),
      " and ",
      h("code", {}, "dryRun"),
      " under ",
      h("code", {}, "spec:"),
      " of the job. Nothing happens before that is committed and merged."
    ));
    command = new Copied("command", "Or with the command line", h(
      "p",
      { class: "quiet" },
      "Makes the same approvals out of those that the manifest has; it leaves the time and the test import as they are."
    ));
    noCommand = h("p", { class: "quiet", id: "no-command" });
    field = h("input", { type: "hidden", name: "change" });
    submit = h("button", { type: "submit", class: "primary" }, "Schedule synchronization");
    whyNot = h("p", { class: "why-not", id: "why-not" });
    timer = 0;
    /** Until the answer comes: a second press would make a second branch. */
    isSent = false;
    jump() {
      this.heading.scrollIntoView({ block: "start" });
      focusOn(this.heading);
    }
    /** The button, or why there is none. */
    schedule() {
      const { served } = this.page.about;
      if (served === null) return null;
      if (served.post === null) return h("p", { class: "no-button" }, served.whyNot);
      this.submit.setAttribute("aria-describedby", "why-not");
      return h(
        "form",
        { method: "post", action: served.post, class: "schedule", onsubmit: (event) => this.send(event) },
        this.field,
        this.submit,
        this.whyNot
      );
    }
    send(event) {
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
    showButton(reason) {
      this.submit.disabled = this.isSent || reason !== null;
      this.whyNot.textContent = this.isSent ? "Sent. The answer comes in a moment." : reason ?? "Commits this to a new branch in your name. Nothing happens before that branch is merged.";
    }
    update() {
      const { selection, plan, about } = this.page;
      const { settings, problem } = this.form.settings();
      const open = selection.unresolved();
      const figures = tally(selection);
      fill(this.figures, [
        figures === "" ? "Nothing is ticked" : h("span", {}, h("b", {}, `On ${plan.target}: `), figures),
        open.length > 0 && h("span", { class: "bad" }, ` ${figure(open.length)} unresolved`)
      ]);
      const nameless = unnamed(selection, about);
      const reason = this.blocked(problem, open.length, nameless.length);
      this.sentence.textContent = open.length > 0 ? "This can't be done yet: something ticked needs what isn't ticked." : nameless.length > 0 ? "This can't be done yet: something ticked can't be named in a manifest." : problem === null ? outcome(selection, about, settings) : `${problem} Then it says here what will happen.`;
      this.sentence.classList.toggle("not-yet", open.length + nameless.length > 0 || problem !== null);
      fill(this.unresolved, [...this.listOf(open), ...this.withoutName(nameless)]);
      this.showButton(reason);
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.write(open.length + nameless.length), 50);
    }
    blocked(problem, open, nameless) {
      const { selection, about } = this.page;
      const isMore = selection.ticked().length > 0 || about.besides?.all === true;
      if (!isMore && takenBackInAll(selection, about) === 0) return "Nothing is ticked.";
      if (open > 0) return "Something ticked needs what isn't ticked: see above.";
      if (nameless > 0) return "Something ticked can't be named in a manifest: see above.";
      return problem;
    }
    /** The texts, a little later than the ticks: with thousands of records they are long. */
    write(unfit) {
      const { selection, about } = this.page;
      const { settings, problem } = this.form.settings();
      this.incomplete.textContent = [
        unfit > 0 && "What is below is incomplete, and would be refused: see above.",
        problem !== null && "The time is left out below until it is valid."
      ].filter((words) => words !== false).join(" ");
      this.yaml.show(yaml(selection, about, settings));
      const said = command(selection, about);
      this.command.element.hidden = !("line" in said);
      if ("line" in said) this.command.show(said.line);
      this.noCommand.textContent = "why" in said ? said.why : "";
    }
    listOf(open) {
      if (open.length === 0) return [];
      const { selection, plan } = this.page;
      const back = () => focusOn(this.heading);
      const items = open.slice(0, MOST_LISTED).map((index) => h("li", {}, button(called(plan, index), () => this.page.goTo(index), "link")));
      const rest = open.length - items.length;
      return [h(
        "div",
        { class: "offer", role: "group", "aria-labelledby": "unresolved" },
        h("h3", { id: "unresolved" }, "Unresolved"),
        h("p", {}, `${count(open.length, "ticked change needs", "ticked changes need")} something that isn't ticked:`),
        h("ul", {}, ...items, rest > 0 && h("li", {}, `${figure(rest)} more`)),
        ...needed(this.page, () => selection.unresolved(), back)
      )];
    }
    /** What is approved by one entry for its whole class, of which something else was unticked. */
    withoutName(found) {
      const { plan } = this.page;
      if (found.length === 0) return [];
      const items = found.slice(0, MOST_LISTED).map((index) => h("li", {}, button(called(plan, index), () => this.page.goTo(index), "link")));
      const rest = found.length - items.length;
      return [h(
        "div",
        { class: "offer", role: "group", "aria-labelledby": "without-name" },
        h("h3", { id: "without-name" }, "Can't be named"),
        h("p", {}, "No manifest can name what is below. It can be approved only together with all of its kind in its table: tick all of those, or untick it."),
        h("ul", {}, ...items, rest > 0 && h("li", {}, `${figure(rest)} more`))
      )];
    }
  };
  function besides({ besides: more }) {
    if (more === void 0 || more === null || !more.all && more.unseen === 0) return null;
    const one = more.unseen === 1;
    return h(
      "div",
      { class: "besides" },
      more.all && h(
        "p",
        {},
        "The manifest approves ",
        h("code", {}, "all"),
        " of some classes, also what comes later. What is below names what is ticked instead."
      ),
      more.unseen > 0 && h("p", {}, `${count(more.unseen, "approval")} of the manifest ${one ? "is" : "are"} of something this plan doesn't show; ${one ? "it is" : "they are"} taken back.`)
    );
  }

  // src/recurring.ts
  function recurring({ plan, about }) {
    const { schedule } = about;
    const cron = schedule !== null && "cron" in schedule ? schedule.cron : "";
    const zone = schedule?.timeZone ?? null;
    return h(
      "section",
      { class: "panel", "aria-labelledby": "what-comes-out" },
      h("h2", { id: "what-comes-out" }, "What comes out"),
      h(
        "p",
        {},
        "This job runs again and again: ",
        h("code", {}, cron),
        zone !== null && ` (${zone})`,
        `. At each of these times it copies what its manifest approves from ${plan.source} to ${plan.target}.`
      ),
      h(
        "p",
        {},
        "So records can't be ticked here: an approval of a single record holds for one content only, and the next night's is another. Under ",
        h("code", {}, "approved"),
        " the classes of a table take ",
        h("code", {}, "all"),
        " instead, for example ",
        h("code", {}, `${plan.tables[0] ?? "cms_page"}: {new: [all], modified: [all]}`),
        "."
      ),
      h("p", { class: "quiet" }, "To stop it, set ", h("code", {}, "suspend: true"), " in its manifest.")
    );
  }

  // src/zone.ts
  function isZone(name) {
    if (name !== "UTC" && !name.includes("/")) return false;
    try {
      return new Intl.DateTimeFormat("en", { timeZone: name }) !== null;
    } catch {
      return false;
    }
  }
  function ownZone() {
    const zone = new Intl.DateTimeFormat().resolvedOptions().timeZone;
    return zone !== void 0 && isZone(zone) ? zone : "UTC";
  }
  function zones() {
    return Intl.supportedValuesOf("timeZone").filter((zone) => zone.includes("/"));
  }
  function moment(at, zone) {
    const local = /^\d{4}-\d\d-\d\dT\d\d:\d\d$/.test(at) ? Date.parse(`${at}:00Z`) : NaN;
    if (Number.isNaN(local)) return null;
    const day = 864e5;
    const offsets = [offset(local - day, zone), offset(local + day, zone)];
    const fits = [...new Set(offsets)].map((it) => local - it).filter((instant) => instant + offset(instant, zone) === local);
    const [first, second] = fits.sort((a, b) => a - b);
    if (first === void 0) return { instant: gapEnd(local, zone, offsets), kind: "missing" };
    return { instant: first, kind: second === void 0 ? "once" : "twice" };
  }
  function gapEnd(local, zone, offsets) {
    let before = local - Math.max(...offsets);
    let after = local - Math.min(...offsets);
    const later = offset(after, zone);
    while (after - before > 1e3) {
      const middle = Math.floor((before + after) / 2);
      if (offset(middle, zone) === later) after = middle;
      else before = middle;
    }
    return Math.round(after / 6e4) * 6e4;
  }
  function offset(instant, zone) {
    const format = new Intl.DateTimeFormat("en-US", {
      timeZone: zone,
      hourCycle: "h23",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric"
    });
    const parts = new Map(format.formatToParts(instant).map(({ type, value: value2 }) => [type, Number(value2)]));
    const of = (type) => parts.get(type) ?? 0;
    const local = Date.UTC(of("year"), of("month") - 1, of("day"), of("hour"), of("minute"), of("second"));
    return local - Math.floor(instant / 1e3) * 1e3;
  }
  function clock(instant, zone) {
    const format = { timeZone: zone, hourCycle: "h23", hour: "2-digit", minute: "2-digit" };
    return new Intl.DateTimeFormat("en-GB", format).format(instant);
  }

  // src/schedule.ts
  var ScheduleForm = class {
    constructor(about, changed) {
      this.about = about;
      this.changed = changed;
      const labelled2 = (words, input) => h("div", { class: "labelled" }, h("label", { for: input.id }, words), input);
      for (const input of [this.date, this.time, this.zone]) input.setAttribute("aria-describedby", "when-note");
      this.element = h(
        "div",
        { class: "settings" },
        h(
          "fieldset",
          { class: "when" },
          h("legend", {}, "When"),
          h("label", { for: "when-soon" }, this.soon, h("span", {}, "As soon as it is merged")),
          h("label", { for: "when-timed" }, this.timed, h("span", {}, "At a set time, not before")),
          h("div", { class: "moment" }, labelled2("Date", this.date), labelled2("Time", this.time), labelled2("Time zone", this.zone)),
          h("datalist", { id: "zones" }, ...zones().map((zone) => h("option", { value: zone }))),
          this.note
        ),
        h(
          "label",
          { class: "check", for: "dry-run" },
          this.dryRun,
          h("span", {}, h("b", {}, "Test import"), ": everything is tried and rolled back, nothing is saved")
        )
      );
      this.startOver();
    }
    about;
    changed;
    element;
    soon = this.radio("soon");
    timed = this.radio("timed");
    date = h("input", { type: "date", id: "date", max: "9999-12-31", oninput: () => this.touch() });
    time = h("input", { type: "time", id: "time", oninput: () => this.touch() });
    zone = h("input", { type: "text", id: "zone", list: "zones", spellcheck: "false", oninput: () => this.touch() });
    dryRun = h("input", { type: "checkbox", id: "dry-run", onchange: () => this.changed() });
    note = h("p", { class: "note", id: "when-note" });
    radio(value2) {
      return h("input", { type: "radio", name: "when", value: value2, id: `when-${value2}`, onchange: () => this.changed() });
    }
    /** Filling in a time chooses it. */
    touch() {
      this.timed.checked = true;
      this.changed();
    }
    /** As the job has it now. */
    startOver() {
      const { schedule, dryRun } = this.about;
      const at = schedule !== null && "at" in schedule ? schedule.at : "";
      this.fill({ timed: at !== "", at, zone: schedule?.timeZone ?? ownZone(), dryRun });
    }
    fill({ timed, at, zone, dryRun }) {
      this.soon.checked = !timed;
      this.timed.checked = timed;
      const [date, time] = at.split("T");
      this.date.value = date ?? "";
      this.time.value = time ?? "02:00";
      this.zone.value = zone;
      this.dryRun.checked = dryRun;
    }
    state() {
      const at = this.date.value === "" ? "" : `${this.date.value}T${this.time.value}`;
      return { timed: this.timed.checked, at, zone: this.zone.value, dryRun: this.dryRun.checked };
    }
    /** What is set, and what is wrong with it. */
    settings() {
      const dryRun = this.dryRun.checked;
      if (!this.timed.checked) {
        this.show("", null);
        return { settings: { schedule: null, dryRun }, problem: null };
      }
      const when = { at: `${this.date.value}T${this.time.value.slice(0, 5)}`, timeZone: this.zone.value.trim() };
      const [problem, note] = this.check(when);
      this.show(problem ?? note, problem);
      return { settings: { schedule: problem === null ? when : null, dryRun }, problem };
    }
    check({ at, timeZone }) {
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
    show(words, problem) {
      this.note.textContent = words;
      this.note.classList.toggle("bad", problem !== null);
      const isBad = (input, sign) => input.setAttribute("aria-invalid", `${problem !== null && sign.test(problem)}`);
      isBad(this.date, /date|passed/);
      isBad(this.time, /the time\.|passed/);
      isBad(this.zone, /zone/);
    }
  };

  // src/search.ts
  var Search = class {
    constructor(plan) {
      this.plan = plan;
    }
    plan;
    texts = [];
    orders = /* @__PURE__ */ new Map();
    /** Makes some of the texts; whether there are more to make. */
    prepare(many) {
      const { plan, texts } = this;
      const end = Math.min(texts.length + many, plan.changes.length);
      for (let index = texts.length; index < end; index++) {
        const { name, title: title2, identity, id } = changeAt(plan, index);
        texts.push(`${title2}
${name}
${id}
${identity}`.toLowerCase());
      }
      return texts.length < plan.changes.length;
    }
    /** The changes of a class that a wish leaves, in its order. Every word must be found. */
    find(klass, wish) {
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
    ordered(klass, order) {
      const key = `${klass} ${order}`;
      let found = this.orders.get(key);
      if (found === void 0) {
        found = order === "plan" ? ofClass(this.plan, klass) : this.sorted(this.ordered(klass, "plan"), order);
        this.orders.set(key, found);
      }
      return found;
    }
    sorted(indexes, order) {
      const { compare } = new Intl.Collator("en", { numeric: true, sensitivity: "base" });
      const keyed = indexes.map((index) => {
        const { title: title2, id, table } = changeAt(this.plan, index);
        return { index, key: order === "name" ? title2 : order === "id" ? id : table };
      });
      keyed.sort((a, b) => compare(a.key, b.key) || a.index - b.index);
      return keyed.map(({ index }) => index);
    }
  };
  function ofClass(plan, klass) {
    const found = [];
    plan.changes.forEach((row3, index) => {
      if (row3[4] === klass) found.push(index);
    });
    return found;
  }

  // src/selection.ts
  var Selection = class {
    constructor(plan) {
      this.plan = plan;
      this.choice = new Uint8Array(plan.changes.length);
      this.startOver();
    }
    plan;
    /** 0: left; 1: ticked, of a conflict: its first answer; 2, 3: the further answers. */
    choice;
    reverse = null;
    /** As it is approved now. */
    startOver() {
      for (const index of this.choice.keys()) this.choice[index] = this.approved(index);
    }
    /** The choice that is approved now. */
    approved(index) {
      const row3 = this.plan.changes[index];
      if (row3 === void 0 || (row3[9] & APPROVED) === 0 || !this.canTick(index)) return 0;
      if (row3[4] !== CONFLICT) return 1;
      return (row3[10]?.answers ?? []).findIndex(([answer]) => answer === row3[10]?.chosen) + 1;
    }
    /** What no manifest can name was approved by one entry for its whole class, and can stay so. */
    canTick(index) {
      const row3 = this.plan.changes[index];
      if (row3 === void 0 || this.isUnwritable(index) && (row3[9] & APPROVED) === 0) return false;
      return row3[4] !== CONFLICT || (row3[10]?.answers.length ?? 0) > 0;
    }
    isTicked(index) {
      return this.choice[index] !== 0;
    }
    isUnwritable(index) {
      return this.isMarked(index, NOT_WRITABLE);
    }
    /** Whether it was edited later on the target, and would lose that. */
    isTargetNewer(index) {
      return this.isMarked(index, TARGET_NEWER);
    }
    isMarked(index, flag) {
      return ((this.plan.changes[index]?.[9] ?? 0) & flag) !== 0;
    }
    isConflict(index) {
      return this.plan.changes[index]?.[4] === CONFLICT;
    }
    answer(index) {
      return this.plan.changes[index]?.[10]?.answers[(this.choice[index] ?? 0) - 1]?.[0];
    }
    set(index, choice2) {
      const answers = this.plan.changes[index]?.[10]?.answers.length ?? 1;
      if (choice2 === 0 || this.canTick(index) && choice2 <= answers) this.choice[index] = choice2;
    }
    /** What the change needs, with the answer that it has. */
    needs(index) {
      const row3 = this.plan.changes[index];
      const besides2 = row3?.[10]?.answers[(this.choice[index] ?? 0) - 1]?.[2];
      return besides2 === void 0 ? row3?.[8] ?? [] : [...row3?.[8] ?? [], ...besides2];
    }
    /** Whatever these changes need that isn't ticked, and what that needs in turn. */
    missing(indexes) {
      const seen = new Set(indexes);
      const waiting = [...seen];
      const found = { add: [], newer: [], conflicts: [], impossible: [], unknown: [] };
      for (let index = waiting.pop(); index !== void 0; index = waiting.pop()) {
        for (const needed2 of this.needs(index)) {
          if (seen.has(needed2)) continue;
          seen.add(needed2);
          if (typeof needed2 === "string") found.unknown.push(needed2);
          else if (this.isTicked(needed2)) waiting.push(needed2);
          else if (!this.canTick(needed2)) found.impossible.push(needed2);
          else if (this.isConflict(needed2)) found.conflicts.push(needed2);
          else if (this.isTargetNewer(needed2)) found.newer.push(needed2);
          else {
            found.add.push(needed2);
            waiting.push(needed2);
          }
        }
      }
      found.add.sort((a, b) => a - b);
      return found;
    }
    /** The ticked changes that can't be written without this one. */
    dependants(index) {
      const found = /* @__PURE__ */ new Set();
      const waiting = [index];
      for (let at = waiting.pop(); at !== void 0; at = waiting.pop()) {
        for (const other of this.neededBy(at)) {
          if (other === index || found.has(other) || !this.isTicked(other)) continue;
          if (!this.needs(other).includes(at)) continue;
          found.add(other);
          waiting.push(other);
        }
      }
      return [...found].sort((a, b) => a - b);
    }
    neededBy(index) {
      this.reverse ??= reversed(this.plan);
      return this.reverse[index] ?? [];
    }
    /** The ticked changes of which something that they need directly isn't ticked. */
    unresolved() {
      const found = [];
      for (let index = 0; index < this.choice.length; index++) {
        if (this.choice[index] === 0) continue;
        const isMissing = (needed2) => typeof needed2 === "string" || !this.isTicked(needed2);
        if (this.needs(index).some(isMissing)) found.push(index);
      }
      return found;
    }
    /** Ticks all that can be ticked without a decision of its own, and says what it left out. */
    tickAll(indexes) {
      const bulk2 = { changed: 0, targetNewer: 0, impossible: 0 };
      for (const index of indexes) {
        if (this.isTicked(index) || this.isConflict(index)) continue;
        if (!this.canTick(index)) bulk2.impossible++;
        else if (this.isTargetNewer(index)) bulk2.targetNewer++;
        else {
          this.choice[index] = 1;
          bulk2.changed++;
        }
      }
      return bulk2;
    }
    untickAll(indexes) {
      let changed = 0;
      for (const index of indexes) {
        if (!this.isTicked(index)) continue;
        this.choice[index] = 0;
        changed++;
      }
      return changed;
    }
    ticked() {
      const found = [];
      for (let index = 0; index < this.choice.length; index++) {
        if (this.choice[index] !== 0) found.push(index);
      }
      return found;
    }
  };
  function reversed(plan) {
    const found = [];
    plan.changes.forEach((row3, index) => {
      const besides2 = row3[10]?.answers.flatMap((answer) => answer[2]) ?? [];
      for (const needed2 of [...row3[8], ...besides2]) {
        if (typeof needed2 === "number") (found[needed2] ??= []).push(index);
      }
    });
    return found;
  }

  // src/statement.ts
  function statement({ plan, about, readOnly }) {
    const { source, target, counts } = plan;
    const changes = ["conflict", "new", "modified", "deleted"].flatMap((klass) => counts[klass] > 0 ? [`${figure(counts[klass])} ${klass}`] : []).join(", ");
    const { undo } = about;
    const what = plan.nothing !== null ? "This job copies" : readOnly ? "What the manifest approves is copied" : "What you tick is copied";
    const after = h("span", {}, `${target} changes; ${source} stays as it is.`);
    const facts = [
      plan.course,
      about.asOf !== null && `compared ${about.asOf}`,
      plan.nothing !== null && changes.length > 0 && changes,
      `${count(counts.unchanged, "record")} the same on both`,
      `plan ${plan.digest.slice(0, 16)}`
    ].filter((fact) => fact !== false);
    return h(
      "section",
      { class: "statement", "aria-label": "What this is about" },
      h(
        "div",
        { class: "direction" },
        h(
          "div",
          { class: "course", "aria-hidden": "true" },
          undo === null ? h("span", { class: "environment" }, h("b", {}, source), h("small", {}, "stays as it is")) : h("span", { class: "environment" }, h("b", {}, "before"), h("small", {}, `run ${undo}`)),
          h("span", { class: "arrow" }),
          h("span", { class: "environment target" }, h("b", {}, target), h("small", {}, "changes"))
        ),
        undo === null ? h("p", { class: "sentence" }, what, " from ", h("b", {}, source), " to ", h("b", {}, target), ". ", after) : h("p", { class: "sentence" }, `What you tick is put back on `, h("b", {}, target), ` as it was before run ${undo}. `, after)
      ),
      h("p", { class: "quiet facts" }, ...facts.map((fact) => h("span", {}, fact))),
      plan.notes.length > 0 && h("ul", { class: "notes" }, ...plan.notes.map((note) => h("li", {}, note))),
      plan.failed.length > 0 && h(
        "div",
        { class: "failed" },
        h("p", {}, h("b", {}, "Couldn't be compared, so nothing of it is in this plan:")),
        h("ul", {}, ...plan.failed.map(([module, reason]) => h("li", {}, h("b", {}, module), `: ${reason}`)))
      )
    );
  }

  // src/list.ts
  var BEYOND = 800;
  var FEW = 200;
  var List = class {
    constructor(label, make) {
      this.make = make;
      this.element = h("div", { role: "list", "aria-label": label, class: "rows" });
      this.element.addEventListener("focusin", () => this.render());
    }
    make;
    element;
    order = [];
    places = /* @__PURE__ */ new Map();
    heights = /* @__PURE__ */ new Map();
    tops = new Float64Array(1);
    estimate = 64;
    isEstimated = false;
    width = 0;
    /** How many rows are on paper; nothing while on screen. */
    printed = null;
    mounted = /* @__PURE__ */ new Map();
    observer = new ResizeObserver((entries) => this.measured(entries));
    /** Other changes, or another order. */
    show(order) {
      const kept = this.mounted.size > 0 && isSubsequence(order, this.order, this.mounted);
      this.order = order;
      this.places = new Map(order.map((index, place) => [index, place]));
      if (!kept) for (const index of [...this.mounted.keys()]) this.unmount(index);
      this.layOut();
      this.render();
    }
    update() {
      for (const view of this.mounted.values()) view.update();
    }
    /** Makes the row of a change and brings it into view. */
    reveal(index) {
      const place = this.places.get(index);
      if (place === void 0) return void 0;
      const top = this.element.getBoundingClientRect().top + window.scrollY + (this.tops[place] ?? 0);
      window.scrollTo({ top: Math.max(0, top - window.innerHeight / 3), behavior: "instant" });
      this.render();
      return this.mounted.get(index);
    }
    /** All rows at once, up to so many; how many there are. */
    print(most) {
      this.printed = Math.min(this.order.length, most);
      this.render();
      return this.printed;
    }
    endPrint() {
      this.printed = null;
      this.layOut();
      this.render();
    }
    render() {
      const wanted = this.wanted();
      const keep = new Set(wanted.map((place) => this.order[place]));
      for (const index of [...this.mounted.keys()]) if (!keep.has(index)) this.unmount(index);
      let next = this.element.firstElementChild;
      for (const place of wanted) {
        const index = this.order[place];
        if (index === void 0) continue;
        let view = this.mounted.get(index);
        if (view === void 0) {
          view = this.make(index);
          this.mounted.set(index, view);
          this.element.insertBefore(view.element, next);
          this.observer.observe(view.element);
        } else next = view.element.nextElementSibling;
        view.element.setAttribute("aria-setsize", `${this.order.length}`);
        view.element.setAttribute("aria-posinset", `${place + 1}`);
      }
      this.place();
    }
    unmount(index) {
      const view = this.mounted.get(index);
      if (view === void 0) return;
      this.observer.unobserve(view.element);
      view.element.remove();
      this.mounted.delete(index);
    }
    /** The places that must be there, in order. */
    wanted() {
      const many = this.order.length;
      if (this.printed !== null) return [...Array(this.printed).keys()];
      if (many <= FEW) return [...Array(many).keys()];
      const top = this.element.getBoundingClientRect().top;
      const first = this.placeAt(-top - BEYOND);
      const last = this.placeAt(-top + window.innerHeight + BEYOND);
      const found = /* @__PURE__ */ new Set([0, many - 1]);
      for (let place = first; place <= last; place++) found.add(place);
      const focused = this.focused();
      if (focused !== void 0) for (const at of [focused - 1, focused, focused + 1]) found.add(at);
      return [...found].filter((place) => place >= 0 && place < many).sort((a, b) => a - b);
    }
    focused() {
      for (const [index, { element }] of this.mounted) {
        if (element.contains(document.activeElement)) return this.places.get(index);
      }
      return void 0;
    }
    placeAt(y) {
      let [low, high] = [0, this.order.length - 1];
      while (low < high) {
        const middle = low + high + 1 >> 1;
        if ((this.tops[middle] ?? 0) <= y) low = middle;
        else high = middle - 1;
      }
      return low;
    }
    /** Where every row begins. */
    layOut() {
      const many = this.order.length;
      if (this.tops.length !== many + 1) this.tops = new Float64Array(many + 1);
      let top = 0;
      for (let place = 0; place < many; place++) {
        this.tops[place] = top;
        top += this.heights.get(this.order[place] ?? -1) ?? this.estimate;
      }
      this.tops[many] = top;
      this.element.style.height = `${top}px`;
    }
    place() {
      for (const [index, { element }] of this.mounted) {
        element.style.top = `${this.tops[this.places.get(index) ?? 0] ?? 0}px`;
      }
    }
    measured(entries) {
      if (this.printed !== null || this.element.clientWidth === 0) return;
      this.forgetOtherWidth();
      const above = -this.element.getBoundingClientRect().top;
      let moved = 0;
      let isOther = false;
      for (const [index, { element }] of this.mounted) {
        if (!entries.some(({ target }) => target === element)) continue;
        const height = element.getBoundingClientRect().height;
        const before = this.heights.get(index) ?? this.estimate;
        this.heights.set(index, height);
        if (Math.abs(height - before) < 0.5) continue;
        isOther = true;
        const bottom = (this.tops[this.places.get(index) ?? 0] ?? 0) + before;
        if (bottom <= above) moved += height - before;
      }
      this.estimateOnce();
      if (!isOther) return;
      this.layOut();
      if (moved !== 0) window.scrollBy({ top: moved, behavior: "instant" });
      this.render();
    }
    forgetOtherWidth() {
      const width = this.element.clientWidth;
      if (this.width !== 0 && this.width !== width) {
        this.heights.clear();
        this.isEstimated = false;
        for (const [index, { element }] of this.mounted) {
          this.heights.set(index, element.getBoundingClientRect().height);
        }
      }
      this.width = width;
    }
    /** Rows that were never there count as high as the middle one of the first that were. */
    estimateOnce() {
      if (this.isEstimated || this.heights.size === 0) return;
      const sorted = [...this.heights.values()].sort((a, b) => a - b);
      this.estimate = sorted[sorted.length >> 1] ?? this.estimate;
      this.isEstimated = true;
      this.layOut();
    }
  };
  function isSubsequence(next, before, mounted) {
    if (next === before) return true;
    const there = (order) => order.filter((index) => mounted.has(index));
    const after = there(next);
    const remaining = new Set(after);
    const old = there(before).filter((index) => remaining.has(index));
    return old.length === after.length && old.every((index, place) => index === after[place]);
  }

  // src/conflict.ts
  function why(page, conflict) {
    const { target } = page.plan;
    return h(
      "div",
      { class: "why" },
      ...conflict.why.map((sentence) => h("p", {}, sentence)),
      conflict.target !== 0 && h("p", { class: "quiet" }, `On ${target}: `, h("span", { class: "name" }, conflict.target))
    );
  }
  function choice(page, index, conflict) {
    const { selection, plan } = page;
    if (page.readOnly || !selection.canTick(index)) return mended(page, conflict);
    const words = [`Leave it: ${plan.target} keeps what it has`, ...conflict.answers.map((answer) => capital(answer[1]))];
    const radios = words.map((_, at) => h("input", {
      type: "radio",
      name: `answer-${index}`,
      value: at,
      id: `answer-${index}-${at}`,
      onchange: () => choose(page, index, at)
    }));
    const answerName = (at) => conflict.answers[at - 1]?.[0];
    const element = h(
      "fieldset",
      { class: "choice" },
      h("legend", {}, "What should become of it?", h("span", { class: "hidden" }, ` ${changeAt(plan, index).name}`)),
      ...radios.map((radio, at) => h("label", { for: radio.id }, radio, h("span", {}, words[at] ?? "", at > 0 && h("span", { class: "quiet" }, ` (${answerName(at) ?? ""})`))))
    );
    const update = () => radios.forEach((radio, at) => radio.checked = selection.choice[index] === at);
    const focus = () => (radios.find((radio) => radio.checked) ?? radios[0])?.focus();
    update();
    return { element, update, focus };
  }
  var capital = (words) => words.charAt(0).toUpperCase() + words.slice(1);
  function mended(page, conflict) {
    const chosen = conflict.answers.find(([answer]) => answer === conflict.chosen)?.[1];
    const words = conflict.answers.length === 0 ? "This can only be mended in the data. Then compare again." : !page.readOnly ? "This can't be answered: its name can't be written into a manifest." : chosen === void 0 ? "It is left as it is." : `The manifest's answer: ${chosen}.`;
    const element = h("p", { class: "choice mended" }, words);
    return { element, update: () => void 0, focus: () => void 0 };
  }

  // src/details.ts
  function details(page, index, { renamedFrom, rows, files }) {
    const { target } = page.plan;
    return [
      renamedFrom !== void 0 && h("p", {}, h("span", { class: "mark" }, "renamed"), ` On ${target} it is ${renamedFrom} now.`),
      ...rows.map((touched) => row(page, touched, rows.length === 1)),
      files.length > 0 && h("div", { class: "files" }, ...files.map((file) => fileChange(page, file))),
      rows.length + files.length === 0 && h("p", { class: "quiet" }, "Nothing more is kept about this change."),
      needs(page, index)
    ];
  }
  function needs(page, index) {
    const { plan, selection } = page;
    const all = selection.needs(index);
    if (all.length === 0) return null;
    const items = all.slice(0, 50).map((needed2) => {
      if (typeof needed2 === "string") return h("li", {}, `${needed2}, which this plan doesn't hold`);
      return h("li", {}, button(called(plan, needed2), () => page.goTo(needed2), "link"));
    });
    const rest = all.length - items.length;
    return h(
      "div",
      { class: "needs" },
      h("p", {}, "Needs:"),
      h("ul", {}, ...items, rest > 0 && h("li", {}, `${rest} more`))
    );
  }
  function origin({ plan, about }) {
    return about.undo === null ? `from ${plan.source}` : `before run ${about.undo}`;
  }
  var WHAT = { inserted: "new row", updated: "changed row", deleted: "row that is deleted" };
  function row(page, { name, what, fields }, isAlone) {
    const { target } = page.plan;
    const source = origin(page);
    const head = h("h4", {}, h("span", { class: "name" }, name), h("span", { class: "quiet" }, ` ${WHAT[what]}`));
    const sides = what === "inserted" ? [source] : what === "deleted" ? [`on ${target} now`] : [`on ${target} now`, source];
    const header = h(
      "div",
      { role: "row", class: "fields-head" },
      ...["field", ...sides].map((words) => h("span", { role: "columnheader" }, words))
    );
    const table = h(
      "div",
      { role: "table", class: `fields ${what}`, "aria-label": `${name}, ${WHAT[what]}` },
      h("div", { role: "rowgroup" }, header),
      h("div", { role: "rowgroup" }, ...fields.map((it) => field(page, it, what)))
    );
    return h(
      "section",
      { class: isAlone ? "touched alone" : "touched" },
      head,
      fields.length > 0 ? table : h("p", { class: "quiet" }, "No field is shown.")
    );
  }
  function field(page, it, what) {
    const { target } = page.plan;
    const head = h("div", { role: "rowheader", class: "column" }, it.column);
    if (it.lines !== void 0 || it.paths !== void 0) {
      const lines = it.lines ?? [];
      const paths = it.paths ?? [];
      const wide = h(
        "div",
        { role: "cell", class: "wide", "aria-colspan": what === "updated" ? 2 : 1 },
        lines.length > 0 && sideBySide(page, what, lines.map(([sign, left3, right2]) => ({ sign, left: left3, right: right2 }))),
        paths.length > 0 && sideBySide(page, what, paths.map(([sign, path, left3, right2]) => ({ sign, path, left: left3, right: right2 }))),
        it.more !== void 0 && h("p", { class: "quiet more" }, it.more)
      );
      return h("div", { role: "row", class: "field" }, head, wide);
    }
    const isSame = it.from === it.to && it.form !== "redacted";
    const left2 = value(it.from, isSame ? "" : "-", `on ${target} now`, it.form);
    const right = value(it.to, isSame ? "" : "+", origin(page), it.form);
    const cells = what === "inserted" ? [right] : what === "deleted" ? [left2] : [left2, right];
    if (it.more !== void 0) cells.at(-1)?.append(h("p", { class: "quiet more" }, it.more));
    return h("div", { role: "row", class: "field" }, head, ...cells);
  }
  function value(text, sign, side, form) {
    const kind = text === void 0 || sign === "" ? "" : sign === "-" ? "before" : "after";
    const shown = text === void 0 ? h("span", { class: "quiet" }, "no row") : text === "" ? h("span", { class: "quiet" }, "(empty)") : h("span", { class: form === "redacted" ? "value quiet" : "value" }, text);
    return h(
      "div",
      { role: "cell", class: `cell ${kind}` },
      h("span", { class: "side" }, side),
      h("span", { class: "sign" }, text === void 0 ? "" : sign),
      shown
    );
  }
  function sideBySide(page, what, lines) {
    const sides = what === "updated" ? "two" : "one";
    const shown = lines.map(({ sign, path, left: left2, right }) => {
      if (sign === "…") return h("div", { class: "line-skip" }, left2 === 0 ? "…" : left2);
      const isSame = sign === " ";
      const before = left2 === 0 ? null : half(left2, isSame ? " " : "-", "left");
      const after = right === 0 ? null : half(right, isSame ? " " : "+", "right");
      const empty = (side) => h("div", { class: `half ${side} empty` });
      const halves = what === "inserted" ? [after] : what === "deleted" ? [before] : [before ?? empty("left"), after ?? empty("right")];
      return h(
        "div",
        { class: `pair${isSame ? " same" : ""}` },
        path !== void 0 && h("div", { class: "path" }, path === "" ? "(whole value)" : path),
        ...halves
      );
    });
    const label = `Lines on ${page.plan.target} now and ${origin(page)}`;
    return h("div", { class: `lines ${sides}`, role: "group", "aria-label": label }, ...shown);
  }
  function half(text, sign, side) {
    const kind = sign === "-" ? "before" : sign === "+" ? "after" : "";
    return h("div", { class: `half ${side} ${kind}` }, h("span", { class: "sign" }, sign), h("span", { class: "value" }, text));
  }
  function fileChange(page, file) {
    const { target } = page.plan;
    const source = origin(page);
    const { path, state, from, to } = file;
    const sizes = [from !== void 0 && `${target} now: ${from}`, to !== void 0 && `${source}: ${to}`];
    const name = path.split("/").at(-1) ?? path;
    return h(
      "div",
      { class: "file" },
      h(
        "p",
        {},
        h("span", { class: "name" }, path),
        " ",
        h("span", { class: "mark" }, state),
        " ",
        h("span", { class: "quiet" }, sizes.filter((size) => size !== false).join(" · "))
      ),
      h(
        "div",
        { class: "images" },
        image(file.fromImage, `${name} on ${target} now`),
        image(file.toImage, `${name} ${source}`)
      )
    );
  }
  function image(from, words) {
    if (from === void 0 || !/^(?:data:image\/|\/)/.test(from)) return null;
    const shown = h("img", { src: from, alt: words, loading: "lazy" });
    const figure2 = h("figure", {}, shown, h("figcaption", {}, words));
    shown.addEventListener("error", () => shown.replaceWith(h("p", { class: "quiet" }, "This image can't be shown.")));
    return figure2;
  }

  // src/row.ts
  function row2(page, index) {
    const change2 = changeAt(page.plan, index);
    const { conflict } = change2;
    const box = conflict === void 0 ? checkbox(page, change2) : null;
    const answers = conflict === void 0 ? null : choice(page, index, conflict);
    const marks = h("span", { class: "marks", id: `marks-${index}` });
    const offered = h("div", {});
    const more = opener(page, change2);
    const isNamed = change2.title !== change2.name;
    const element = h(
      "div",
      { role: "listitem", class: `row class-${change2.klass}`, id: `change-${index}` },
      h(
        "div",
        { class: "line" },
        box ?? h("span", { class: "no-box" }),
        h(
          "div",
          { class: "what" },
          title(change2, box),
          h(
            "div",
            { class: "under" },
            isNamed && h("span", { class: "name", id: `name-${index}` }, change2.name),
            change2.identity !== "" && h("span", { class: "identity" }, change2.identity),
            marks
          ),
          conflict !== void 0 && why(page, conflict),
          answers?.element
        ),
        more.button
      ),
      offered,
      more.area
    );
    const focus = () => focusOf(box, answers, more.button);
    const update = () => {
      if (box !== null) box.checked = page.selection.isTicked(index);
      answers?.update();
      element.classList.toggle("ticked", page.selection.isTicked(index));
      fill(marks, marksOf(page, change2));
      replaceOffer(offered, offers(page, index, focus));
      more.update();
    };
    update();
    return { element, update, focus };
  }
  function title({ index, title: title2 }, box) {
    if (box === null) return h("strong", { class: "title", id: `title-${index}` }, title2);
    return h("label", { class: "title", id: `title-${index}`, for: box.id }, title2);
  }
  function focusOf(box, answers, button2) {
    if (box !== null && !box.disabled) focusOn(box);
    else {
      focusOn(button2);
      answers?.focus();
    }
  }
  function checkbox(page, change2) {
    if (page.readOnly) return null;
    const { index } = change2;
    const names = change2.title === change2.name ? `title-${index}` : `title-${index} name-${index}`;
    const box = h("input", {
      type: "checkbox",
      id: `tick-${index}`,
      "aria-labelledby": names,
      "aria-describedby": `marks-${index}`
    });
    box.disabled = !page.selection.canTick(index);
    box.addEventListener("change", () => {
      choose(page, index, box.checked ? 1 : 0);
      const offer = box.closest(".row")?.querySelector(".offer");
      if (offer !== null && offer !== void 0) page.say(offer.querySelector("span")?.textContent ?? "");
    });
    return box;
  }
  function marksOf(page, { index, klass, flags, needs: needs2 }) {
    const { plan, selection } = page;
    const marks = [];
    const mark = (kind, words) => marks.push(h("span", { class: `mark ${kind}` }, words));
    if ((flags & TARGET_NEWER) !== 0) mark("warn", `edited later on ${plan.target}`);
    if ((flags & APPROVED) !== 0) mark("good", selection.isTicked(index) || page.readOnly ? "approved" : "approval taken back");
    if ((flags & NOT_WRITABLE) !== 0) {
      mark("bad", selection.canTick(index) ? "its name can't be written into a manifest: approved only together with all of its kind" : "can't be approved: its name can't be written into a manifest");
    }
    if (needs2.length > 0) mark("", `needs ${count(needs2.length, "other")}`);
    if (klass !== CONFLICT && !selection.isTicked(index) && !page.dropped.has(index)) {
      const others = selection.dependants(index).length;
      if (others > 0) mark("warn", `needed by ${others} ticked`);
    }
    return marks;
  }
  function replaceOffer(place, offer) {
    if (place.textContent === (offer?.textContent ?? "")) return;
    fill(place, [offer]);
  }
  function opener(page, { index, name }) {
    const area = h("div", { class: "details", id: `details-of-${index}` });
    const sign = h("span", { class: "chevron", "aria-hidden": "true" });
    const button2 = h("button", {
      type: "button",
      class: "open",
      "aria-controls": area.id,
      "aria-label": `Details of ${name}`,
      onclick: () => {
        if (!page.open.delete(index)) page.open.add(index);
        update();
      }
    }, h("span", { class: "word" }, "Details"), sign);
    const update = () => {
      const isOpen = page.open.has(index);
      button2.setAttribute("aria-expanded", `${isOpen}`);
      area.hidden = !isOpen;
      if (isOpen && area.childElementCount === 0) fill(area, details(page, index, detailsOf(page.plan, index)));
      if (!isOpen) fill(area, []);
    };
    return { button: button2, area, update };
  }

  // src/toolbar.ts
  var ORDERS = [["plan", "as compared"], ["name", "by name"], ["id", "by ID"], ["table", "by table"]];
  function toolbar(page, klass, shown, search) {
    const id = (name) => `${name}-${klass}`;
    const words = h("input", {
      type: "search",
      id: id("search"),
      placeholder: "Name, ID, identity, table",
      spellcheck: "false",
      oninput: search
    });
    const module = moduleFilter(page, klass, id("module"), search);
    const order = h(
      "select",
      { id: id("order"), onchange: search },
      ...ORDERS.map(([value2, name]) => h("option", { value: value2 }, name))
    );
    const only = h("input", { type: "checkbox", id: id("only"), onchange: search });
    const said = h("p", { class: "said", role: "status" });
    const isTicked = (index) => page.selection.isTicked(index);
    const onlyWords = klass === CONFLICT ? "Only answered" : "Only ticked";
    const element = h(
      "div",
      { class: "toolbar" },
      labelled("Search", words, "grow"),
      module !== null && labelled("Module", module),
      labelled("Order", order),
      !page.readOnly && h("label", { class: "check", for: only.id }, only, onlyWords),
      !page.readOnly && bulk(page, klass, shown, (text) => said.textContent = text),
      said
    );
    return {
      element,
      wish: () => ({
        words: words.value,
        module: module === null || module.value === "" ? null : Number(module.value),
        order: (ORDERS.find(([value2]) => value2 === order.value) ?? ["plan"])[0],
        only: only.checked ? isTicked : null
      }),
      clear: () => {
        words.value = "";
        if (module !== null) module.value = "";
        only.checked = false;
      },
      shown: (many, of) => {
        said.textContent = many === of ? `${count(of, "change")}.` : `${figure(many)} of ${count(of, "change")} shown.`;
      }
    };
  }
  function labelled(words, input, kind = "") {
    return h("div", { class: `labelled ${kind}` }, h("label", { for: input.id }, words), input);
  }
  function moduleFilter(page, klass, id, search) {
    const many = /* @__PURE__ */ new Map();
    for (const row3 of page.plan.changes) {
      if (row3[4] === klass) many.set(row3[0], (many.get(row3[0]) ?? 0) + 1);
    }
    if (many.size < 2) return null;
    const name = (module) => page.plan.modules[module] ?? "";
    const modules = [...many.keys()].sort((a, b) => name(a).localeCompare(name(b), "en"));
    return h(
      "select",
      { id, onchange: search },
      h("option", { value: "" }, "all"),
      ...modules.map((module) => h("option", { value: module }, `${name(module)} (${figure(many.get(module) ?? 0)})`))
    );
  }
  function bulk(page, klass, shown, say) {
    const untick = () => {
      const changed = page.selection.untickAll(shown());
      page.changed();
      say(klass === CONFLICT ? `${figure(changed)} left as they are.` : `${figure(changed)} unticked.`);
    };
    const tick = () => {
      const { changed, targetNewer, impossible } = page.selection.tickAll(shown());
      for (const index of shown()) if (page.selection.isTicked(index)) page.dropped.delete(index);
      page.changed();
      const left2 = [
        targetNewer > 0 && `${figure(targetNewer)} edited later on ${page.plan.target} (tick those one by one)`,
        impossible > 0 && `${figure(impossible)} that can't be approved`
      ].filter((words) => words !== false);
      say(`${figure(changed)} ticked.${left2.length > 0 ? ` Left out: ${left2.join(", ")}.` : ""}`);
    };
    return h(
      "div",
      { class: "bulk" },
      klass !== CONFLICT && button("Select all shown", tick),
      button(klass === CONFLICT ? "Leave all shown" : "Unselect all shown", untick)
    );
  }

  // src/tabs.ts
  var NAMES = [
    [CONFLICT, "Conflicts", "No conflicts."],
    [NEW, "New records", "No new records."],
    [MODIFIED, "Modified records", "No modified records."],
    [DELETED, "Deleted records", "No deleted records."]
  ];
  var MOST_PRINTED = 2e3;
  var Tabs = class {
    constructor(page, opened2) {
      this.page = page;
      this.tabs = NAMES.map(([klass, name, none]) => new Tab(page, klass, name, none, () => this.open(klass)));
      const first = this.tabs.findIndex((tab) => tab.total > 0);
      this.selected = opened2 ?? Math.max(first, 0);
      const bar = h(
        "div",
        { role: "tablist", class: "tabs", "aria-label": "Changes", onkeydown: (event) => this.key(event) },
        ...this.tabs.map((tab) => tab.button)
      );
      this.element = h("div", {}, bar, ...this.tabs.map((tab) => tab.panel));
    }
    page;
    element;
    tabs;
    selected;
    /** Once it is in the document. */
    start() {
      this.show(this.selected);
      const render = () => this.tabs[this.selected]?.list?.render();
      addEventListener("scroll", render, { passive: true });
      addEventListener("resize", render, { passive: true });
      addEventListener("beforeprint", () => this.print());
      addEventListener("afterprint", () => this.tabs.forEach((tab) => tab.endPrint(tab.klass === this.selected)));
    }
    /** The open tab's rows come before those of the others where they are too many. */
    print() {
      const isOpen = (tab) => tab.klass === this.selected;
      const inTurn = [...this.tabs.filter(isOpen), ...this.tabs.filter((tab) => !isOpen(tab))];
      inTurn.reduce((rest, tab) => rest - tab.print(rest), MOST_PRINTED);
    }
    update() {
      this.tabs.forEach((tab) => tab.count());
      this.tabs[this.selected]?.list?.update();
    }
    /** The row of a change, in view and with the focus. */
    goTo(index) {
      const klass = this.page.plan.changes[index]?.[4] ?? NEW;
      this.open(klass);
      const tab = this.tabs[klass];
      if (tab === void 0) return;
      let view = tab.list?.reveal(index);
      if (view === void 0) {
        tab.bar?.clear();
        tab.search();
        view = tab.list?.reveal(index);
      }
      view?.focus();
      view?.element.classList.add("led-to");
      setTimeout(() => view?.element.classList.remove("led-to"), 2e3);
    }
    open(klass) {
      if (klass === this.selected) return;
      this.selected = klass;
      this.show(klass);
      this.page.changed();
    }
    show(klass) {
      this.tabs.forEach((tab) => tab.select(tab.klass === klass));
    }
    key(event) {
      const last = this.tabs.length - 1;
      const at = this.selected;
      const to = { ArrowRight: at === last ? 0 : at + 1, ArrowLeft: at === 0 ? last : at - 1, Home: 0, End: last }[event.key];
      if (to === void 0) return;
      event.preventDefault();
      this.open(to);
      this.tabs[to]?.button.focus();
    }
  };
  var Tab = class {
    constructor(page, klass, name, none, open) {
      this.page = page;
      this.klass = klass;
      this.name = name;
      this.none = none;
      const { conflict, new: added, modified, deleted } = page.plan.counts;
      this.total = [conflict, added, modified, deleted][klass] ?? 0;
      this.button = h(
        "button",
        { type: "button", role: "tab", class: "tab", id: `tab-${klass}`, "aria-controls": `panel-${klass}`, onclick: open },
        h("span", {}, name),
        " ",
        h("span", { class: "tab-count" }, figure(this.total)),
        this.ticked
      );
      this.panel = h("div", { role: "tabpanel", class: "tabpanel", id: `panel-${klass}`, "aria-labelledby": `tab-${klass}`, hidden: true });
      this.count();
    }
    page;
    klass;
    name;
    none;
    button;
    panel;
    total;
    list = null;
    bar = null;
    order = [];
    ticked = h("span", { class: "tab-ticked" });
    unprinted = h("p", { class: "only-print" });
    select(isSelected) {
      this.button.setAttribute("aria-selected", `${isSelected}`);
      this.button.tabIndex = isSelected ? 0 : -1;
      this.panel.hidden = !isSelected;
      if (!isSelected) return;
      this.make();
      this.list?.update();
      this.list?.render();
    }
    count() {
      const { choice: choice2, plan } = this.page.selection;
      let many = 0;
      plan.changes.forEach((row3, index) => {
        if (row3[4] === this.klass && choice2[index] !== 0) many++;
      });
      const word = this.page.readOnly ? "approved" : this.klass === CONFLICT ? "answered" : "ticked";
      this.ticked.textContent = many === 0 ? "" : ` ${figure(many)} ${word}`;
    }
    make() {
      if (this.panel.childElementCount > 0) return;
      const heading = h("h3", { class: "hidden-on-screen" }, this.name);
      if (this.total === 0) {
        this.panel.tabIndex = 0;
        fill(this.panel, [heading, h("p", { class: "none" }, this.none)]);
        return;
      }
      this.bar = toolbar(this.page, this.klass, () => this.order, () => this.search());
      this.list = new List(this.name, (index) => row2(this.page, index));
      const skip = h("a", { class: "skip", href: "#what-comes-out" }, "Skip the list");
      const nothing = h("p", { class: "none no-match" }, "Nothing fits. Other words, or another filter?");
      fill(this.panel, [heading, skip, this.bar.element, nothing, this.list.element, this.unprinted]);
      this.search();
    }
    search() {
      if (this.bar === null || this.list === null) return;
      this.order = this.page.search.find(this.klass, this.bar.wish());
      this.panel.classList.toggle("empty", this.order.length === 0);
      const start2 = this.panel.getBoundingClientRect().top;
      this.list.show(this.order);
      this.bar.shown(this.order.length, this.total);
      if (start2 < -1) window.scrollBy({ top: start2, behavior: "instant" });
      this.list.render();
    }
    /** Shows its list as on paper, with so many rows at most; how many it has then. */
    print(most) {
      this.make();
      this.panel.hidden = false;
      const printed = this.list?.print(most) ?? 0;
      const rest = this.order.length - printed;
      this.unprinted.textContent = rest > 0 ? `${figure(rest)} more aren't printed.` : "";
      return printed;
    }
    endPrint(isSelected) {
      this.panel.hidden = !isSelected;
      this.list?.endPrint();
    }
  };

  // src/main.ts
  function start(root2) {
    const plan = block("plan");
    const about = block("about");
    const selection = new Selection(plan);
    const readOnly = about.schedule !== null && "cron" in about.schedule;
    const said = h("p", { class: "hidden", role: "status" });
    const page = {
      plan,
      about,
      selection,
      readOnly,
      search: new Search(plan),
      dropped: /* @__PURE__ */ new Set(),
      open: /* @__PURE__ */ new Set(),
      changed: () => void 0,
      goTo: () => void 0,
      say: (words) => said.textContent = words
    };
    if (plan.nothing !== null) {
      fill(root2, [statement(page), h("p", { class: "nothing" }, plan.nothing)]);
      return;
    }
    const heading = h("h2", { class: "hidden" }, "Changes");
    const { tabs, end, show } = readOnly ? onlyRead(page) : toTick(page);
    page.goTo = (index) => tabs.goTo(index);
    fill(root2, [statement(page), heading, tabs.element, ...end, said]);
    tabs.start();
    show();
    prepare(page.search);
  }
  function onlyRead(page) {
    const tabs = new Tabs(page, null);
    page.changed = () => tabs.update();
    return { tabs, end: [recurring(page)], show: () => tabs.update() };
  }
  function toTick(page) {
    const { selection, about } = page;
    const form = new ScheduleForm(about, () => settingsChanged());
    const keeper = new Keeper(selection, about, () => ({ ...form.state(), tab: tabs.selected }));
    const before = keeper.kept();
    const tabs = new Tabs(page, before?.tab ?? null);
    if (before !== null) form.fill(before);
    const startOver = () => {
      selection.startOver();
      form.startOver();
      page.dropped.clear();
      show();
      keeper.forget();
      page.say("As it is approved now.");
    };
    const panel = new Panel(page, form, startOver);
    const show = () => {
      tabs.update();
      panel.update();
    };
    const settingsChanged = () => {
      panel.update();
      keeper.changed();
    };
    page.changed = () => {
      show();
      keeper.changed();
    };
    addEventListener("pagehide", () => keeper.save());
    return { tabs, end: [panel.bar, panel.element], show };
  }
  function prepare(search) {
    const step = () => {
      if (search.prepare(2e3)) setTimeout(step, 0);
    };
    setTimeout(step, 100);
  }
  var root = document.getElementById("review");
  if (root !== null) {
    try {
      start(root);
    } catch (error) {
      fill(root, [h("p", { class: "bad", role: "alert" }, `This review can't be shown, and nothing was changed: ${String(error)}`)]);
      throw error;
    }
  }
})();
