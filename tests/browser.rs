//! Pages as people see them, in a real browser; its screenshots are kept in `target/screenshots`.

mod chromium;
mod daemon;
mod disk;
mod keyboard;
mod story;
