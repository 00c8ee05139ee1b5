//! Names, the roots from which blobs are reachable.

use std::fmt;
use std::str::FromStr;

/// A name that can point to a blob, for example `pack.iot-protocols@0.1.0`.
///
/// 1 to 128 characters of `a`–`z`, `0`–`9`, `.`, `_`, `-`, `@` and `+`, beginning with a
/// letter or digit. There are no separators, so a name never leaves its directory, and no
/// upper-case letters, so two names never differ by case alone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(String);

impl Name {
    /// The longest name, in characters.
    pub const MAX_LEN: usize = 128;

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// A text that is not a [`Name`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameParseError {
    /// Nothing, or more than [`Name::MAX_LEN`] characters.
    #[error("a name has 1 to {max} characters, not {len}; choose another", max = Name::MAX_LEN)]
    Length {
        /// Length of the text in bytes.
        len: usize,
    },
    /// A name must begin with a letter or digit.
    #[error(
        "a name begins with one of a-z and 0-9, not with {found:?}; put such a character before it"
    )]
    First {
        /// The character found.
        found: char,
    },
    /// A character that names do not have.
    #[error(
        "a name has only the characters a-z, 0-9 and . _ - @ +, not {found:?} (character {position}); replace it"
    )]
    Character {
        /// The character found.
        found: char,
        /// Its position, from 1.
        position: usize,
    },
}

impl FromStr for Name {
    type Err = NameParseError;

    /// # Errors
    /// When the text has the wrong length or other characters than a name may have.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.is_empty() || text.len() > Self::MAX_LEN {
            return Err(NameParseError::Length { len: text.len() });
        }
        for (index, found) in text.chars().enumerate() {
            match found {
                'a'..='z' | '0'..='9' => {}
                '.' | '_' | '-' | '@' | '+' if index > 0 => {}
                '.' | '_' | '-' | '@' | '+' => return Err(NameParseError::First { found }),
                _ => {
                    return Err(NameParseError::Character {
                        found,
                        position: index + 1,
                    });
                }
            }
        }
        Ok(Self(text.to_owned()))
    }
}
