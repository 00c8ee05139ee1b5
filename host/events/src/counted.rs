//! Numbers of things in messages.

use std::fmt;

/// A number and what it counts: `1 line`, `2 lines`, `1 entry`, `0 entries`. Of several words the
/// last is the one that changes: `host call`.
pub fn counted<N>(count: N, one: &str) -> String
where
    N: Copy + fmt::Display + TryInto<u64>,
{
    if count.try_into().is_ok_and(|count| count == 1) {
        return format!("{count} {one}");
    }
    let vowel = |c: char| "aeiou".contains(c);
    match one.strip_suffix('y').filter(|stem| !stem.ends_with(vowel)) {
        Some(stem) => format!("{count} {stem}ies"),
        None => format!("{count} {one}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::counted;

    #[test]
    fn one_is_not_many() {
        for (count, one, told) in [
            (0, "line", "0 lines"),
            (1, "line", "1 line"),
            (2, "host call", "2 host calls"),
            (1, "entry", "1 entry"),
            (3, "entry", "3 entries"),
            (3, "key", "3 keys"),
        ] {
            assert_eq!(counted(count, one), told);
        }
    }
}
