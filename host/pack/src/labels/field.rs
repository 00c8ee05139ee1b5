//! Which fields of data are about passing it on, by their names.

use super::colours::is_look_alike;
use super::tlp::compact;

/// What a field is about. Case, signs and spaces of its name do not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum About {
    /// A colour: `tlp`, `TLP`, `tlp_label`, `tlp_2_0`, `traffic-light-protocol`.
    Colour,
    /// A colour that may be one of TLP: `colour`, `color`.
    Hue,
    /// Free labels: `labels`, `tags`, MISP's `Tag`.
    Marks,
    /// Until when it is held back: `embargo`.
    Embargo,
    /// The notice or agreement that it came with.
    Received,
    /// Something else that it was derived from.
    Derived,
    /// MISP's number, or CSAF's object.
    Distribution,
    /// A group that it is for, in MISP and CSAF 2.1.
    SharingGroup,
    /// Another word about who may have it: a classification, recipients.
    Circle,
    /// A name that looks like one of these and is not.
    LookAlike,
    /// Something else.
    Other,
}

/// Fields that name who may have something in the words of whoever wrote it.
const CIRCLE: [&str; 22] = [
    "audience",
    "caveat",
    "caveats",
    "classification",
    "classificationlevel",
    "confidentiality",
    "dissemination",
    "handling",
    "handlingcaveats",
    "handlinginstructions",
    "nda",
    "protectivemarking",
    "recipient",
    "recipients",
    "releasability",
    "restriction",
    "restrictions",
    "securityclassification",
    "sensitivity",
    "shareable",
    "sharing",
    "sharingrestrictions",
];

impl About {
    pub(super) fn of(written: &str) -> About {
        let name = compact(written);
        if let Some(about) = About::of_compact(&name) {
            return about;
        }
        // A path stands for fields in fields, of which the last decides: `indicator.marking.tlp`.
        let sign = |c: char| !c.is_alphanumeric() && !"-_ ".contains(c);
        if let Some(at) = written.rfind(sign)
            && let Some(about) = About::of_compact(&compact(&written[at..]))
        {
            // Names of vocabularies, such as `rdfs:label`, are none.
            let alone = [About::Colour, About::Hue, About::Embargo, About::Circle];
            if written[at..].starts_with('.') || alone.contains(&about) {
                return about;
            }
        }
        // The protocol's name is about its colour wherever it is a word of its own: `event_tlp`.
        let mut words = written.split(|c: char| !c.is_alphanumeric());
        if name.contains("tlp") && words.any(|word| compact(word) == "tlp") {
            return About::Colour;
        }
        // Only the names that alone decide; others are told by what they hold.
        let known = ["tlp", "notice", "derivedfrom", "embargo", "labels", "tags"];
        match known.iter().any(|known| is_look_alike(&name, known)) {
            true => About::LookAlike,
            false => About::Other,
        }
    }

    fn of_compact(name: &str) -> Option<About> {
        Some(match name {
            _ if name.starts_with("tlp") || name.contains("trafficlight") => About::Colour,
            "color" | "colour" | "colorcode" | "colourcode" => About::Hue,
            _ if name.starts_with("embargo") => About::Embargo,
            "label" | "labels" | "tag" | "tags" | "mark" | "marks" | "marking" | "markings" => {
                About::Marks
            }
            "notice" | "notices" | "noticeid" | "noticeids" | "noticeref" | "noticerefs"
            | "agreement" | "agreements" | "agreementid" => About::Received,
            "derivedfrom" | "derivedfromref" | "derivedfromrefs" | "origin" | "origins"
            | "provenance" => About::Derived,
            "distribution" => About::Distribution,
            "sharinggroup" | "sharinggroupid" | "sharinggroups" => About::SharingGroup,
            _ if CIRCLE.contains(&name) => About::Circle,
            _ => return None,
        })
    }
}

/// Namespaces of tags that say who may have something, and that are not taken apart here:
/// taxonomies of MISP, and handling marks of events.
const NAMESPACES: [&str; 14] = [
    "class",
    "classification",
    "cssa",
    "devs",
    "dniism",
    "eumarketopandpublicadmin",
    "frclassif",
    "iep",
    "iep2",
    "iep2policy",
    "nato",
    "sharing",
    "sharinggroup",
    "usclassification",
];

/// Words that restrict by themselves.
const WORDS: [&str; 20] = [
    "classified",
    "confidential",
    "donotdistribute",
    "donotredistribute",
    "donotshare",
    "fouo",
    "internal",
    "internalonly",
    "internaluseonly",
    "noforn",
    "nda",
    "noshare",
    "notforpublication",
    "private",
    "proprietary",
    "restricted",
    "secret",
    "strictlyconfidential",
    "topsecret",
    "underembargo",
];

/// Words that say that nothing restricts.
const OPEN: [&str; 13] = [
    "",
    "all",
    "any",
    "anybody",
    "everybody",
    "everyone",
    "none",
    "open",
    "public",
    "true",
    "unclassified",
    "unlimited",
    "unrestricted",
];

/// Whether the namespace of a tag is one of those that restrict.
pub(super) fn restricts(namespace: &str) -> bool {
    NAMESPACES.contains(&compact(namespace).as_str())
}

/// Whether a word restricts by itself.
pub(super) fn is_restricting(word: &str) -> bool {
    WORDS.contains(&compact(word).as_str())
}

/// Whether a text says that nothing restricts.
pub(super) fn is_open(text: &str) -> bool {
    OPEN.contains(&compact(text).as_str())
}
