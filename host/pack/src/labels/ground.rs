//! Where in a pack something stands that restricts it.

use std::fmt;

use serde::Serialize;

use super::Tlp;
use super::tlp::shown;

/// What a place says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Restriction {
    /// A colour of TLP beyond CLEAR.
    Colour(Tlp),
    /// An embargo.
    Embargo,
    /// What it was derived from.
    Origin,
    /// A free label.
    Mark,
    /// Data without a colour.
    NoColour,
}

impl Restriction {
    /// Whether it is of the same kind, whatever the colour.
    fn is_like(self, other: Self) -> bool {
        std::mem::discriminant(&self) == std::mem::discriminant(&other)
    }
}

/// A place in a pack that restricts it, and what stands there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Ground {
    /// What it says.
    pub restriction: Restriction,
    /// The file of the pack.
    pub file: String,
    /// The line, from 1; none where it is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// The field; empty: the text itself.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub field: String,
    /// What stands there, at most 64 characters of it; empty: nothing.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub text: String,
}

impl fmt::Display for Ground {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        place(f, &self.file, self.line, &self.field)?;
        match self.restriction {
            Restriction::NoColour => f.write_str(": no colour is named"),
            Restriction::Colour(colour) if self.text != colour.to_string() => {
                write!(f, ": `{}`, which is {colour}", self.text)
            }
            _ => write!(f, ": `{}`", self.text),
        }
    }
}

/// Writes where something stands.
pub(super) fn place(
    f: &mut fmt::Formatter<'_>,
    file: &str,
    line: Option<usize>,
    field: &str,
) -> fmt::Result {
    f.write_str(file)?;
    if let Some(line) = line {
        write!(f, ", line {line}")?;
    }
    if !field.is_empty() {
        write!(f, ", field `{field}`")?;
    }
    Ok(())
}

/// The grounds of one file: the first of each kind, of colours the first of the strictest.
#[derive(Debug, Default)]
pub(super) struct Grounds(Vec<Ground>);

impl Grounds {
    pub(super) fn add(
        &mut self,
        restriction: Restriction,
        (file, line): (&str, Option<usize>),
        field: &str,
        text: &str,
    ) {
        let colour = |of: &Restriction| match of {
            Restriction::Colour(colour) => Some(*colour),
            _ => None,
        };
        let known = self
            .0
            .iter()
            .position(|ground| ground.restriction.is_like(restriction));
        if let Some(at) = known {
            if colour(&self.0[at].restriction) >= colour(&restriction) {
                return;
            }
            self.0.remove(at);
        }
        self.0.push(Ground {
            restriction,
            file: file.to_owned(),
            line,
            field: shown(field),
            text: shown(text),
        });
    }

    /// All of them. Those that have no line get the one of `source`, a document of several
    /// lines, where it can be found.
    pub(super) fn located(self, source: Option<&str>) -> Vec<Ground> {
        let mut grounds = self.0;
        for ground in &mut grounds {
            let find = || locate(source?, &ground.field, &ground.text);
            ground.line = ground.line.or_else(find);
        }
        grounds
    }
}

/// The first line, from 1, of a document that has both the name of a field and a text; where there
/// is none, that has the text, or else the name.
pub(super) fn locate(source: &str, field: &str, text: &str) -> Option<usize> {
    let name = field.rsplit('.').next().unwrap_or_default();
    let has = |line: &str, part: &str| !part.is_empty() && line.contains(part);
    let (mut of_text, mut of_name) = (None, None);
    for (number, line) in (1..).zip(source.lines()) {
        let (named, told) = (has(line, name), has(line, text));
        if named && told {
            return Some(number);
        }
        of_text = of_text.or(told.then_some(number));
        of_name = of_name.or(named.then_some(number));
    }
    of_text.or(of_name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_strictest_colour_and_the_first_of_all_else_are_kept() {
        let mut grounds = Grounds::default();
        for (restriction, text) in [
            (Restriction::Colour(Tlp::Green), "green"),
            (Restriction::Colour(Tlp::Red), "TLP:RED"),
            (Restriction::Colour(Tlp::Amber), "amber"),
            (Restriction::Mark, "a"),
            (Restriction::Mark, "b"),
            (Restriction::NoColour, ""),
        ] {
            grounds.add(restriction, ("docs/a.json", None), "x.tlp", text);
        }
        let source = "{\n \"tlp\": \"white\",\n \"y\": \"a TLP:RED\",\n \"tlp\": \"TLP:RED\" }";
        let told: Vec<String> = grounds
            .located(Some(source))
            .iter()
            .map(Ground::to_string)
            .collect();
        assert_eq!(
            told,
            [
                "docs/a.json, line 4, field `x.tlp`: `TLP:RED`",
                "docs/a.json, line 3, field `x.tlp`: `a`",
                "docs/a.json, line 2, field `x.tlp`: no colour is named",
            ]
        );
    }
}
