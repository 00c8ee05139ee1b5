//! Text of hostile origin, for messages.

/// The text without control characters and without those that turn the direction of text or
/// have no width, and not longer than `limit` characters.
pub fn plain(text: &str, limit: usize) -> String {
    let mut hiding = crate::Hiding::default();
    let harmless = |c| match hiding.hides(c) {
        true => char::REPLACEMENT_CHARACTER,
        false => c,
    };
    text.chars().take(limit).map(harmless).collect()
}

/// As [`plain`], keeping ends of lines.
pub fn plain_lines(text: &str, limit: usize) -> String {
    let short: String = text.chars().take(limit).collect();
    let lines: Vec<String> = short.split('\n').map(|line| plain(line, limit)).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_acts_on_a_terminal_or_is_long() {
        assert_eq!(plain("a\u{1b}[2J\n漏", 10), "a\u{fffd}[2J\u{fffd}漏");
        assert_eq!(plain("\u{202e}abc", 3), "\u{fffd}ab");
        assert_eq!(plain_lines("a\n\u{9b}b", 10), "a\n\u{fffd}b");
    }
}
