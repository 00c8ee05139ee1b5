//! Links of Markdown, AsciiDoc and reStructuredText as they are shown.

/// How far behind its text it is looked for the target of a link, in bytes.
const TARGET: usize = 512;

/// A text with links as they are shown, and without what parts letters and is not shown
/// (reStructuredText). `None`: it has none.
pub(super) fn unlinked(text: &str) -> Option<String> {
    if !text.contains("](") && !text.contains("][") && !text.contains("\\ ") && !named_link(text) {
        return None;
    }
    let text = text.replace("\\ ", "");
    let mut out = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some(at) = rest.find(['[', ']', '`']) {
        let (before, sign) = rest.split_at(at);
        // A target before its text, of AsciiDoc: `link:x[TLP]`, `https://x[TLP]`.
        let word = before.trim_end_matches(|c: char| !c.is_whitespace()).len();
        let target = ["link:", "http:", "https:", "xref:", "mailto:"]
            .iter()
            .any(|scheme| before[word..].starts_with(scheme));
        let is_target = target && sign.starts_with('[');
        out.push_str(if is_target { &before[..word] } else { before });
        rest = &sign[1..];
        let near = &rest[..rest.floor_char_boundary(TARGET)];
        let near = near.split('\n').next().unwrap_or_default();
        if sign.starts_with(']') {
            // Where it leads, in the same line.
            for (open, close) in [('(', ')'), ('[', ']')] {
                if near.starts_with(open)
                    && let Some(end) = near.find(close)
                {
                    rest = &rest[end + 1..];
                    break;
                }
            }
        } else if sign.starts_with('`') {
            // `TLP <https://…>`_
            let end = near.find('`').unwrap_or(near.len());
            if let Some(inner) = near[..end].strip_suffix('>')
                && let Some((name, _)) = inner.rsplit_once('<')
            {
                out.push_str(name.trim_end());
                rest = rest[end..].trim_start_matches('`').trim_start_matches('_');
            }
        }
    }
    out.push_str(rest);
    Some(out)
}

/// Whether there may be a link with its text before or behind its target.
fn named_link(text: &str) -> bool {
    text.contains(">`_") || (text.contains('[') && text.contains(':'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_shown_by_their_texts() {
        for text in [
            "[TLP](https://first.org): RED",
            "[T](x)[LP][y]:RED",
            "link:x[TLP]: RED",
            "see https://first.org/[TLP]: RED",
            "`TLP <https://first.org>`_: RED",
            "T\\ LP\\ :RED",
            "\u{2002}[TLP](x): RED",
        ] {
            let shown = unlinked(text).unwrap_or_default();
            assert!(
                shown.replace(": ", ":").contains("TLP:RED"),
                "{text}\n{shown}"
            );
        }
        assert_eq!(unlinked("plain, a > b"), None);
        for part in ["[", "`", "](", "`a <", "link:["] {
            let long = part.repeat((2 << 20) / part.len());
            assert!(unlinked(&long).is_none_or(|shown| shown.len() <= long.len()));
        }
    }
}
