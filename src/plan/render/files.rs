//! The files of a change, in words.
//!
//! Answers for what differs standing before what is only named, and for both being short.

use super::words::size;
use crate::escape::{visible, visible_name};
use crate::plan::file::{FileState, NamedFile, ShownContent};

/// As many files of a change are named, of those that differ and of the others.
const MOST: usize = 5;

/// `with the file spring/hero.png: new, 34 kB, 1200 x 600`
pub fn named_files(files: &[NamedFile]) -> Vec<String> {
    let of = |state: FileState| files.iter().filter(move |file| file.state == state);
    let telling = [FileState::Replaced, FileState::New, FileState::Missing, FileState::Refused];
    let telling: Vec<&NamedFile> = telling.into_iter().flat_map(of).collect();
    let mut said: Vec<String> = telling.iter().take(MOST).map(|file| one(file)).collect();
    let more = telling.len().saturating_sub(MOST);
    said.extend((more > 0).then(|| format!("with {more} more files that differ")));
    let quiet = [(FileState::Unchanged, " unchanged"), (FileState::Unknown, "")];
    said.extend(quiet.into_iter().filter_map(|(state, word)| several(of(state), word)));
    said
}

fn one(file: &NamedFile) -> String {
    let path = visible_name(file.path.as_str());
    let [from, to] = [&file.from, &file.to].map(|it| it.as_ref().map(content).unwrap_or_default());
    match file.state {
        FileState::New => format!("with the file {path}: new, {to}"),
        FileState::Replaced => format!("with the file {path}: replaced, {from} -> {to}"),
        FileState::Missing => format!("without the file {path}: it is on neither side"),
        FileState::Refused => format!("without the file {path}: it can't be copied"),
        FileState::Unchanged | FileState::Unknown => format!("with the file {path}"),
    }
}

/// `34 kB, 1200 x 600`
fn content(content: &ShownContent) -> String {
    let dimensions = content.dimensions.iter().map(|it| format!(", {}", visible(it)));
    format!("{}{}", size(content.size), dimensions.collect::<String>())
}

fn several<'f>(files: impl Iterator<Item = &'f NamedFile>, word: &str) -> Option<String> {
    let named: Vec<_> = files.map(|file| visible_name(file.path.as_str())).collect();
    let more = named.len().saturating_sub(MOST);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let files = if named.len() == 1 { "file" } else { "files" };
    let shown = named[..named.len().min(MOST)].join(", ");
    (!named.is_empty()).then(|| format!("with the{word} {files} {shown}{more}"))
}
