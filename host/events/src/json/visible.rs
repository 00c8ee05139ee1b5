//! JSON that is safe to show: hidden characters are `\u` escapes, which every reader turns
//! back.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{CharEscape, CompactFormatter, Formatter, PrettyFormatter, Serializer};

use crate::Hiding;

/// Writes `value` on one line, without a line feed.
///
/// # Errors
/// Those of `to`, and when the value has no form in JSON.
pub fn write_visible(to: &mut impl Write, value: &(impl Serialize + ?Sized)) -> io::Result<()> {
    value.serialize(&mut Serializer::with_formatter(
        &mut *to,
        Visible(CompactFormatter),
    ))?;
    Ok(())
}

/// Writes `value` indented, without a line feed.
///
/// # Errors
/// As [`write_visible`].
pub fn write_visible_pretty(
    to: &mut impl Write,
    value: &(impl Serialize + ?Sized),
) -> io::Result<()> {
    value.serialize(&mut Serializer::with_formatter(
        &mut *to,
        Visible(PrettyFormatter::new()),
    ))?;
    Ok(())
}

/// Another formatter, with hidden characters escaped beyond what JSON demands.
struct Visible<F>(F);

/// Passes calls on that have nothing to do with text.
macro_rules! pass {
    ($($name:ident($($argument:ident: $type:ty),*);)*) => {$(
        fn $name<W: ?Sized + Write>(&mut self, to: &mut W $(, $argument: $type)*) -> io::Result<()> {
            self.0.$name(to $(, $argument)*)
        }
    )*};
}

impl<F: Formatter> Formatter for Visible<F> {
    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        to: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut shown = 0;
        let mut hiding = Hiding::default();
        for (at, c) in fragment.char_indices() {
            if !hiding.hides(c) {
                continue;
            }
            self.0.write_string_fragment(to, &fragment[shown..at])?;
            for unit in c.encode_utf16(&mut [0; 2]) {
                write!(to, "\\u{unit:04x}")?;
            }
            shown = at + c.len_utf8();
        }
        self.0.write_string_fragment(to, &fragment[shown..])
    }

    pass! {
        write_char_escape(escape: CharEscape);
        begin_array();
        end_array();
        begin_array_value(first: bool);
        end_array_value();
        begin_object();
        end_object();
        begin_object_key(first: bool);
        end_object_key();
        begin_object_value();
        end_object_value();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_shows_what_is_hidden_in_it() {
        use crate::{Body, Envelope, Event, Kind};
        let event = Event {
            envelope: Envelope {
                labels: vec!["exe\u{202e}gpj\u{200b}".to_owned()],
                ..Envelope::default()
            },
            body: Body::neutral(Kind::NetworkDns),
        };
        let mut out = Vec::new();
        crate::json::write_event(&mut out, &event).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains("exe\\u202egpj\\u200b"), "{text}");
        assert!(!text.chars().any(crate::is_hidden), "{text}");
    }

    #[test]
    fn hidden_characters_are_escaped_and_read_back_the_same() {
        let marks = "\u{301}".repeat(6);
        let text = &*format!("a{marks}\u{fe0f}");
        let mut out = Vec::new();
        write_visible(&mut out, text).unwrap();
        let marks = format!("{}{}", &marks[..8], "\\u0301".repeat(2));
        assert_eq!(
            String::from_utf8(out).unwrap(),
            format!("\"a{marks}\\ufe0f\"")
        );
        let text = "\x1b\x7f\u{9b}2J \u{202e}通报\u{e0041} \"\\\n";
        let mut out = Vec::new();
        write_visible(&mut out, &serde_json::json!({ text: [text] })).unwrap();
        let written = String::from_utf8(out).unwrap();
        assert_eq!(
            written
                .matches("\\u001b\\u007f\\u009b2J \\u202e通报\\udb40\\udc41 \\\"\\\\\\n")
                .count(),
            2
        );
        let read: serde_json::Value = serde_json::from_str(&written).unwrap();
        assert_eq!(read[text][0], text);
        let mut indented = Vec::new();
        write_visible_pretty(&mut indented, &read).unwrap();
        assert_eq!(String::from_utf8(indented).unwrap().lines().count(), 5);
    }
}
