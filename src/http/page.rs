//! Pages out of templates, and plain answers.
//!
//! Answers for every value that a page shows going through the one escape of all outputs and through
//! HTML's, in one place: the templates themselves escape nothing.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use minijinja::value::{Serde, Value};
use minijinja::{Environment, escape_formatter};
use serde::Serialize;

use super::access::Person;
use crate::config::http::May;
use crate::escape::{harmless, html};
use crate::plan::render::html::STYLE as STYLE_SHEET;

/// Where the style sheet is.
pub const STYLE: &str = "/style.css";
const TEMPLATES: [(&str, &str); 9] = [
    ("frame.html", include_str!("pages/frame.html")),
    ("jobs.html", include_str!("pages/jobs.html")),
    ("job.html", include_str!("pages/job.html")),
    ("messages.html", include_str!("pages/messages.html")),
    ("message.html", include_str!("pages/message.html")),
    ("letter.html", include_str!("pages/letter.html")),
    ("cancel.html", include_str!("pages/cancel.html")),
    ("scheduled.html", include_str!("pages/scheduled.html")),
    ("sign-in.html", include_str!("pages/sign-in.html")),
];

/// The templates.
pub struct Pages(Environment<'static>);

/// What every page says of whoever looks at it.
#[derive(Serialize)]
struct Reader<'a> {
    name: &'a str,
    may_schedule: bool,
}

/// Who looks, for a page.
pub fn reader(person: &Person) -> Value {
    let Person { name, may } = person;
    Value::from(Serde(Reader { name, may_schedule: *may >= May::Schedule }))
}

impl Pages {
    pub fn new() -> Self {
        let mut pages = Environment::new();
        pages.set_formatter(|out, state, value| match value.as_str() {
            Some(text) if !value.is_safe() => Ok(out.write_str(&html(&harmless(text)))?),
            _ => escape_formatter(out, state, value),
        });
        for (name, text) in TEMPLATES {
            pages.add_template(name, text).expect("the embedded templates are well-formed");
        }
        Self(pages)
    }

    /// A page, of a template that is there.
    pub fn show(&self, status: StatusCode, template: &str, values: Value) -> Response {
        let shown = self.0.get_template(template).and_then(|template| template.render(values));
        match shown {
            Ok(text) => {
                (status, [(header::CONTENT_TYPE, "text/html; charset=utf-8")], text).into_response()
            }
            Err(error) => {
                let words = format!("this page is broken, please report it: {error}");
                plain(StatusCode::INTERNAL_SERVER_ERROR, &words)
            }
        }
    }
}

/// One sentence.
pub fn plain(status: StatusCode, words: &str) -> Response {
    let kind = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];
    (status, kind, format!("{}\n", harmless(words))).into_response()
}

pub async fn style() -> Response {
    let about =
        [(header::CONTENT_TYPE, "text/css; charset=utf-8"), (header::CACHE_CONTROL, "no-cache")];
    (about, STYLE_SHEET).into_response()
}

pub async fn nothing_here() -> Response {
    plain(StatusCode::NOT_FOUND, "there is nothing here")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_page_shows_neither_acts_nor_hides() {
        let mut pages = Pages::new();
        pages.0.add_template("x.html", "<p title=\"{{ a }}\">{{ a }} {{ n }}</p>").unwrap();
        let a = "<script>'\"&\u{202e}\n";
        let shown = pages.0.get_template("x.html").unwrap();
        let shown = shown.render(minijinja::context! { a, n => 1 }).unwrap();
        let safe = "&lt;script&gt;&#39;&quot;&amp;\\u{202e}\\n";
        assert_eq!(shown, format!("<p title=\"{safe}\">{safe} 1</p>"));
    }
}
