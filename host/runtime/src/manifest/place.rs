//! Where in the text of a manifest a table or key stands.

use toml::de::{DeTable, DeValue};

/// The line, from 1, of a place in a text of TOML such as `subscription[0].fields`: where its key or table begins,
/// or the nearest part of it that is there. None: the text has nothing of it.
pub fn line(text: &str, place: &str) -> Option<usize> {
    let document = DeTable::parse(text).ok()?;
    let mut table = Some(document.get_ref());
    let mut start = None;
    for part in place.split('.') {
        let (name, number) = match part.split_once('[') {
            Some((name, rest)) => (name, rest.trim_end_matches(']').parse::<usize>().ok()),
            None => (part, None),
        };
        let Some((key, value)) = table.and_then(|table| table.get_key_value(name)) else {
            break;
        };
        start = Some(key.span().start);
        let mut value = value;
        if let (Some(number), DeValue::Array(items)) = (number, value.get_ref()) {
            let Some(item) = items.get(number) else { break };
            start = Some(item.span().start);
            value = item;
        }
        table = match value.get_ref() {
            DeValue::Table(table) => Some(table),
            _ => None,
        };
    }
    let before = text.as_bytes().get(..start?)?;
    Some(1 + before.iter().filter(|byte| **byte == b'\n').count())
}

#[cfg(test)]
mod tests {
    use super::line;

    #[test]
    fn places_have_lines() {
        let text = "\u{feff}[plugin]\r\nkind = 'x'\r\n\r\n[[rule]]\r\nid = 'a'\r\n[[rule]]\r\n\
                    id = 'b'\r\nseverity = 'huge'\r\n[limits]\r\nmemory = '1'\r\n";
        for (place, expected) in [
            ("plugin.kind", Some(2)),
            ("rule[0]", Some(4)),
            ("rule[1].severity", Some(8)),
            ("rule[1].title", Some(6)),
            ("limits.memory", Some(10)),
            ("plugin.wit", Some(1)),
            ("parser", None),
        ] {
            assert_eq!(line(text, place), expected, "{place}");
        }
    }
}
