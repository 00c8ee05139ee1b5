//! What is said of logs whose records name no address of an end: which fields are absent, and
//! which are there instead.

use std::fmt::Write as _;

use serde::de::{Deserializer as _, IgnoredAny, MapAccess, Visitor};

use super::text::Text;

/// The most names that are told, and the most bytes of one.
const NAMES: usize = 40;
const NAME_LENGTH: usize = 64;
/// How many letters may differ in what is taken for a misspelt name.
const NEAR: usize = 3;

/// Which of the `wanted` names a record or header lacks, the nearest to each, and all that it
/// has; nothing if it lacks none. `what` is what they are names of: a field or a
/// column. None of the sensor's `own` names is taken
/// for a misspelt one. Where they are not `expected`, as in logs of what has no ends, only names that may be
/// misspelt are told.
pub(super) fn absent<'n>(
    what: &str,
    (wanted, own): (&[&str], &[&str]),
    expected: bool,
    names: impl Iterator<Item = &'n str>,
) -> Option<String> {
    let names: Vec<&str> = names.collect();
    let lacks: Vec<&&str> = wanted.iter().filter(|w| !names.contains(w)).collect();
    if lacks.is_empty() {
        return None;
    }
    let mut said = format!("there is no {what}");
    let mut any_near = false;
    for (at, wanted) in lacks.iter().enumerate() {
        said.push_str(if at == 0 { " " } else { " and no " });
        let _ = write!(said, "`{wanted}`");
        let near = names
            .iter()
            .take(NAMES)
            .filter(|name| name.len() <= NAME_LENGTH && !own.contains(name))
            .map(|name| (strsim::damerau_levenshtein(name, wanted), name))
            .filter(|(distance, _)| *distance <= NEAR)
            .min();
        if let Some((_, near)) = near {
            let _ = write!(said, " (is it `{near}`?)");
            any_near = true;
        }
    }
    if !expected && !any_near {
        return None;
    }
    let shown: Vec<String> = names
        .iter()
        .take(NAMES)
        .map(|name| name.chars().take(NAME_LENGTH).collect())
        .collect();
    let _ = write!(said, "; there are `{}`", shown.join("`, `"));
    if let Some(more) = names.len().checked_sub(NAMES).filter(|more| *more > 0) {
        let _ = write!(said, " and {more} more");
    }
    Some(said)
}

/// The names of the fields of a JSON object, at its first level; none where it is none.
pub(super) fn names(object: &str) -> Vec<String> {
    struct Names;
    impl<'de> Visitor<'de> for Names {
        type Value = Vec<String>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut names = Vec::new();
            while let Some(name) = map.next_key::<Text<'de>>()? {
                names.push(name.or_empty().to_owned());
                map.next_value::<IgnoredAny>()?;
            }
            Ok(names)
        }
    }
    let mut from = serde_json::Deserializer::from_str(object);
    from.deserialize_map(Names).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_absent_is_told_with_what_is_there() {
        let wanted = ["id.orig_h", "id.resp_h"];
        let own = ["id.orig_p"];
        let told = |names: &[&str]| absent("column", (&wanted, &own), true, names.iter().copied());
        assert_eq!(told(&["ts", "id.resp_h", "id.orig_h"]), None);
        assert_eq!(
            told(&["id.orig_p", "id.origh", "id.resp_h"]).unwrap(),
            "there is no column `id.orig_h` (is it `id.origh`?); there are `id.orig_p`, `id.origh`, \
             `id.resp_h`"
        );
        assert_eq!(
            told(&["ts"]).unwrap(),
            "there is no column `id.orig_h` and no `id.resp_h`; there are `ts`"
        );
        let of_others =
            |names: &[&str]| absent("field", (&wanted, &own), false, names.iter().copied());
        assert_eq!(of_others(&["ts", "name"]), None);
        assert!(of_others(&["id_orig_h"]).is_some());
        let many: Vec<String> = (0..50).map(|n| "x".repeat(100) + &n.to_string()).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let told = told(&many).unwrap();
        assert!(
            told.ends_with(" and 10 more") && told.len() < 4000,
            "{told}"
        );
        assert_eq!(names(r#"{"a":{"b":1},"c":[2]}"#), ["a", "c"]);
        assert!(names("[1]").is_empty());
    }
}
