//! A lease as the lock of a file beside a SQLite store: whoever holds it is alive.

use std::fs::{File, TryLockError};
use std::io::{Read, Write};
use std::path::Path;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::{Holder, Holding, Lease, Office, Taken};
use crate::apply::Term;
use crate::effect;
use crate::state::{Error, at};

/// A locked file, which names its holder.
pub struct Lock {
    _file: File,
}

impl Holding for Lock {
    fn is_held(&self) -> bool {
        true
    }

    fn term(&self) -> Option<&Term> {
        None
    }

    fn count_from(&self, _: i64) {}

    fn release(self: Box<Self>) -> BoxFuture<'static, Result<(), Error>> {
        async { Ok(()) }.boxed()
    }
}

pub(super) fn take(store: &Path, office: Office) -> Result<Taken, Error> {
    let path = store.with_extension(format!("{}.lock", office.name()));
    let mut options = File::options();
    effect::file("create").map_err(at(&path))?;
    let file = options.read(true).write(true).create(true).truncate(false).open(&path);
    let mut file = file.map_err(at(&path))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut text = String::new();
            file.read_to_string(&mut text).map_err(at(&path))?;
            // Whoever took it a moment ago may not have written its name yet.
            return Ok(Taken::Theirs(serde_json::from_str(&text).ok()));
        }
        Err(TryLockError::Error(source)) => return Err(at(&path)(source)),
    }
    let name = serde_json::to_string(&Holder::this()).expect("plain words are JSON");
    let cleared = effect::file("write").and_then(|()| file.set_len(0));
    cleared.and_then(|()| file.write_all(name.as_bytes())).map_err(at(&path))?;
    Ok(Taken::Ours(Lease::of(Lock { _file: file })))
}
