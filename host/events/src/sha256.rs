//! Fields that are SHA-256 digests: one form for one digest, so that rules can compare them.

use crate::json::Mode;

/// Hexadecimal digits of a SHA-256 digest.
const DIGITS: usize = 64;

/// Whether the field of this name is a SHA-256 digest, as `sha256` and `resp-sha256` are; by its
/// name in the WIT or in JSON.
pub(crate) fn is_digest(field: &str) -> bool {
    field.ends_with("sha256")
}

/// A text is no SHA-256 digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is no SHA-256 digest: write {DIGITS} hexadecimal digits, without spaces or a prefix")]
pub struct NoDigest;

/// Brings a SHA-256 digest into the form in which events have it, 64 hexadecimal digits in small
/// letters. Empty stays empty: the digest is not known. In [`Mode::Vector`] a digest may be
/// shorter, since people write them.
///
/// # Errors
/// When it is anything else: what is compared with it would never be the same.
pub fn normalise_sha256(text: &mut str, mode: Mode) -> Result<(), NoDigest> {
    let is_long_enough = text.is_empty() || text.len() == DIGITS;
    let is_enough = is_long_enough || (mode == Mode::Vector && text.len() < DIGITS);
    if !is_enough || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(NoDigest);
    }
    text.make_ascii_lowercase();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_has_one_form_or_is_none() {
        let digest = "0123456789abcdef".repeat(4);
        for (written, mode, becomes) in [
            (digest.clone(), Mode::Strict, Some(&*digest)),
            (digest.to_uppercase(), Mode::Strict, Some(&*digest)),
            (String::new(), Mode::Strict, Some("")),
            ("EE02".to_owned(), Mode::Vector, Some("ee02")),
            ("ee02".to_owned(), Mode::Strict, None),
            (format!("{digest}0"), Mode::Vector, None),
            (format!(" {digest}"), Mode::Strict, None),
            (format!("sha256:{digest}"), Mode::Strict, None),
            (" ee02".to_owned(), Mode::Vector, None),
            ("ee02 ".to_owned(), Mode::Vector, None),
            ("0xee02".to_owned(), Mode::Vector, None),
            ("ee02\u{200b}".to_owned(), Mode::Vector, None),
            ("ee02\0".to_owned(), Mode::Vector, None),
            ("ｅｅ02".to_owned(), Mode::Vector, None),
        ] {
            let mut text = written.clone();
            let read = normalise_sha256(&mut text, mode).ok().map(|()| &*text);
            assert_eq!(read, becomes, "{written:?} in {mode:?}");
        }
    }

    #[test]
    fn all_fields_that_are_digests_by_their_name_are_texts() {
        use crate::{FieldType, Kind};
        let fields = Kind::ALL.iter().flat_map(|kind| kind.fields());
        let digests: Vec<_> = fields.filter(|field| is_digest(field.name)).collect();
        assert!(digests.len() >= 8, "{digests:?}");
        for field in digests {
            assert_eq!(field.ty, FieldType::Text, "{}", field.name);
        }
    }
}
