//! Secrets of this installation, made once.

use std::io::{self, Read as _, Write as _};
use std::sync::atomic::{AtomicU64, Ordering};

use cap_std::fs::Dir;

use crate::PrivateError;
use crate::file::remove_leftovers;
use crate::file::{create_new, open};

/// Tells the temporary files of this process apart.
static NEXT: AtomicU64 = AtomicU64::new(0);

/// The secret in a file of a checked directory; it is made from random bytes (0600) when there
/// is none. Of processes that make it at once one wins, and all return that one.
///
/// The file is what [`from_text`] takes.
///
/// # Errors
/// When the file cannot be read or made, is a link, may be changed by others, or holds anything
/// else.
pub fn secret<const N: usize>(dir: &Dir, name: &str) -> Result<[u8; N], PrivateError> {
    if let Some(secret) = read(dir, name)? {
        return Ok(secret);
    }
    make::<N>(dir, name).map_err(PrivateError::io("make", name))?;
    read(dir, name)?.ok_or_else(|| PrivateError::io("keep", name)(io::ErrorKind::NotFound))
}

/// Reads a secret of `N` bytes from text: `2 * N` hexadecimal digits, and the end of the line, which
/// may be that of Windows.
pub fn from_text<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.strip_suffix('\n').unwrap_or(text);
    let digits = digits.strip_suffix('\r').unwrap_or(digits);
    let mut secret = [0; N];
    hex::decode_to_slice(digits, &mut secret).ok()?;
    Some(secret)
}

fn read<const N: usize>(dir: &Dir, name: &str) -> Result<Option<[u8; N]>, PrivateError> {
    let Some(file) = open(dir, name)? else {
        return Ok(None);
    };
    let mut text = String::new();
    file.take(2 * N as u64 + 2)
        .read_to_string(&mut text)
        .map_err(PrivateError::io("read", name))?;
    let secret = from_text(&text).ok_or_else(|| PrivateError::Secret {
        path: name.into(),
        digits: 2 * N,
    })?;
    Ok(Some(secret))
}

/// Writes it under a name of its own and links it into place.
fn make<const N: usize>(dir: &Dir, name: &str) -> io::Result<()> {
    let mut secret = [0; N];
    getrandom::fill(&mut secret).map_err(|error| io::Error::other(error.to_string()))?;
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let temporary = format!(".{name}.{}.{number}", std::process::id());
    remove_leftovers(dir, name);
    // A crash may have left one of this name.
    let _ = dir.remove_file(&temporary);
    let mut file = create_new(dir, &temporary)?;
    let written = writeln!(file, "{}", hex::encode(secret))
        .and_then(|()| file.sync_all())
        .and_then(|()| dir.hard_link(&temporary, dir, name));
    dir.remove_file(&temporary)?;
    match written {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other,
    }
}
