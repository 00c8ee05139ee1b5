//! Which fields of a kind may be seen.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::field::{FieldId, FieldInfo};
use crate::types::Kind;

/// The fields of one kind that a plugin may see, as one bit per field; attributes by
/// name. Made once per subscription. A field of the envelope counts as any other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mask {
    bits: u128,
    attributes: AttributeMask,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum AttributeMask {
    All,
    Ids(Arc<BTreeSet<FieldId>>),
}

/// A name that is no field of the kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{kind}` has no field `{name}`{}", suggest(.suggestion))]
pub struct UnknownField {
    /// The kind.
    pub kind: Kind,
    /// The name as given.
    pub name: String,
    /// A field of the kind with a name like it.
    pub suggestion: Option<String>,
}

pub(crate) fn suggest(suggestion: &Option<String>) -> String {
    suggestion
        .as_ref()
        .map_or_else(String::new, |name| format!("; did you mean `{name}`?"))
}

/// The name out of `names` that is most like `name`, if any is.
pub(crate) fn closest<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    // Hostile names may be long, and the measure is quadratic.
    if name.len() > 64 {
        return None;
    }
    names
        .map(|known| (strsim::damerau_levenshtein(name, known), known))
        .filter(|(distance, known)| *distance <= 1 + known.len() / 4)
        .min()
        .map(|(_, known)| known)
}

impl Mask {
    /// Everything.
    pub const ALL: Self = Self {
        bits: u128::MAX,
        attributes: AttributeMask::All,
    };

    /// Nothing.
    pub fn none() -> Self {
        Self {
            bits: 0,
            attributes: AttributeMask::Ids(Arc::default()),
        }
    }

    /// The fields with these dotted names. A record's name stands for all its fields,
    /// `attributes` for all attributes.
    ///
    /// # Errors
    /// A name that is neither a field of `kind` nor of the envelope, nor an attribute
    /// of a kind that has them.
    pub fn of<'a>(
        kind: Kind,
        names: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, UnknownField> {
        let mut bits = 0;
        let mut ids = BTreeSet::new();
        let mut all = false;
        for name in names {
            if let Some(at) = kind.position(FieldId::of(name)) {
                all |= name == "attributes";
                let within = format!("{name}.");
                bits |= bit(at);
                for (at, info) in kind.all_fields().enumerate() {
                    if info.name.starts_with(&within) {
                        bits |= bit(at);
                    }
                }
            } else if let Some(attribute) = kind.attribute_name(name) {
                ids.insert(FieldId::of_attribute(attribute));
            } else {
                let suggestion = closest(name, kind.all_fields().map(|info| info.name));
                let suggestion = suggestion.map(str::to_owned);
                return Err(UnknownField {
                    kind,
                    name: name.to_owned(),
                    suggestion,
                });
            }
        }
        let attributes = if all {
            AttributeMask::All
        } else {
            AttributeMask::Ids(Arc::new(ids))
        };
        Ok(Self { bits, attributes })
    }

    /// The fields for which `allowed` says yes; of attributes those that `present` holds.
    pub(crate) fn from_predicate<'a>(
        kind: Kind,
        allowed: &dyn Fn(FieldId) -> bool,
        present: impl Iterator<Item = &'a str>,
    ) -> Self {
        let mut bits = 0;
        for (at, info) in kind.all_fields().enumerate() {
            if allowed(info.id) {
                bits |= bit(at);
            }
        }
        let ids = present
            .map(FieldId::of_attribute)
            .filter(|id| allowed(*id))
            .collect();
        Self {
            bits,
            attributes: AttributeMask::Ids(Arc::new(ids)),
        }
    }

    /// Whether the field at `position` or any of the `below` that follow it is visible.
    pub(crate) fn any(&self, position: usize, below: usize) -> bool {
        let Some(bits) = self
            .bits
            .checked_shr(u32::try_from(position).unwrap_or(u32::MAX))
        else {
            return false;
        };
        let width = u32::try_from(below + 1).unwrap_or(u32::MAX);
        let of_field = 1u128.checked_shl(width).map_or(u128::MAX, |end| end - 1);
        bits & of_field != 0
    }

    /// Whether the attribute may be seen.
    pub fn attribute(&self, name: &str) -> bool {
        match &self.attributes {
            AttributeMask::All => true,
            AttributeMask::Ids(ids) => ids.contains(&FieldId::of_attribute(name)),
        }
    }

    /// Whether any attribute may be seen.
    pub fn any_attribute(&self) -> bool {
        match &self.attributes {
            AttributeMask::All => true,
            AttributeMask::Ids(ids) => !ids.is_empty(),
        }
    }
}

fn bit(position: usize) -> u128 {
    u32::try_from(position)
        .ok()
        .and_then(|at| 1u128.checked_shl(at))
        .unwrap_or(0)
}

impl Kind {
    /// The fields of the kind, then those of the envelope.
    pub fn all_fields(self) -> impl Iterator<Item = &'static FieldInfo> {
        self.fields().iter().chain(Self::envelope_fields())
    }

    /// The name of the attribute, when `dotted` is `attributes.` and a name, and the kind
    /// has attributes.
    pub fn attribute_name(self, dotted: &str) -> Option<&str> {
        let name = dotted
            .strip_prefix("attributes.")
            .filter(|name| !name.is_empty())?;
        self.has_attributes().then_some(name)
    }

    /// Whether the kind has attributes.
    pub fn has_attributes(self) -> bool {
        self.position(FieldId::of("attributes")).is_some()
    }
}

/// The field of `kind`, or of the envelope, with this id; attributes are not in the table.
pub fn field(kind: Kind, id: FieldId) -> Option<&'static FieldInfo> {
    located(kind, id).map(|(_, info)| info)
}

/// A field and its position; those of the envelope follow those of the body.
pub(crate) fn located(kind: Kind, id: FieldId) -> Option<(usize, &'static FieldInfo)> {
    let at = kind.position(id)?;
    let body = kind.fields();
    let info = body
        .get(at)
        .or_else(|| Kind::envelope_fields().get(at - body.len()))?;
    Some((at, info))
}
