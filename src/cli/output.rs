//! Standard output: colour, width, and writing to it.

use std::io::{IsTerminal, Write};

use super::Error;
pub use crate::escape::near;
use crate::plan::render::{Colour, pretty};

/// Colour for people at a terminal who didn't say `NO_COLOR`.
pub fn colour() -> Colour {
    let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    if unwanted || !std::io::stdout().is_terminal() { Colour::Never } else { Colour::Ansi }
}

/// Columns of the terminal; 100 where there is none.
pub fn width() -> usize {
    let columns = std::env::var("COLUMNS").ok().and_then(|text| text.parse().ok());
    columns.unwrap_or_else(|| {
        if std::io::stdout().is_terminal() {
            usize::from(console::Term::stdout().size().1)
        } else {
            100
        }
    })
}

/// Writes text. A reader that went away (`| head`) is no error.
pub fn print(text: &str) -> Result<(), Error> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(Error::failed(format!("can't write to the output: {error}"))),
    }
}

/// Writes one JSON document.
pub fn json(value: &impl serde::Serialize) -> Result<(), Error> {
    print(&pretty(value))
}
