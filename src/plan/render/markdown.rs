//! The plan as Markdown for one pull-request comment.
//!
//! Answers for fitting into it and for keeping data inert: every value stands in a fence or a code
//! span, where neither markup, links, mentions nor HTML mean anything. What is said of a change
//! comes from the outline.

use super::outline::{Line, outline};
use super::pins;
use super::words::{
    COUNTS_ONLY, by_module, count, course, nothing_to_do, source_and_target, tally,
};
use crate::escape::{html, shortened, visible};
use crate::plan::change::{Change, Class, Plan};
use crate::put::put;

/// Characters a comment may have; forges take 65,536, some of which the poster may need.
pub const LIMIT: usize = 60_000;
/// Of these, what the pins may take,
const PINS: usize = 20_000;
/// what notes may take,
const NOTES: usize = 5_000;
/// and what is set aside for headings and the count of what is left out.
const RESERVE: usize = 1_500;
/// Differences longer than this take lines of their own.
const ROOM: usize = 100;

/// The plan in at most [`LIMIT`] characters. A plan without changes is one short line. `page` is the
/// address of the same plan as a page, where there is one.
pub fn markdown(plan: &Plan, page: Option<&str>) -> String {
    let is_short = plan.changes.is_empty() && plan.failed_modules.is_empty() && !plan.counts_only;
    if is_short {
        let text = nothing_to_do(plan);
        return format!("{}: {text} {}\n", code(&shortened(&plan.job, 100)), marker(plan));
    }
    let mut page = Page { out: head(plan, page), left_out: 0 };
    let pins = if plan.changes.is_empty() { String::new() } else { approve(plan) };
    let end = LIMIT - RESERVE - pins.chars().count();
    page.edited_later(plan, end);
    page.urgent(plan, "Conflicts", Class::Conflict, end);
    page.urgent(plan, "Deletions", Class::Deleted, end);
    page.rest(plan, end);
    if page.left_out > 0 {
        let left = count(page.left_out, "change isn't", "changes aren't");
        let job = code(&shortened(&plan.job, 100));
        put!(page.out, "{left} shown here for want of room: see `reconcile plan` for {job}.\n\n");
    }
    page.out.push_str(&pins);
    page.out
}

/// By this line a bot finds its earlier comment.
fn marker(plan: &Plan) -> String {
    let safe = |text: &str| -> String {
        let is_safe = |c: &char| c.is_ascii_alphanumeric() || "._-".contains(*c);
        text.chars().filter(is_safe).take(100).collect()
    };
    format!("<!-- reconcile: job={} digest={} -->", safe(&plan.job), safe(&plan.digest))
}

fn head(plan: &Plan, page: Option<&str>) -> String {
    let counts = &plan.counts;
    let job = code(&shortened(&plan.job, 100));
    let course = course(plan);
    let digest = code(&shortened(&plan.digest, 64));
    let mut out = format!("{}\n## {job}: {}\n\n", marker(plan), verdict(plan));
    put!(out, "{course}; digest {digest}\n\n");
    if let Some(page) = page {
        put!(out, "[Review and approve it on a page]({page})\n\n");
    }
    out.push_str("| new | modified | deleted | conflict | unchanged |\n");
    out.push_str("| --: | --: | --: | --: | --: |\n");
    put!(
        out,
        "| {} | {} | {} | {} | {} |\n\n",
        counts.new,
        counts.modified,
        counts.deleted,
        counts.conflict,
        counts.unchanged
    );
    if plan.counts_only {
        put!(out, "**Too large:** {COUNTS_ONLY}.\n\n");
    }
    out.push_str(&notes(plan));
    out
}

fn verdict(plan: &Plan) -> String {
    let counts = &plan.counts;
    let changes = counts.new + counts.modified + counts.deleted;
    let mut said = vec![count(changes, "change", "changes")];
    if counts.conflict > 0 {
        said.push(count(counts.conflict, "conflict", "conflicts"));
    }
    if !plan.failed_modules.is_empty() {
        let failed = plan.failed_modules.len() as u64;
        said.push(count(failed, "module could not be compared", "modules could not be compared"));
    }
    match plan.changes.iter().filter(|change| change.approved).count() {
        0 if plan.changes.is_empty() => {}
        0 => said.push("nothing approved yet".into()),
        approved if approved == plan.changes.len() => said.push("all approved".into()),
        approved => said.push(format!("{approved} approved")),
    }
    said.join(", ")
}

fn notes(plan: &Plan) -> String {
    let failed = plan
        .failed_modules
        .iter()
        .map(|(module, reason)| format!("could not be compared: {module}: {reason}"));
    let mut fence = Fence::new("text");
    for note in failed.chain(plan.notes.iter().cloned()) {
        let note = format!("{}\n", visible(&shortened(&note, 1_000)));
        if fence.cost_with(&note) > NOTES {
            fence.push("…\n");
            break;
        }
        fence.push(&note);
    }
    fence.close()
}

fn approve(plan: &Plan) -> String {
    let mut fence = Fence::new("yaml");
    // As it stands below `spec:`.
    for line in pins::block(plan, PINS - RESERVE).lines() {
        fence.push(&format!("  {line}\n"));
    }
    let block = fence.close();
    format!(
        "### Approve\n\nThe pins of this plan. Paste them below the job's `spec:`, keep what you \
         approve, and commit; or let `reconcile approve` write them.\n\n{block}"
    )
}

