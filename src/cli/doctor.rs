//! `reconcile doctor`: what would keep jobs from running, and what to do about it.
//!
//! Answers for showing the findings and for the exit code; they are `doctor`'s.

use std::io::IsTerminal;

use serde_json::json;

use super::prepare::block_on;
use super::{Error, Format, Global, Outcome, output};
use crate::doctor::{Finding, Level, examine};
use crate::escape::visible;
use crate::plan::render::Colour;
use crate::plan::render::words::count;
use crate::put::put;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Whom the findings are written for
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

pub fn run(args: &Args, global: &Global) -> Result<Outcome, Error> {
    let config = global.config()?;
    let file = output::near(&config.path);
    let mut findings = vec![Finding::ok("operator's file", file)];
    findings.extend(block_on(async { Ok(examine(&config).await) })?);
    match args.format {
        Format::Json => output::json(&json!({ "findings": findings }))?,
        Format::Text => output::print(&text(&findings, Marks::for_output()))?,
    }
    let number = |level| findings.iter().filter(|finding| finding.level == level).count() as u64;
    match number(Level::Broken) {
        0 => Ok(Outcome::Fine),
        broken => {
            let message = count(broken, "thing is broken", "things are broken");
            Err(Error::failed(message).told_in(args.format))
        }
    }
}

fn text(findings: &[Finding], marks: Marks) -> String {
    let widest = findings.iter().map(|finding| finding.about.len()).max().unwrap_or(0);
    let mut out = String::new();
    for Finding { level, about, message, advice } in findings {
        let mark = marks.mark(*level);
        put!(out, "{mark} {about:<widest$}  {}\n", visible(message));
        for line in advice.iter().flat_map(|advice| advice.lines()) {
            put!(out, "      {}\n", visible(line));
        }
    }
    let number = |level| findings.iter().filter(|finding| finding.level == level).count() as u64;
    match (number(Level::Broken), number(Level::Warning)) {
        (0, 0) => out.push_str("\nNothing stands in the way.\n"),
        (0, warnings) => {
            put!(out, "\nNothing stands in the way; {}.\n", count(warnings, "warning", "warnings"));
        }
        _ => {}
    }
    out
}

/// How findings are marked: signs for people at a terminal, words elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Marks {
    Words,
    Signs(Colour),
}

impl Marks {
    fn for_output() -> Self {
        if std::io::stdout().is_terminal() { Self::Signs(output::colour()) } else { Self::Words }
    }

    fn mark(self, level: Level) -> String {
        let (word, sign, colour) = match level {
            Level::Ok => ("ok", "✓", "32"),
            Level::Warning => ("warning", "!", "33"),
            Level::Broken => ("broken", "✗", "31"),
        };
        match self {
            Self::Words => format!("{word:<7}"),
            Self::Signs(Colour::Never) => sign.to_owned(),
            Self::Signs(Colour::Ansi) => format!("\x1b[{colour}m{sign}\x1b[0m"),
        }
    }
}
