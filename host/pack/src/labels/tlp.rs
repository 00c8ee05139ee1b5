//! The colours of the Traffic Light Protocol, and how others write them.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::letters::normal;
use crate::invisible::{is_invisible, is_override};

/// Traffic Light Protocol 2.0 (FIRST), from the most open to the most secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", try_from = "String")]
pub enum Tlp {
    /// TLP:CLEAR; WHITE in version 1.
    Clear,
    /// TLP:GREEN.
    Green,
    /// TLP:AMBER.
    Amber,
    /// TLP:AMBER+STRICT.
    AmberStrict,
    /// TLP:RED.
    Red,
}

/// A text that names no colour.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("is no colour of TLP; write clear, green, amber, amber-strict or red")]
pub struct TlpError;

impl TryFrom<String> for Tlp {
    type Error = TlpError;

    fn try_from(name: String) -> Result<Self, TlpError> {
        Self::from_name(&name).ok_or(TlpError)
    }
}

/// Marking definitions of STIX 2.0 and 2.1 for TLP 1 and of STIX 2.1 for TLP 2; CACAO has the
/// latter under names of its own.
const DEFINITIONS: [(&str, Tlp); 9] = [
    ("613f2e26-407d-48c7-9eca-b8e91df99dc9", Tlp::Clear),
    ("34098fce-860f-48ae-8e50-ebd3cc5e41da", Tlp::Green),
    ("f88d31f6-486f-44da-b317-01333bde0b82", Tlp::Amber),
    ("5e57c739-391a-4eb3-b6be-7d15ca92d5ed", Tlp::Red),
    ("94868c89-83c2-464b-929b-a1a8aa3c8487", Tlp::Clear),
    ("bab4a63c-aed9-4cf5-a766-dfca5abac2bb", Tlp::Green),
    ("55d920b0-5e8b-4f79-9ee9-91f868d9b421", Tlp::Amber),
    ("939a9414-2ddd-4d32-a0cd-375ea402b003", Tlp::AmberStrict),
    ("e828b379-4e03-4974-9ac4-e53a884c97c1", Tlp::Red),
];

/// The longest text that is looked at as a colour alone, in bytes.
const LONGEST: usize = 1024;
/// Signs within and around a colour.
const SIGNS: &str = ":=-_+./()[]{}'\"*#";

impl Tlp {
    /// From its name in any of the usual spellings: `amber-strict`, `TLP:AMBER+STRICT`,
    /// `tlp_red`, `Traffic Light Protocol: Red`, `TLPv2:GREEN`, `WHITE` of version 1. Case,
    /// spaces and signs do not count; letters of other alphabets do.
    pub fn from_name(name: &str) -> Option<Self> {
        if name.len() > LONGEST {
            return None;
        }
        // `AMBER?` and `GREEN|RED` say something else.
        let unseen = |c: char| is_invisible(c) && !is_override(c);
        let sign = |c: char| c.is_whitespace() || unseen(c) || SIGNS.contains(c);
        if !normal(name).all(|c| c.is_alphanumeric() || sign(c)) {
            return None;
        }
        let name = compact(name);
        Self::from_compact(strip_protocol(&name).unwrap_or(&name))
    }

    /// From the id of a marking definition: `marking-definition--` and a UUID.
    pub(super) fn from_definition(id: &str) -> Option<Self> {
        let id = id.trim().to_ascii_lowercase();
        let (_, uuid) = id.split_once("--")?;
        let found = DEFINITIONS.iter().find(|(known, _)| *known == uuid);
        found.map(|(_, tlp)| *tlp)
    }

    /// The colours whose marking definitions a text names, each with its UUID and where that
    /// begins first.
    pub(super) fn defined_in(text: &str) -> impl Iterator<Item = (Self, &'static str, usize)> {
        let long = text.len() >= 36 && text.contains('-');
        let text = if long {
            text.to_ascii_lowercase()
        } else {
            String::new()
        };
        let named = DEFINITIONS.iter();
        named.filter_map(move |(uuid, tlp)| Some((*tlp, *uuid, text.find(uuid)?)))
    }

    pub(super) fn from_compact(name: &str) -> Option<Self> {
        Some(match name {
            "clear" | "white" => Self::Clear,
            "green" => Self::Green,
            "amber" => Self::Amber,
            "amberstrict" => Self::AmberStrict,
            "red" => Self::Red,
            _ => return None,
        })
    }
}

impl fmt::Display for Tlp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Clear => "TLP:CLEAR",
            Self::Green => "TLP:GREEN",
            Self::Amber => "TLP:AMBER",
            Self::AmberStrict => "TLP:AMBER+STRICT",
            Self::Red => "TLP:RED",
        })
    }
}

/// Letters and digits alone, in lower case and in the form that is compatible (NFKC): what is
/// left when nobody agrees on signs, case and width.
pub(super) fn compact(text: &str) -> String {
    let letters = normal(text).filter(|c| c.is_alphanumeric() && !is_invisible(*c));
    letters.flat_map(char::to_lowercase).collect()
}

/// What follows the name of the protocol and its version.
pub(super) fn strip_protocol(compact: &str) -> Option<&str> {
    let rest = compact
        .strip_prefix("tlp")
        .or_else(|| compact.strip_prefix("trafficlightprotocol"))?;
    let rest = rest.strip_prefix("version").unwrap_or(rest);
    let rest = rest.strip_prefix('v').unwrap_or(rest);
    Some(rest.trim_start_matches(|c: char| c.is_ascii_digit()))
}

/// A part of a text that may be hostile, for a message.
pub(super) fn shown(text: &str) -> String {
    text.chars().take(64).flat_map(char::escape_debug).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_usual_spelling_of_a_colour_is_read() {
        for (colour, spellings) in [
            (
                Tlp::Clear,
                [
                    "clear",
                    "TLP:WHITE",
                    "tlp_clear",
                    "Traffic Light Protocol: Clear",
                ],
            ),
            (
                Tlp::Green,
                ["Green", "TLP-GREEN", "TLPv2:GREEN", "ＴＬＰ：ＧＲＥＥＮ"],
            ),
            (
                Tlp::Amber,
                ["amber", " TLP: AMBER ", "tlp.amber", "TLP 1.0 Amber"],
            ),
            (
                Tlp::AmberStrict,
                [
                    "TLP:AMBER+STRICT",
                    "TLP-AMBER-STRICT",
                    "amber strict",
                    "tlp:amber_strict",
                ],
            ),
            (
                Tlp::Red,
                ["RED", "tlp:red", "TLP=RED", "T\u{200b}LP:R\u{3164}ED"],
            ),
        ] {
            for spelling in spellings {
                assert_eq!(Tlp::from_name(spelling), Some(colour), "{spelling}");
            }
        }
        for other in [
            "",
            "amber?",
            "green|red",
            "purple",
            "tlp",
            "3",
            "tlp:ex:chr",
            "tlp:unclear",
            "rеd",
            "ＴＬР:RED",
            "clear\u{336}",
            "\u{202e}der",
            "\u{202d}red",
        ] {
            assert_eq!(Tlp::from_name(other), None, "{other}");
        }
    }
}
