//! Mail into a folder: one `.eml` file for each message, as any mail program opens it.

use std::io::Write as _;
use std::path::Path;

use super::fate::Attempt;
use crate::effect;
use crate::state::Message;
use crate::whole::{make_folder, write_whole};

/// Writes a message for all its open recipients. Written again it takes the same file's place.
pub fn put(folder: &Path, message: &Message, bytes: &[u8], to: &[String]) -> Attempt {
    let path = folder.join(name(message));
    let written = effect::before(effect::Kind::Mail, "folder")
        .and_then(|()| make_folder(folder))
        .and_then(|()| write_whole(&path, |out| out.write_all(bytes)));
    match written {
        Ok(()) => Attempt { taken: to.to_vec(), ..Attempt::default() },
        Err(error) => Attempt {
            unreachable: Some(format!("{}: {error}", path.display())),
            ..Attempt::default()
        },
    }
}

/// By time, then job, so that a listing tells the story.
fn name(message: &Message) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    let job: String =
        message.job.chars().map(|c| if is_plain(c) { c } else { '_' }).take(80).collect();
    format!("{}-{job}-{}.eml", message.at.strftime("%Y%m%dT%H%M%SZ"), message.id)
}
