//! The files of a change, in words.
//!
//! Answers for what differs standing before what is only named, and for both being short.

use super::outline::Sign;
use super::words::size;
use crate::escape::{visible, visible_name};
use crate::plan::file::{FileState, NamedFile, ShownContent};

/// As many files of a change are named, of those that differ and of the others.
const MOST: usize = 5;

/// `with the file spring/hero.png: new, 34 kB, 1200 x 600`
pub fn named_files(files: &[NamedFile]) -> Vec<(Sign, String)> {
    let of = |state: FileState| files.iter().filter(move |file| file.state == state);
    let telling = [FileState::Missing, FileState::Refused, FileState::Replaced, FileState::New];
    let telling: Vec<&NamedFile> = telling.into_iter().flat_map(of).collect();
    let mut said: Vec<(Sign, String)> = telling.iter().take(MOST).map(|file| one(file)).collect();
    let more = telling.len().saturating_sub(MOST);
    said.extend((more > 0).then(|| (Sign::Quiet, format!("and {more} more files that differ"))));
    let quiet = [(FileState::Unchanged, " unchanged"), (FileState::Unknown, "")];
    let quiet = quiet.into_iter().filter_map(|(state, word)| several(of(state), word));
    said.extend(quiet.map(|said| (Sign::Quiet, said)));
    said
}

fn one(file: &NamedFile) -> (Sign, String) {
    let path = visible_name(file.path.as_str());
    let [from, to] = [&file.from, &file.to].map(|it| it.as_ref().map(content).unwrap_or_default());
    let (sign, rest) = match file.state {
        FileState::New => (Sign::Quiet, format!("new, {to}")),
        FileState::Replaced => (Sign::Quiet, format!("replaced, {from} -> {to}")),
        FileState::Missing => (Sign::Warning, "on neither side".into()),
        FileState::Refused => (Sign::Warning, "it can't be copied".into()),
        FileState::Unchanged | FileState::Unknown => (Sign::Quiet, "unchanged".into()),
    };
    (sign, format!("with the file {path}: {rest}"))
}

/// `34 kB, 1200 x 600`
pub(super) fn content(content: &ShownContent) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::file::{FilePath, Hash};

    fn file(path: &str, state: FileState, contents: [Option<(u64, &str)>; 2]) -> NamedFile {
        let [from, to] = contents.map(|content| {
            content.map(|(size, dimensions)| ShownContent {
                size,
                blake3: Hash([7; 32]),
                dimensions: (!dimensions.is_empty()).then(|| dimensions.to_owned()),
            })
        });
        NamedFile { path: FilePath::try_from(path.to_owned()).unwrap(), state, from, to }
    }

    fn said(files: &[NamedFile]) -> String {
        let lines = named_files(files);
        let lines: Vec<_> =
            lines.iter().map(|(sign, said)| format!("{} {said}", sign.mark())).collect();
        lines.join("\n")
    }

    #[test]
    fn what_differs_is_told_first_each_by_itself() {
        let small = Some((999, ""));
        let image = Some((33_500, "1200 x 600"));
        let files = [
            file("a.png", FileState::Unchanged, [None, None]),
            file("b.png", FileState::New, [None, image]),
            file("c <b>.png", FileState::Replaced, [image, small]),
            file("d.png", FileState::Missing, [None, None]),
            file("e.png", FileState::Refused, [None, None]),
            file("f.png", FileState::Unchanged, [None, None]),
        ];
        insta::assert_snapshot!(said(&files), @r"
        ! with the file d.png: on neither side
        ! with the file e.png: it can't be copied
          with the file c <b>.png: replaced, 34 kB, 1200 x 600 -> 999 bytes
          with the file b.png: new, 34 kB, 1200 x 600
          with the unchanged files a.png, f.png
        ");
    }

    #[test]
    fn many_files_are_counted() {
        let all = |state| -> Vec<NamedFile> {
            (0..8).map(|at| file(&format!("{at}.png"), state, [None, Some((1, ""))])).collect()
        };
        insta::assert_snapshot!(said(&all(FileState::New)), @r"
        with the file 0.png: new, 1 byte
        with the file 1.png: new, 1 byte
        with the file 2.png: new, 1 byte
        with the file 3.png: new, 1 byte
        with the file 4.png: new, 1 byte
        and 3 more files that differ
        ");
        insta::assert_snapshot!(said(&all(FileState::Unknown)), @"  with the files 0.png, 1.png, 2.png, 3.png, 4.png and 3 more");
    }

    #[test]
    fn sizes_are_short() {
        let said = [0, 1, 999, 1_000, 33_400, 1_000_001, 5_000_000_000].map(size);
        assert_eq!(said, ["0 bytes", "1 byte", "999 bytes", "1 kB", "34 kB", "2 MB", "5 GB"]);
    }
}
