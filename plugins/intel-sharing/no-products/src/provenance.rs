//! Which notice something goes back to: a graph from packs over data segments to notices and
//! other sources, kept in tables, walked within limits.

use std::collections::BTreeSet;

use palisade_sdk::Table;

const NOTICES: Table = Table(0);
const ORIGINS: Table = Table(1);
/// Longer ids do not fit a key of a table.
const MAX_ID: usize = 256;
/// The most sources of an object, and the most objects on the way to a notice.
const MAX_SOURCES: usize = 64;
const MAX_STEPS: usize = 512;
/// The name of a source whose own does not fit, or that is one too many.
const UNKNOWN: &str = "";

/// Where something comes from.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// From a notice, and from nowhere else that had it before.
    Notice(String),
    /// Another source had all of it before the notice came.
    Independent(String),
    /// More objects lie on the way than are looked at, or one that cannot be looked up; a notice
    /// may be among them.
    TooFar(String),
    /// Nothing is known of it.
    Unknown,
}

/// What an object was made of, in the order in which it became known.
struct Source {
    since: u64,
    name: String,
}

/// Remembers that a notice came.
pub(crate) fn note_notice(id: &str, agreement: &str, time: u64) {
    // A longer id cannot be asked for either; the mark of the content remains. The first
    // arrival counts: a notice that comes again is not younger.
    if fits(id) && NOTICES.get(id).is_none() {
        let agreement: String = agreement.chars().take(64).collect();
        NOTICES.put(id, format!("{time} {agreement}").as_bytes());
    }
}

/// Remembers what an object was made of. Where its digest is known, that holds for the content,
/// by whatever name, and the object is made of the content.
pub(crate) fn note_made(object: &str, digest: Option<&str>, grounds: &[String], time: u64) {
    match digest.map(content) {
        Some(content) => {
            note(&content, grounds, time);
            note(object, &[content], time);
        }
        None => note(object, grounds, time),
    }
}

/// The name of content by its digest, apart from all names of objects.
fn content(digest: &str) -> String {
    format!("={}", digest.to_ascii_lowercase())
}

fn note(object: &str, grounds: &[String], time: u64) {
    if !fits(object) {
        return;
    }
    let mut sources = sources(object);
    for name in grounds {
        // One that cannot be kept is kept as such.
        let keeps = fits(name) && !name.contains('\n') && sources.len() < MAX_SOURCES;
        let name = if keeps { name.as_str() } else { UNKNOWN };
        if !sources.iter().any(|source| source.name == name) {
            sources.push(Source {
                since: time,
                name: name.to_owned(),
            });
        }
    }
    let lines: Vec<String> = sources
        .iter()
        .map(|source| format!("{} {}", source.since, source.name))
        .collect();
    ORIGINS.put(object, lines.join("\n").as_bytes());
}

fn fits(id: &str) -> bool {
    !id.is_empty() && id.len() <= MAX_ID
}

fn sources(object: &str) -> Vec<Source> {
    let text = ORIGINS.get(object).unwrap_or_default();
    let text = String::from_utf8_lossy(&text).into_owned();
    let source = |line: &str| {
        let (since, name) = line.split_once(' ')?;
        Some(Source {
            since: since.parse().ok()?,
            name: name.to_owned(),
        })
    };
    text.lines().filter_map(source).collect()
}

/// When a notice came, and under which agreement.
fn notice(id: &str) -> Option<(u64, String)> {
    let text = fits(id).then(|| NOTICES.get(id)).flatten()?;
    let text = String::from_utf8_lossy(&text).into_owned();
    let (time, agreement) = text.split_once(' ')?;
    Some((time.parse().ok()?, agreement.to_owned()))
}

/// Where these objects, named by id or digest, together come from: a notice anywhere among
/// them counts.
pub(crate) fn of_all(objects: &[String]) -> Origin {
    let mut independent = None;
    for object in objects {
        if !fits(object) {
            return Origin::TooFar("something whose id cannot be looked up".to_owned());
        }
        let mut seen = BTreeSet::new();
        for name in [object.clone(), content(object)] {
            match of(&name, &mut seen) {
                found @ (Origin::Notice(_) | Origin::TooFar(_)) => return found,
                Origin::Independent(source) => independent = independent.or(Some(source)),
                Origin::Unknown => {}
            }
        }
    }
    independent.map_or(Origin::Unknown, Origin::Independent)
}

/// Where one object comes from. A part that goes back to a notice taints it, unless it is content
/// that another source had before that notice came.
fn of(object: &str, seen: &mut BTreeSet<String>) -> Origin {
    if let Some((_, agreement)) = notice(object) {
        return Origin::Notice(format!(
            "notice {} under agreement {agreement}",
            short(object)
        ));
    }
    if seen.len() >= MAX_STEPS {
        return Origin::TooFar(format!("more than {MAX_STEPS} things"));
    }
    if !fits(object) || !seen.insert(object.to_owned()) {
        return Origin::Unknown;
    }
    let sources = sources(object);
    if sources.iter().any(|source| source.name == UNKNOWN) {
        let object = short(object);
        return Origin::TooFar(format!("a source of {object} that cannot be looked up"));
    }
    let free = sources
        .iter()
        .filter(|source| notice(&source.name).is_none() && self::sources(&source.name).is_empty())
        .min_by_key(|source| source.since);
    let mut independent = free.map(|source| short(&source.name));
    for source in &sources {
        // Of an object without a digest it is not known that the sources had the same.
        if let (true, Some(free), Some((came, _))) =
            (object.starts_with('='), free, notice(&source.name))
            && free.since < came
        {
            continue;
        }
        match of(&source.name, seen) {
            Origin::Independent(name) => independent = Some(name),
            Origin::Unknown => {}
            found => return found,
        }
    }
    independent.map_or(Origin::Unknown, Origin::Independent)
}

fn short(id: &str) -> String {
    id.chars().take(64).collect()
}
