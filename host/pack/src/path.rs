//! Paths in a pack.

use std::borrow::Borrow;
use std::fmt;

use unicode_normalization::UnicodeNormalization as _;

use crate::Refusal;
use crate::invisible::is_invisible;

/// The longest path, in bytes.
pub const MAX_PATH: usize = 240;
/// The deepest path, in folders.
const MAX_DEPTH: usize = 12;
/// Characters that some file system or terminal reads as something else.
const FORBIDDEN: [char; 9] = ['\\', ':', '*', '?', '"', '<', '>', '|', '\u{feff}'];

/// A relative path of a file in a pack: UTF-8 in NFC, parts separated by `/`.
///
/// The order is that of the bytes, which is the order of the canonical listing. No part is
/// empty, `.` or `..`, ends in a dot or a space, or has control, bidirectional or invisible
/// characters, so that every file system and every reader sees the same path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PackPath(String);

impl PackPath {
    /// Checks a path.
    ///
    /// # Errors
    /// [`Refusal::Path`], saying what is wrong.
    pub fn new(path: &str) -> Result<Self, Refusal> {
        match problem(path) {
            None => Ok(Self(path.to_owned())),
            Some(problem) => Err(Refusal::Path {
                path: path
                    .chars()
                    .take(MAX_PATH)
                    .flat_map(char::escape_default)
                    .collect(),
                problem: problem.to_owned(),
            }),
        }
    }

    /// The path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The path as a file system without case or normal forms would see it.
    pub(crate) fn folded(&self) -> String {
        self.0.nfkc().flat_map(char::to_lowercase).nfkc().collect()
    }
}

impl fmt::Display for PackPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl Borrow<str> for PackPath {
    fn borrow(&self) -> &str {
        &self.0
    }
}

fn problem(path: &str) -> Option<&'static str> {
    if path.is_empty() {
        return Some("is empty");
    }
    if path.len() > MAX_PATH {
        return Some("is longer than 240 bytes");
    }
    if path.starts_with('/') {
        return Some("is absolute");
    }
    if !unicode_normalization::is_nfc(path) {
        return Some("is not in Unicode normal form C");
    }
    if path.split('/').count() > MAX_DEPTH {
        return Some("is deeper than 12 folders");
    }
    for part in path.split('/') {
        match part {
            "" => return Some("has an empty part"),
            "." | ".." => return Some("leaves its folder"),
            _ => {}
        }
        if part.ends_with(['.', ' ']) || part.starts_with(' ') {
            return Some("has a part with a space around it or a dot behind it");
        }
        let stem = part
            .split('.')
            .next()
            .unwrap_or_default()
            .to_ascii_lowercase();
        let device = matches!(stem.as_str(), "con" | "prn" | "aux" | "nul")
            || (stem.len() == 4
                && (stem.starts_with("com") || stem.starts_with("lpt"))
                && stem.ends_with(|c: char| c.is_ascii_digit()));
        if device {
            return Some("has the name of a device");
        }
    }
    path.chars().find_map(|c| {
        // Separators of lines and paragraphs are seen, as a new line.
        let parts = matches!(c, '\u{2028}' | '\u{2029}');
        if c.is_control() || parts || is_invisible(c) {
            Some("has a control or invisible character")
        } else if FORBIDDEN.contains(&c) {
            Some("has a character that not every file system takes")
        } else {
            None
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_paths_pass_and_tricks_do_not() {
        for good in [
            "pack.toml",
            "plugins/a-b.wasm",
            "docs/说明.md",
            "docs/é.md",
            "vectors/a/b/c",
        ] {
            assert!(PackPath::new(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "/etc/passwd",
            "../x",
            "a/../b",
            "a//b",
            "a/",
            "./a",
            "a\\b",
            "c:x",
            "a\0b",
            "a\u{202e}b",
            "a\u{2028}b",
            "a\u{3164}b",
            "a\u{fe0f}b",
            "e\u{301}",
            "nul",
            "a/COM1.txt",
            "x.",
            "x ",
            "a\u{200b}",
            "a\nb",
        ] {
            assert_eq!(PackPath::new(bad).unwrap_err().code(), "path", "{bad:?}");
        }
        assert!(PackPath::new(&"a".repeat(241)).is_err());
        assert!(PackPath::new(&vec!["a"; 13].join("/")).is_err());
    }

    #[test]
    fn paths_that_fold_alike_are_found() {
        let fold = |p: &str| PackPath::new(p).unwrap().folded();
        assert_eq!(fold("docs/README"), fold("docs/readme"));
        assert_eq!(fold("ﬁle"), fold("FILE"));
        assert_ne!(fold("a"), fold("b"));
    }
}
