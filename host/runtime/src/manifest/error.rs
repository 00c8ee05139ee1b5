//! What can be wrong with a manifest.

/// Why a manifest is refused. Every message says where and, where it can, what to write.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// Not TOML, an unknown key, a missing key or a value of the wrong type.
    #[error("plugin.toml: {}", palisade_events::toml_words(&.0.to_string(), .0.message()))]
    Syntax(Box<toml::de::Error>),
    /// A value that makes no sense.
    #[error("plugin.toml, {}{place}: {problem}", in_line(*.line))]
    Value {
        /// The line, from 1, where the place can be found.
        line: Option<usize>,
        /// The table and key, such as `subscription[0].fields`.
        place: String,
        /// What is wrong and what to write instead.
        problem: String,
    },
    /// Two tables have one name.
    #[error("plugin.toml, {}{place}: `{name}` is there already, {}{first}; give each one of its own", in_line(.lines.map(|(line, _)| line)), in_line(.lines.map(|(_, first)| first)))]
    Twice {
        /// The lines, from 1, of the later and of the first, where the places can be found.
        lines: Option<(usize, usize)>,
        /// The name.
        name: String,
        /// The table and key, such as `rule[1].id`.
        place: String,
        /// Those of the first.
        first: String,
    },
    /// The host has panicked over it.
    #[error("plugin.toml: the host panicked while it read it: {0}")]
    Panicked(palisade_events::Panicked),
    /// The component carries no manifest.
    #[error(
        "the component has no `{}` section; build it with `palisade plugin build`",
        super::SECTION
    )]
    Missing,
    /// The component carries more than one manifest.
    #[error("the component has {0} `{section}` sections; exactly one is allowed", section = super::SECTION)]
    Repeated(usize),
    /// The section is too large.
    #[error(
        "the `{section}` section has {found} bytes; at most {limit} are allowed",
        section = super::SECTION,
        limit = super::MAX_SECTION_BYTES
    )]
    Oversized {
        /// How many bytes it has.
        found: usize,
    },
    /// The section is not UTF-8.
    #[error("the `{}` section is not UTF-8 text", super::SECTION)]
    NotText,
    /// The bytes are not a component at all; why, and what to do.
    #[error("not a WebAssembly component: {0}")]
    NotAComponent(String),
}

fn in_line(line: Option<usize>) -> String {
    line.map_or_else(String::new, |line| format!("line {line}, "))
}

impl ManifestError {
    /// The same with the line of `text` that it is about, where that can be found.
    pub(super) fn in_text(self, text: &str) -> Self {
        match self {
            ManifestError::Value {
                line: None,
                place,
                problem,
            } => ManifestError::Value {
                line: super::place::line(text, &place),
                place,
                problem,
            },
            ManifestError::Twice {
                lines: None,
                name,
                place,
                first,
            } => ManifestError::Twice {
                lines: super::place::line(text, &place).zip(super::place::line(text, &first)),
                name,
                place,
                first,
            },
            other => other,
        }
    }

    pub(super) fn value(place: impl Into<String>, problem: impl Into<String>) -> Self {
        ManifestError::Value {
            line: None,
            place: place.into(),
            problem: problem.into(),
        }
    }
}
