//! Values of `pack.toml` that make no sense.

use std::fmt;

/// A wrong value, and the key that has it, such as `settings.telnet.limit`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wrong {
    pub(crate) place: String,
    /// What is wrong and what to write instead.
    pub(crate) problem: String,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.problem)
    }
}

/// A wrong value at this place.
pub(crate) fn wrong(place: impl Into<String>, problem: impl Into<String>) -> Wrong {
    Wrong {
        place: place.into(),
        problem: problem.into(),
    }
}

/// A name of 1 to 48 characters that can be a file name and a key anywhere.
pub(super) fn kebab(place: &str, text: &str) -> Result<(), Wrong> {
    let good = text.len() <= 48
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && !text.ends_with('-')
        && text
            .bytes()
            .all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'));
    if good {
        return Ok(());
    }
    Err(wrong(
        place,
        format!(
            "is {text:?}; 1 to 48 characters of a-z, 0-9 and - are expected, beginning with a letter"
        ),
    ))
}

/// A semantic version without build metadata, which is not ordered: two versions could each be the
/// newer one.
pub(super) fn version(text: &str) -> Result<(), Wrong> {
    let version = text.parse::<semver::Version>().map_err(|e| {
        let problem = format!("{text:?} is not MAJOR.MINOR.PATCH, such as 1.0.0: {e}");
        wrong("version", problem)
    })?;
    if version.build.is_empty() {
        return Ok(());
    }
    let problem = format!("{text:?} has build metadata; leave it out");
    Err(wrong("version", problem))
}

/// One line of at most so many bytes.
pub(super) fn line(place: &str, text: &str, most: usize) -> Result<(), Wrong> {
    if text.trim().is_empty() || text.len() > most || text.chars().any(char::is_control) {
        let problem = format!("one line of 1 to {most} bytes is expected");
        return Err(wrong(place, problem));
    }
    Ok(())
}

/// An expression of licences as SPDX defines it, such as `Apache-2.0 OR MIT`.
pub(super) fn licence(text: &str) -> Result<(), Wrong> {
    let Err(error) = spdx::Expression::parse(text) else {
        return Ok(());
    };
    let part = text.get(error.span.clone()).unwrap_or_default().trim();
    let near = near(part).map(|near| format!("; did you mean `{near}`?"));
    let part = match part {
        "" => String::new(),
        part => format!("`{part}`: "),
    };
    let problem = format!(
        "{text:?} is no SPDX expression: {part}{}{}",
        error.reason,
        near.as_deref().unwrap_or(
            "; write one such as Apache-2.0, MIT OR Apache-2.0, or LicenseRef-NAME for your own"
        )
    );
    Err(wrong("licence", problem))
}

/// The licence of SPDX that this name was probably meant for.
fn near(name: &str) -> Option<&'static str> {
    if let Some((id, length)) = spdx::imprecise_license_id(name)
        && length == name.len()
    {
        return Some(id.name);
    }
    let lower = name.to_ascii_lowercase();
    spdx::identifiers::LICENSES
        .iter()
        .filter(|known| spdx::license_id(known.name).is_some_and(|id| !id.is_deprecated()))
        .map(|known| {
            let distance = strsim::damerau_levenshtein(&lower, &known.name.to_ascii_lowercase());
            (distance, known.name)
        })
        .min()
        .filter(|(distance, known)| distance * 3 <= known.len())
        .map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn licences_are_expressions_of_spdx() {
        for good in [
            "Apache-2.0",
            "MIT OR Apache-2.0",
            "(MIT AND BSD-3-Clause) OR Apache-2.0 WITH LLVM-exception",
            "LicenseRef-Acme-1",
        ] {
            assert_eq!(licence(good), Ok(()), "{good}");
        }
        for (bad, near) in [
            ("Apache 2.0", "Apache-2.0"),
            ("Apache-2", "Apache-2.0"),
            ("apache-2.0", "Apache-2.0"),
            ("Apache-2.O", "Apache-2.0"),
            ("MIT OR BSD-3-Claus", "BSD-3-Clause"),
            ("proprietary", "LicenseRef-NAME"),
            ("MIT OR", "LicenseRef-NAME"),
        ] {
            let told = licence(bad).unwrap_err().to_string();
            assert!(told.contains(near), "{told}");
        }
    }
}
