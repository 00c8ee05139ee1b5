//! The secret that divides keys into parts, kept from run to run so that runs repeat.
//!
//! It belongs to the user, never to a project: a directory that somebody else supplies must not
//! choose it. It is a line of 32 hexadecimal digits in `$XDG_STATE_HOME/palisade/partition.key`
//! (mode 0600), made by the first run.

use std::path::Path;

use anyhow::{Context as _, Result};
use palisade_events::without_mark;
use palisade_private::PrivateError;
use palisade_state::partition::PartitionKey;

use crate::places::Places;

const FILE: &str = "partition.key";
/// Digits of the key, a byte-order mark, and the end of the line, which may be that of another system.
const MAX_LENGTH: u64 = 37;

/// The key in a file that the operator names, or the user's own.
///
/// # Errors
/// When the file that is named holds no key, and when the user's own is not theirs alone.
pub(crate) fn partition_key(named: Option<&Path>) -> Result<PartitionKey> {
    if let Some(path) = named {
        let bytes = palisade_private::read(path, MAX_LENGTH)?;
        let key = std::str::from_utf8(without_mark(&bytes)).ok();
        let key = key.and_then(palisade_private::from_text);
        return key.map(PartitionKey::new).with_context(|| {
            format!(
                "{} holds no partition key: it must be one line of 32 hexadecimal digits",
                path.display()
            )
        });
    }
    let places = match Places::find() {
        Ok(places) => places,
        Err(error) => return fresh_for_this_run(&error.to_string()),
    };
    let kept = palisade_private::make_dir(places.state())
        .and_then(|state| palisade_private::secret(&state, FILE));
    match kept {
        Ok(key) => Ok(PartitionKey::new(key)),
        // As on a disk that is only read.
        Err(error @ PrivateError::Io { .. }) => fresh_for_this_run(&error.to_string()),
        Err(error) => Err(error).with_context(|| {
            format!(
                "use the partition key {}",
                places.state().join(FILE).display()
            )
        }),
    }
}

fn fresh_for_this_run(why: &str) -> Result<PartitionKey> {
    crate::output::warn(&format!(
        "no partition key is kept, {why}: this run has one of its own, so where state tables are \
         full another run may find something else; name a file with --partition-key"
    ));
    let mut key = [0; 16];
    getrandom::fill(&mut key).map_err(|error| anyhow::anyhow!("no random numbers: {error}"))?;
    Ok(PartitionKey::new(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_named_holds_a_key_or_is_refused() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("key");
        for (text, good) in [
            ("000102030405060708090a0b0c0d0e0f\n", true),
            ("000102030405060708090A0B0C0D0E0F", true),
            ("000102030405060708090a0b0c0d0e0", false),
            ("+00102030405060708090a0b0c0d0e0f", false),
            ("000102030405060708090a0b0c0d0e0f\n\n", false),
            ("", false),
        ] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(partition_key(Some(&path)).is_ok(), good, "{text:?}");
        }
        assert!(partition_key(Some(temp.path())).is_err());
    }
}
