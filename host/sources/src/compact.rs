//! JSON over several lines as one.

use std::borrow::Cow;

/// The record without white space outside of texts, if it spans several lines.
pub(super) fn compact(record: &str) -> Cow<'_, str> {
    // A text in JSON has no raw line feed, so that one is always white space.
    if !record.contains(['\n', '\r']) {
        return Cow::Borrowed(record);
    }
    let mut compact = String::with_capacity(record.len());
    let (mut in_text, mut escaped) = (false, false);
    for char in record.chars() {
        if in_text {
            match char {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '"' => in_text = false,
                _ => {}
            }
        } else if char.is_ascii_whitespace() {
            continue;
        } else {
            in_text = char == '"';
        }
        compact.push(char);
    }
    Cow::Owned(compact)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_space_outside_of_texts_goes() {
        assert_eq!(compact("{ \"a\": 1 }"), "{ \"a\": 1 }");
        assert_eq!(
            compact("{\n \"a b\": \" \\\" \\\\\",\r\n\t\"c\": [1, 2]}"),
            "{\"a b\":\" \\\" \\\\\",\"c\":[1,2]}"
        );
    }
}
