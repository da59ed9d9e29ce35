//! A message's content, written once and shown as plain text and as HTML that say the same.
//!
//! Answers for nothing in it being taken for markup, a link or a control: content comes from data and
//! manifests.

use crate::escape::{harmless, html, shortened};
use crate::put::put;

/// Characters a subject may have.
const LONGEST_SUBJECT: usize = 150;

/// A message before it is rendered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    subject: String,
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Paragraph(String),
    List(Vec<String>),
    /// Commands, each with what it does.
    Commands(Vec<(String, String)>),
    /// A link of the operator's own address.
    Link {
        url: String,
        what: String,
    },
}

impl Letter {
    pub fn new(subject: &str) -> Self {
        let subject = shortened(&harmless(subject), LONGEST_SUBJECT).into_owned();
        Self { subject, parts: Vec::new() }
    }

    pub fn subject(&self) -> &str {
        &self.subject
    }

    #[must_use]
    pub fn paragraph(mut self, text: impl AsRef<str>) -> Self {
        self.parts.push(Part::Paragraph(harmless(text.as_ref()).into_owned()));
        self
    }

    /// Nothing is added for an empty list.
    #[must_use]
    pub fn list<T: AsRef<str>>(mut self, items: impl IntoIterator<Item = T>) -> Self {
        let items: Vec<String> =
            items.into_iter().map(|item| harmless(item.as_ref()).into_owned()).collect();
        if !items.is_empty() {
            self.parts.push(Part::List(items));
        }
        self
    }

    #[must_use]
    pub fn commands(mut self, commands: &[(String, &str)]) -> Self {
        let commands = commands
            .iter()
            .map(|(command, what)| (harmless(command).into_owned(), (*what).to_owned()));
        self.parts.push(Part::Commands(commands.collect()));
        self
    }

    #[must_use]
    pub fn link(mut self, url: &str, what: &str) -> Self {
        let (url, what) = (harmless(url).into_owned(), what.to_owned());
        self.parts.push(Part::Link { url, what });
        self
    }

    pub fn text(&self) -> String {
        let mut out = String::new();
        for part in &self.parts {
            if !out.is_empty() {
                out.push('\n');
            }
            match part {
                Part::Paragraph(text) => put!(out, "{text}\n"),
                Part::List(items) => items.iter().for_each(|item| put!(out, "* {item}\n")),
                Part::Commands(commands) => {
                    let widest = commands.iter().map(|(it, _)| it.len()).max().unwrap_or(0);
                    for (command, what) in commands {
                        put!(out, "    {command:<widest$}  # {what}\n");
                    }
                }
                Part::Link { url, what } => put!(out, "{what}:\n{url}\n"),
            }
        }
        out
    }

    /// Mail programs know little of HTML: styles stand at each element, and no colour is a background
    /// that dark settings would leave unreadable.
    pub fn html(&self) -> String {
        let mut out = format!(
            "<!doctype html>\n<html><head><meta charset=\"utf-8\"><title>{subject}</title></head>\n\
             <body style=\"{BODY}\">\n<h1 style=\"{HEADING}\">{subject}</h1>\n",
            subject = html(&self.subject),
        );
        for part in &self.parts {
            put_html(&mut out, part);
        }
        out.push_str("</body></html>\n");
        out
    }
}

const BODY: &str = "margin: 0; padding: 16px; max-width: 42em; \
                    font: 15px/1.5 -apple-system, 'Segoe UI', Roboto, Arial, sans-serif";
const HEADING: &str = "margin: 0 0 12px; font-size: 18px; line-height: 1.3";
const PARAGRAPH: &str = "margin: 0 0 12px";
const LIST: &str = "margin: 0 0 12px; padding: 0 0 0 20px";
const COMMAND: &str = "font: bold 13px/1.5 Consolas, Menlo, monospace";
const BUTTON: &str = "display: inline-block; padding: 8px 16px; border-radius: 4px; \
                      background: #0b57d0; color: #ffffff; text-decoration: none";

fn put_html(out: &mut String, part: &Part) {
    match part {
        Part::Paragraph(text) => put!(out, "<p style=\"{PARAGRAPH}\">{}</p>\n", html(text)),
        Part::List(items) => {
            put!(out, "<ul style=\"{LIST}\">\n");
            for item in items {
                put!(out, "<li>{}</li>\n", html(item));
            }
            out.push_str("</ul>\n");
        }
        Part::Commands(commands) => {
            for (command, what) in commands {
                let (command, what) = (html(command), html(what));
                put!(out, "<p style=\"{PARAGRAPH}\"><code style=\"{COMMAND}\">{command}</code>");
                put!(out, "<br>{what}</p>\n");
            }
        }
        // The address is also there to be read: it shows where the button leads.
        Part::Link { url, what } => {
            let (url, what) = (html(url), html(what));
            put!(
                out,
                "<p style=\"{PARAGRAPH}\"><a style=\"{BUTTON}\" href=\"{url}\">{what}</a><br>"
            );
            put!(out, "<a href=\"{url}\">{url}</a></p>\n");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_html_say_the_same_and_nothing_in_them_acts() {
        let letter = Letter::new("Hello\r\nBcc: eve@evil.example")
            .paragraph("3 records of <script>alert(1)</script> & \"co\"\u{202e}")
            .list(["a_page/1 <b>", "b"])
            .list(Vec::<String>::new())
            .commands(&[("reconcile plan a".into(), "shows it")])
            .link("https://shop.example/jobs/a?x=1&y='2'", "Review it");
        insta::assert_snapshot!(letter.subject(), @r"Hello\r\nBcc: eve@evil.example");
        insta::assert_snapshot!(letter.text());
        insta::assert_snapshot!(letter.html());
    }
}
