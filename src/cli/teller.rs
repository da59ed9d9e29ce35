//! How a demo tells its story: headings, sentences, and commands as they would be typed.

use clap::Parser;

use super::{Cli, Error, Global, output};
use crate::config::Config;
use crate::demo::Shop;
use crate::plan::render::{Colour, Style};
use crate::put::put;

/// The voice of a story on a shop.
pub struct Teller<'a> {
    pub shop: &'a Shop,
    pub config: Config,
    pub global: Global,
    pub style: Style,
    step: usize,
    steps: usize,
}

impl<'a> Teller<'a> {
    pub fn new(shop: &'a Shop, steps: usize) -> Result<Self, Error> {
        let global = Global { config: Some(shop.path("reconcile.yaml")) };
        let style = Style { colour: output::colour(), width: output::width() };
        Ok(Self { shop, config: global.config()?, global, style, step: 0, steps })
    }

    /// Runs a command line as if it had been typed.
    pub fn run(&self, line: &str) -> Result<(), Error> {
        let mut cli = Cli::try_parse_from(line.split(' '))
            .map_err(|error| Error::failed(error.to_string()))?;
        cli.global = self.global.clone();
        super::run(&cli).map(|_| ())
    }

    pub fn heading(&mut self, title: &str) -> Result<(), Error> {
        self.step += 1;
        let heading = format!("[{}/{}] {title}", self.step, self.steps);
        output::print(&format!("{}\n\n", self.painted(&heading, "1;36")))
    }

    pub fn say(&self, text: &str) -> Result<(), Error> {
        let mut out = String::new();
        for line in wrapped(text, self.style.width.clamp(40, 100)) {
            put!(out, "{line}\n");
        }
        out.push('\n');
        output::print(&out)
    }

    pub fn command(&self, line: &str) -> Result<(), Error> {
        output::print(&format!("{}\n", self.painted(&format!("$ {line}"), "1")))
    }

    pub fn painted(&self, text: &str, colour: &str) -> String {
        match self.style.colour {
            Colour::Ansi => format!("\x1b[{colour}m{text}\x1b[0m"),
            Colour::Never => text.to_owned(),
        }
    }
}

/// Text in lines of at most so many columns; it has no long words.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                put!(line, " {word}");
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}
