//! Field ids, computed when the plugin is compiled.

/// A field of an event: the FNV-1a 32-bit hash of its dotted name. Made by [`field!`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Field(pub u32);

impl Field {
    /// The id of a dotted kebab name, such as `src.ip`, `app-proto`, `answers.rdata` or
    /// `attributes.modbus.function`. Whether a kind has such a field, the host says.
    pub const fn of(name: &str) -> Self {
        let bytes = name.as_bytes();
        let mut hash = 0x811c_9dc5_u32;
        let mut at = 0;
        while at < bytes.len() {
            hash = (hash ^ bytes[at] as u32).wrapping_mul(0x0100_0193);
            at += 1;
        }
        Field(hash)
    }
}

include!(concat!(env!("OUT_DIR"), "/fields.rs"));

/// What all attributes of a kind begin with.
const ATTRIBUTES: &str = "attributes.";
/// The most bytes of what is said of a name that no field has.
const SAID: usize = 160;

impl Field {
    /// As [`Field::of`], of a field that some kind has, or of an attribute. For [`field!`], which
    /// computes it when the plugin is compiled.
    ///
    /// # Panics
    /// When no kind has such a field, with the name that is nearest.
    #[doc(hidden)]
    pub const fn named(name: &str) -> Self {
        if !is_known(name) {
            let said = Said::of(name);
            match core::str::from_utf8(said.bytes.split_at(said.len).0) {
                Ok(text) => panic!("{}", text),
                Err(_) => panic!("no kind of event has a field of this name"),
            }
        }
        Field::of(name)
    }
}

const fn is_known(name: &str) -> bool {
    let name = name.as_bytes();
    if name.len() > ATTRIBUTES.len()
        && common(name, ATTRIBUTES.as_bytes(), false) == ATTRIBUTES.len()
    {
        return true;
    }
    let mut at = 0;
    while at < NAMES.len() {
        let known = NAMES[at].as_bytes();
        if known.len() == name.len() && common(known, name, false) == name.len() {
            return true;
        }
        at += 1;
    }
    false
}

/// How many bytes two names have in common at their beginning, or at their end.
const fn common(a: &[u8], b: &[u8], end: bool) -> usize {
    let mut count = 0;
    while count < a.len() && count < b.len() {
        let (x, y) = if end {
            (a[a.len() - 1 - count], b[b.len() - 1 - count])
        } else {
            (a[count], b[count])
        };
        if x != y {
            break;
        }
        count += 1;
    }
    count
}

/// The name of a field that differs least, if it does so in a few letters at one place.
const fn nearest(name: &str) -> Option<&'static str> {
    let name = name.as_bytes();
    let (mut best, mut found) = (4, None);
    let mut at = 0;
    while at < NAMES.len() {
        let known = NAMES[at].as_bytes();
        let shorter = if known.len() < name.len() {
            known.len()
        } else {
            name.len()
        };
        let longer = known.len() + name.len() - shorter;
        let begin = common(known, name, false);
        let end = common(known, name, true);
        let same = if begin + end < shorter {
            begin + end
        } else {
            shorter
        };
        if longer - same < best {
            best = longer - same;
            found = Some(NAMES[at]);
        }
        at += 1;
    }
    found
}

/// A text that is put together while the plugin is compiled.
struct Said {
    bytes: [u8; SAID],
    len: usize,
}

impl Said {
    const fn of(name: &str) -> Self {
        let said = Said {
            bytes: [0; SAID],
            len: 0,
        };
        let said = said
            .put("no kind of event has a field `")
            .put(name)
            .put("`");
        match nearest(name) {
            Some(known) => said.put("; did you mean `").put(known).put("`?"),
            None => said,
        }
    }

    const fn put(mut self, text: &str) -> Self {
        let bytes = text.as_bytes();
        let mut at = 0;
        while at < bytes.len() && self.len < SAID {
            self.bytes[self.len] = bytes[at];
            self.len += 1;
            at += 1;
        }
        self
    }
}

/// The name of an attribute with the id of its field. Made by [`attribute!`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AttributeName {
    /// The id of `attributes.` and the name.
    pub field: Field,
    /// Dotted lower-case name, led by the protocol, such as `modbus.function`.
    pub name: &'static str,
}

/// The [`Field`] of a name, as a constant: `field!("dst.port")`.
///
/// A name that no kind of event has does not compile; attributes are free:
///
/// ```
/// use palisade_sdk::field;
/// let fields = [field!("dst.port"), field!("answers.rdata"), field!("attributes.any.name")];
/// ```
///
/// ```compile_fail
/// use palisade_sdk::field;
/// let field = field!("dst.prot"); // no kind of event has a field `dst.prot`; did you mean `dst.port`?
/// ```
///
/// Which kind has which field, and what the manifest lists, the host says.
///
/// [`Field`]: crate::Field
#[macro_export]
macro_rules! field {
    ($name:literal) => {{
        // An item of its own, which `cargo check` computes as well.
        const FIELD: $crate::Field = $crate::Field::named($name);
        FIELD
    }};
}

/// The [`AttributeName`] of a name, as a constant: `attribute!("modbus.function")`.
///
/// [`AttributeName`]: crate::AttributeName
#[macro_export]
macro_rules! attribute {
    ($name:literal) => {
        const {
            $crate::AttributeName {
                field: $crate::Field::of(concat!("attributes.", $name)),
                name: $name,
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(name: &str) -> String {
        let said = Said::of(name);
        String::from_utf8(said.bytes[..said.len].to_vec()).unwrap()
    }

    #[test]
    fn a_name_that_no_kind_has_is_refused_with_the_nearest() {
        for (name, nearest) in [
            ("dst.prot", "dst.port"),
            ("dst.por", "dst.port"),
            ("app_proto", "app-proto"),
            ("answers.data", "answers.rdata"),
            ("owner.devise", "owner.device"),
        ] {
            assert!(!is_known(name), "{name}");
            let expected =
                format!("no kind of event has a field `{name}`; did you mean `{nearest}`?");
            assert_eq!(said(name), expected);
        }
        for name in [
            "",
            "attributes.",
            "attribute.x",
            "nothing-like-it",
            &"x".repeat(500),
        ] {
            assert!(!is_known(name), "{name}");
            assert!(
                said(name).starts_with("no kind of event has a field `"),
                "{name}"
            );
            assert!(std::panic::catch_unwind(|| Field::named(name)).is_err());
        }
    }

    #[test]
    fn every_field_of_every_kind_is_known() {
        // The same list, made of the same WIT by the host's own generator.
        let header = include_str!("../../c/include/palisade-fields.h");
        let names = header
            .lines()
            .filter(|line| line.starts_with("#define PALISADE_FIELD_"));
        let names = names.filter_map(|line| line.split_once("/* ")?.1.split_once(": "));
        let names: Vec<&str> = names.map(|(name, _)| name).collect();
        assert_eq!(names, NAMES);
        for name in names
            .into_iter()
            .chain(["attributes.any", "attributes.modbus.function"])
        {
            assert_eq!(Field::named(name), Field::of(name));
        }
    }

    #[test]
    fn ids_are_fnv_1a() {
        assert_eq!(Field::of("").0, 0x811c_9dc5);
        assert_eq!(Field::of("a").0, 0xe40c_292c);
        assert_eq!(Field::of("foobar").0, 0xbf9c_f968);
        assert_eq!(
            attribute!("modbus.function").field,
            field!("attributes.modbus.function")
        );
    }
}
