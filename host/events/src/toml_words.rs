//! What a TOML file is refused for, in words of its author.

use crate::plain_lines;

/// The most characters of a message.
const MAX_TEXT: usize = 4096;
/// The most names that are listed.
const MAX_NAMES: usize = 24;

/// What the crate `toml` says of a file, `shown` with the line and a mark below it, and `message`
/// alone: with the same line, and in place of the types of the host's code what to write. Nothing of
/// it acts on a terminal.
pub fn toml_words(shown: &str, message: &str) -> String {
    let shown = shown.trim_end();
    let lead = shown.strip_suffix(message.trim_end()).unwrap_or(shown);
    let words = header(shown, message)
        .or_else(|| words(message.trim_end()))
        .unwrap_or_else(|| message.trim_end().to_owned());
    let lead = lead.replacen("TOML parse error at ", "", 1);
    plain_lines(&format!("{lead}{words}"), MAX_TEXT)
}

/// What to write where a table stands for one of a list of tables: `[rule]` for `[[rule]]`.
fn header(shown: &str, message: &str) -> Option<String> {
    if message.trim_end() != "invalid type: map, expected a sequence" {
        return None;
    }
    // The line, as it is shown: `17 | [rule]`.
    let lines = shown
        .lines()
        .filter_map(|line| Some(line.split_once(" | ")?.1.trim()));
    let inner = lines
        .filter_map(|line| line.strip_prefix('[')?.strip_suffix(']'))
        .next()?;
    (!inner.contains(['[', ']', '"', ','])).then(|| {
        format!(
            "`[{inner}]` is one table, and there may be several; write `[[{inner}]]` above each"
        )
    })
}

fn words(message: &str) -> Option<String> {
    if let Some(rest) = message.strip_prefix("missing field `") {
        let key = rest.strip_suffix('`')?;
        return Some(format!("the key `{key}` is missing; write it"));
    }
    if let Some(rest) = message.strip_prefix("duplicate field `") {
        let key = rest.strip_suffix('`')?;
        return Some(format!("the key `{key}` is there twice"));
    }
    for (lead, what) in [
        ("unknown field `", "there is no key"),
        ("unknown variant `", "there is no"),
    ] {
        if let Some(rest) = message.strip_prefix(lead) {
            let (name, expected) = rest
                .rsplit_once("`, ")
                .and_then(|_| rest.split_once("`, "))?;
            return Some(format!("{what} `{name}` here{}", near(name, expected)));
        }
    }
    let rest = ["invalid type: ", "invalid value: "];
    let rest = rest.iter().find_map(|lead| message.strip_prefix(lead))?;
    let (found, expected) = rest.rsplit_once(", expected ")?;
    Some(format!(
        "it is {}; write {}",
        value(found),
        wanted(expected)
    ))
}

/// What a value is, of which serde says what it found.
fn value(found: &str) -> String {
    for (lead, name) in [
        ("string ", "the text "),
        ("integer ", "the number "),
        ("floating point ", "the number "),
        ("boolean ", ""),
        ("character ", "the text "),
    ] {
        if let Some(value) = found.strip_prefix(lead) {
            return format!("{name}{value}");
        }
    }
    match found {
        "sequence" => "a list",
        "map" => "a table",
        "unit value" | "Option value" => "nothing",
        other => other,
    }
    .to_owned()
}

/// What serde expects, as one would write it.
fn wanted(expected: &str) -> String {
    let whole = |most: &str| format!("a whole number from 0 to {most}");
    match expected {
        "u8" => whole("255"),
        "u16" => whole("65535"),
        "u32" => whole("4294967295"),
        "u64" | "usize" => whole("9223372036854775807"),
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number".into(),
        "a nonzero u32" | "a nonzero u64" | "a nonzero usize" => "a whole number above 0".into(),
        "f32" | "f64" => "a number".into(),
        "a string" | "str" | "string" | "a borrowed string" => "a text in quotes".into(),
        "a boolean" => "true or false".into(),
        "a sequence" | "an array" => "a list in brackets, such as [\"…\"]".into(),
        "a map" => "a table".into(),
        other if other.starts_with("struct ") || other.starts_with("map") => "a table".into(),
        other if other.starts_with("a sequence of") => "a list".into(),
        other => other.to_owned(),
    }
}

/// The name that was meant, or those that there are; `expected` is what serde lists.
fn near(name: &str, expected: &str) -> String {
    let names: Vec<&str> = expected.split('`').skip(1).step_by(2).collect();
    let near = names
        .iter()
        .filter(|other| name.len() <= 2 * other.len())
        .map(|other| (strsim::damerau_levenshtein(name, other), other))
        .filter(|(distance, other)| *distance <= 1 + other.len() / 4)
        .min();
    let listed = || {
        let listed: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
        let more = listed.len().saturating_sub(MAX_NAMES);
        let shown = listed[..listed.len() - more].join(", ");
        match more {
            0 => shown,
            _ => format!("{shown} and {more} more"),
        }
    };
    match near {
        _ if names.is_empty() => "; there is none".into(),
        Some((_, near)) => format!("; did you mean `{near}`?"),
        None => format!("; there are {}", listed()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_of_code_become_what_to_write() {
        for (said, told) in [
            (
                "invalid type: string \"x, expected y\", expected u64",
                "it is the text \"x, expected y\"; write a whole number from 0 to 9223372036854775807",
            ),
            (
                "invalid value: integer `-1`, expected u32",
                "it is the number `-1`; write a whole number from 0 to 4294967295",
            ),
            (
                "invalid type: sequence, expected a string",
                "it is a list; write a text in quotes",
            ),
            (
                "invalid type: map, expected a sequence",
                "it is a table; write a list in brackets, such as [\"…\"]",
            ),
            (
                "invalid type: boolean `true`, expected struct RawPlugin",
                "it is true; write a table",
            ),
            (
                "missing field `name`",
                "the key `name` is missing; write it",
            ),
            (
                "unknown field `fileds`, expected one of `kind`, `fields`",
                "there is no key `fileds` here; did you mean `fields`?",
            ),
            (
                "unknown field `x`, expected `a-long-one` or `another`",
                "there is no key `x` here; there are `a-long-one`, `another`",
            ),
            (
                "unknown field `x`, there are no fields",
                "there is no key `x` here; there is none",
            ),
            ("duplicate key", "duplicate key"),
        ] {
            let told = told.replace("it is true", "it is `true`");
            assert_eq!(toml_words(said, said), told);
        }
    }

    #[test]
    fn a_table_of_a_list_of_tables_needs_two_brackets() {
        let message = "invalid type: map, expected a sequence";
        let shown = |line: &str| {
            format!("TOML parse error at line 2, column 1\n  |\n2 | {line}\n  | ^\n{message}\n")
        };
        assert!(toml_words(&shown("[rule]"), message).ends_with(
            "\n`[rule]` is one table, and there may be several; write `[[rule]]` above each"
        ));
        assert!(toml_words(&shown("rule = {}"), message).contains("write a list in brackets"));
    }

    #[test]
    fn the_line_stays_and_nothing_acts_on_a_terminal() {
        let message = "missing field `name`";
        let shown =
            format!("TOML parse error at line 2, column 1\n  |\n2 | [plugin\u{1b}]\n{message}\n");
        assert_eq!(
            toml_words(&shown, message),
            "line 2, column 1\n  |\n2 | [plugin\u{fffd}]\nthe key `name` is missing; write it"
        );
    }
}