struct Page {
    out: String,
    left_out: u64,
}

impl Page {
    /// Changes that would lose an edit, of any class. They leave half of the room to the others.
    fn edited_later(&mut self, plan: &Plan, end: usize) {
        let (source, target) = source_and_target(plan.direction);
        let changes: Vec<_> = plan.changes.iter().filter(|change| change.target_newer).collect();
        let end = self.length() + end.saturating_sub(self.length()) / 2;
        self.section(plan, &format!("Edited on {target} after {source}"), &changes, end);
    }

    /// Changes of a class that nobody should have to unfold.
    fn urgent(&mut self, plan: &Plan, title: &str, class: Class, end: usize) {
        let is_here = |change: &&Change| change.class == class && !change.target_newer;
        let changes: Vec<_> = plan.changes.iter().filter(is_here).collect();
        self.section(plan, title, &changes, end);
    }

    fn section(&mut self, plan: &Plan, title: &str, changes: &[&Change], end: usize) {
        if changes.is_empty() {
            return;
        }
        put!(self.out, "### {title}\n\n");
        let fence = self.fence(plan, changes, end);
        self.out.push_str(&fence);
    }

    fn rest(&mut self, plan: &Plan, end: usize) {
        let rest = plan.changes.iter().filter(|change| {
            matches!(change.class, Class::New | Class::Modified) && !change.target_newer
        });
        let mut title = "### New and modified\n\n";
        for (module, changes) in by_module(rest) {
            let name = html(&visible(&shortened(module, 100)));
            let tally = tally(changes.iter().copied());
            let opening =
                format!("{title}<details><summary><code>{name}</code>: {tally}</summary>\n\n");
            let closing = "</details>\n\n";
            let frame = opening.chars().count() + closing.len();
            if self.length() + frame >= end {
                self.left_out += changes.len() as u64;
                continue;
            }
            let fence = self.fence(plan, &changes, end - frame);
            if !fence.is_empty() {
                title = "";
                self.out.push_str(&opening);
                self.out.push_str(&fence);
                self.out.push_str(closing);
            }
        }
    }

    /// As many changes as fit before `end`, one below the other in one fence.
    fn fence(&mut self, plan: &Plan, changes: &[&Change], end: usize) -> String {
        let room = end.saturating_sub(self.length());
        let mut fence = Fence::new("diff");
        for (at, change) in changes.iter().enumerate() {
            let left = room.saturating_sub(fence.cost_with(""));
            let gap = if at == 0 { "" } else { "\n" };
            let told = told(&outline(plan, change, ROOM), gap, left);
            match told {
                Some(told) if fence.cost_with(&told) <= room => fence.push(&told),
                _ => {
                    self.left_out += (changes.len() - at) as u64;
                    break;
                }
            }
        }
        fence.close()
    }

    fn length(&self) -> usize {
        self.out.chars().count()
    }
}

/// The lines of a change. One change takes at most a quarter of what is left, so that a long one
/// doesn't crowd out all others; what is cut is counted. None when not even its beginning fits.
fn told(lines: &[Line], gap: &str, left: usize) -> Option<String> {
    let mut out = gap.to_owned();
    let mut length = 0;
    for (at, line) in lines.iter().enumerate() {
        let line = diff_line(line);
        length += line.chars().count();
        if length > left / 4 && at > 0 {
            let more = count((lines.len() - at) as u64, "more line", "more lines");
            put!(out, "      … {more}, see reconcile plan\n");
            break;
        }
        out.push_str(&line);
    }
    (out.chars().count() < left).then_some(out)
}

/// The sign stands in the first column, where the forge looks for it to colour the line.
fn diff_line(line: &Line) -> String {
    let mark = line.sign.mark();
    let indent = " ".repeat(line.depth * 4);
    let approved = if line.approved { "  ✓ approved" } else { "" };
    format!("{}\n", format!("{mark}{indent} {}{approved}", line.text).trim_end())
}

/// A fenced block that knows how long its fence must be.
struct Fence {
    language: &'static str,
    content: String,
    length: usize,
    longest_run: usize,
}

impl Fence {
    fn new(language: &'static str) -> Self {
        Self { language, content: String::new(), length: 0, longest_run: 0 }
    }

    fn push(&mut self, lines: &str) {
        self.content.push_str(lines);
        self.length += lines.chars().count();
        self.longest_run = self.longest_run.max(longest_run(lines));
    }

    /// Characters of the whole block if these lines were added.
    fn cost_with(&self, lines: &str) -> usize {
        let fence = self.longest_run.max(longest_run(lines)).max(2) + 1;
        self.length + lines.chars().count() + 2 * fence + self.language.len() + 4
    }

    /// The block with its fences, or nothing when it is empty.
    fn close(self) -> String {
        if self.content.is_empty() {
            return String::new();
        }
        let fence = "`".repeat(self.longest_run.max(2) + 1);
        format!("{fence}{}\n{}{fence}\n\n", self.language, self.content)
    }
}

fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

/// A code span, delimited by more backticks than its content has in a row.
pub fn code(text: &str) -> String {
    let text = visible(text);
    let marks = "`".repeat(longest_run(&text) + 1);
    // An empty span would be none, but only marks.
    let space =
        if text.is_empty() || text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    format!("{marks}{space}{text}{space}{marks}")
}
