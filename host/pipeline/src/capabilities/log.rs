//! Messages of guests.

use std::sync::Arc;

use palisade_runtime::LogLevel;

/// Takes the messages of plugins: name, level, and text that is safe to show.
pub type LogSink = Arc<dyn Fn(&str, LogLevel, &str) + Send + Sync>;

/// A guest's text with everything escaped that could act on a terminal or deceive a reader:
/// control characters, among them those that begin ANSI sequences, and characters that change
/// the direction of text.
pub fn escaped(text: &str) -> String {
    let deceives = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if deceives(c) {
            out.extend(c.escape_unicode());
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_acts_on_a_terminal_is_left() {
        assert_eq!(escaped("plain 漏洞"), "plain 漏洞");
        assert_eq!(
            escaped("\u{1b}[2J\n\u{202e}x"),
            "\\u{1b}[2J\\u{a}\\u{202e}x"
        );
    }
}
