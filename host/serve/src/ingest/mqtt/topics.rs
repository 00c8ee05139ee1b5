//! Filters of topics.

/// Whether a filter takes a topic, as MQTT 3.1.1 says in 4.7. A filter of a shared subscription
/// (`$share/GROUP/FILTER`) takes what the filter within it takes.
pub(super) fn matches(topic: &str, filter: &str) -> bool {
    let shared = filter.strip_prefix("$share/");
    let filter = shared
        .and_then(|rest| rest.split_once('/'))
        .map_or(filter, |(_, within)| within);
    // Wildcards at the beginning take no topics of the broker's own.
    if topic.starts_with('$') && filter.starts_with(['+', '#']) {
        return false;
    }
    let mut levels = topic.split('/');
    for wanted in filter.split('/') {
        match (wanted, levels.next()) {
            ("#", _) => return true,
            ("+", Some(_)) => {}
            (wanted, Some(level)) if wanted == level => {}
            _ => return false,
        }
    }
    levels.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_take_what_the_standard_says() {
        for (filter, topic, expected) in [
            ("a/b", "a/b", true),
            ("a/b", "a/b/c", false),
            ("a/+/c", "a/b/c", true),
            ("a/+", "a", false),
            ("+", "", true),
            ("a/#", "a", true),
            ("a/#", "a/b/c", true),
            ("#", "a/b", true),
            ("#", "$SYS/x", false),
            ("+/x", "$SYS/x", false),
            ("$SYS/#", "$SYS/x", true),
            ("$share/g/a/+", "a/b", true),
            ("$share/g/a/+", "g/a/b", false),
            ("é/#", "é/x", true),
            ("a", "é", false),
            ("+/+", "/a", true),
        ] {
            assert_eq!(matches(topic, filter), expected, "{filter} {topic}");
        }
    }
}
