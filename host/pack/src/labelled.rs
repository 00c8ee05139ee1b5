//! What the files of a pack carry, against what its manifest says of it.

use std::cell::Cell;

use crate::labels::{self, Carried, Ground, Labels, Restriction, Tlp, Unread};
use crate::manifest::{PACK_TOML, PackManifest};
use crate::{Content, Refusal};

/// Most of what is not understood that is told of a pack, and most places that restrict it.
const MAX_UNREAD: usize = 64;

/// The largest file that is read for labels as a whole, in bytes: what a document says is looked at
/// in several views of it, which are held together.
const MAX_WHOLE: usize = 8 << 20;
/// The longest record on a line that is read for labels; taken apart it is many times as large.
const MAX_RECORD: usize = 1 << 20;
/// The longest line of a dataset, as where it is loaded.
const MAX_ENTRY: usize = 64 << 10;

/// What a file of a pack says of passing it on. What is read of it is taken from `room`. Components and the bill of materials, which
/// follows from them, say nothing that could be read.
pub(crate) fn carried(path: &str, bytes: &[u8], room: &Cell<usize>) -> Result<Carried, Refusal> {
    Ok(match path.split_once('/') {
        Some(("datasets", _)) => {
            if let Some(line) = longer_line(bytes, MAX_ENTRY) {
                let problem = format!("line {line}: it has more than {MAX_ENTRY} bytes");
                return Err(crate::canonical::malformed(path, problem));
            }
            let read = labels::dataset(path, bytes, room);
            read.map_err(|problem| crate::canonical::malformed(path, problem))?
        }
        Some((folder @ ("vectors" | "docs"), name)) => {
            let mut carried = match unreadable(path, bytes) {
                Some(problem) => Carried {
                    unread: vec![Unread {
                        file: path.to_owned(),
                        line: None,
                        field: String::new(),
                        problem,
                        perhaps: Some(Tlp::Red),
                    }],
                    ..Carried::default()
                },
                None => labels::other(path, bytes, room),
            };
            // Those of vectors say what they try.
            if folder == "docs" {
                carried.add(labels::text(path, name));
            }
            carried
        }
        None if path == PACK_TOML => labels::text(path, &String::from_utf8_lossy(bytes)),
        _ => Carried::default(),
    })
}

/// Why a file is too large to be read for labels; records on lines are read one by one.
fn unreadable(path: &str, bytes: &[u8]) -> Option<String> {
    let is_records = [".ndjson", ".jsonl"].iter().any(|end| path.ends_with(end));
    if is_records {
        let line = longer_line(bytes, MAX_RECORD)?;
        return Some(format!(
            "line {line} has more than {MAX_RECORD} bytes and is not read for labels; write less on a line"
        ));
    }
    (bytes.len() > MAX_WHOLE).then(|| {
        format!(
            "it has more than {MAX_WHOLE} bytes and is not read for labels; split it, or write a \
             record on each line of a file that ends in .ndjson"
        )
    })
}

/// The number, from 1, of the first line that has more bytes.
fn longer_line(bytes: &[u8], most: usize) -> Option<usize> {
    let mut lines = bytes.split(|byte| *byte == b'\n');
    Some(lines.position(|line| line.trim_ascii().len() > most)? + 1)
}

/// Compares the labels that the manifest states with those that the files carry; what is not
/// understood, and where they stand.
pub(crate) fn check_labels(
    content: &Content,
    manifest: &PackManifest,
) -> Result<(Vec<Unread>, Vec<Ground>), Refusal> {
    let all = &manifest.labels;
    let (mut unread, mut grounds) = (Vec::new(), Vec::new());
    let counts = |ground: &Ground| match ground.restriction {
        Restriction::Colour(colour) => all.tlp == Some(colour),
        Restriction::NoColour => all.unmarked,
        _ => true,
    };
    let mut check = |file: &str, has: &Labels, carried: Carried| match has.lacks(&carried.labels) {
        Some(label) => Err(Refusal::LabelDropped {
            label,
            file: file.to_owned(),
        }),
        None => {
            let room = MAX_UNREAD.saturating_sub(unread.len());
            let beyond = |it: &Unread| it.perhaps.is_none_or(|colour| all.tlp < Some(colour));
            unread.extend(carried.unread.into_iter().filter(beyond).take(room));
            let room = MAX_UNREAD.saturating_sub(grounds.len());
            grounds.extend(carried.grounds.into_iter().filter(counts).take(room));
            Ok(())
        }
    };
    check(PACK_TOML, all, labels::stated(all))?;
    let room = Cell::new(labels::MAX_READ);
    for (path, bytes) in content.files() {
        let path = path.as_str();
        let dataset = path
            .strip_prefix("datasets/")
            .and_then(|file| manifest.datasets.get(file.strip_suffix(".ndjson")?));
        let mut found = carried(path, bytes, &room)?;
        if let Some(entry) = dataset {
            found.add(labels::stated(&entry.labels));
            check(path, &entry.labels, found)?;
            found = Carried::from(entry.labels.clone());
        }
        check(path, all, found)?;
    }
    // What nothing in it says, its author has stated.
    let told = |ground: &Ground| matches!(ground.restriction, Restriction::Colour(_));
    if let Some(colour) = all.tlp.filter(|tlp| *tlp > Tlp::Clear)
        && !grounds.iter().any(told)
    {
        grounds.push(Ground {
            restriction: Restriction::Colour(colour),
            file: PACK_TOML.to_owned(),
            line: None,
            field: "tlp".to_owned(),
            text: colour.to_string(),
        });
    }
    Ok((unread, grounds))
}
