//! What nobody can guess: keys, sessions, tokens of one start.
//!
//! Answers for it coming from the operating system. What only has to be told apart from others needs
//! less, see `state::random_word`.

use std::fs::File;
use std::io::{Error, Read};

use crate::put::put;

/// 256 bits as 64 lower-case hex digits.
pub fn drawn() -> Result<String, Error> {
    let mut bytes = [0_u8; 32];
    // Of all the systems this program runs on; `getrandom` itself differs among them.
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    let mut word = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        put!(word, "{byte:02x}");
    }
    Ok(word)
}

#[cfg(test)]
mod tests {
    #[test]
    fn no_word_is_drawn_twice() {
        let (one, other) = (super::drawn().unwrap(), super::drawn().unwrap());
        assert_ne!(one, other);
        assert!(one.len() == 64 && one.chars().all(|c| c.is_ascii_hexdigit()), "{one}");
    }
}
