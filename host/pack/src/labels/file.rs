//! Which files of a pack are read for labels, and as what.

use std::cell::Cell;

use palisade_events::without_mark;
use serde::de::IgnoredAny;

use super::node::Node;
use super::read::{Form, Reader};
use super::{Carried, Labels, MAX_READ, capture, packed, picture};
use crate::canonical;
use crate::invisible::{is_leftward, is_override};

/// The largest document that is taken apart at once, in bytes; lines are taken one by one.
const MAX_DOCUMENT: usize = 8 << 20;

/// Files that are read by people, by the ends of their names.
const PROSE: [&str; 12] = [
    "adoc", "css", "htm", "html", "js", "license", "md", "markdown", "rst", "svg", "txt", "toml",
];

/// Forms of documents that are text by their bytes and show something else, by what they begin with.
const SEALED: [(&str, &str); 3] = [("%PDF-", "PDF"), ("%!PS", "PostScript"), ("{\\rtf", "RTF")];
/// What the entries of a dataset carry.
///
/// # Errors
/// When a line is no JSON object; whoever loads the dataset would refuse it as well.
pub(crate) fn dataset(path: &str, bytes: &[u8], room: &Cell<usize>) -> Result<Carried, String> {
    let mut reader = Reader::new(Form::Data, path, room);
    for (number, line) in lines(bytes) {
        if !reader.takes(line.len()) {
            break;
        }
        let node: Node = serde_json::from_slice(line).map_err(|e| format!("line {number}: {e}"))?;
        if !matches!(node, Node::Map(_)) {
            return Err(format!("line {number}: an object is expected"));
        }
        reader.line = Some(number);
        if !reader.document(&node) {
            break;
        }
    }
    Ok(reader.finish(None))
}

/// What a file of `vectors/` or `docs/` carries. A dataset of a vector is a dataset; nothing else
/// there is refused.
pub(crate) fn other(path: &str, bytes: &[u8], room: &Cell<usize>) -> Carried {
    let vector = path.starts_with("vectors/");
    let of_dataset = vector && path.split('/').rev().nth(1) == Some("datasets");
    let form = match vector && !of_dataset {
        true => Form::Event,
        false => Form::Data,
    };
    let mut reader = Reader::new(form, path, room);
    if !reader.takes(bytes.len()) {
        return reader.finish(None);
    }
    let text = match std::str::from_utf8(without_mark(bytes)) {
        Ok(text) if !text.contains('\0') => text,
        _ => {
            if capture::is_whole(bytes) {
                passing(&mut reader, bytes);
            } else if picture::is_whole(bytes) {
                passing(&mut reader, bytes);
                // What cameras and editors say of a picture may be in UTF-16.
                for end in [None, Some(b' ')] {
                    passing(&mut reader, &narrow(bytes, end));
                }
            } else {
                let what = "it is neither text (UTF-8) nor a whole capture or picture of a kind \
                            that is known, so what it holds cannot be read; put in what is in it";
                reader.not_read("", what);
            }
            return reader.finish(None);
        }
    };
    let name = path.rsplit('/').next().unwrap_or(path);
    let end = name.rsplit('.').next().unwrap_or(name).to_ascii_lowercase();
    if end == "toml"
        && let Ok(node) = canonical::read_toml::<Node>(path, text)
    {
        // Settings say nothing of their own colour.
        reader.form = Form::Event;
        reader.document(&node);
        reader.text(&comments(text), false);
        return reader.finish(Some(text));
    }
    let structured = matches!(end.as_str(), "json" | "ndjson" | "jsonl" | "stix" | "csaf");
    if structured || text.trim_start().starts_with(['{', '[']) {
        if records(&mut reader, text) {
            return reader.finish(Some(text));
        }
        reader = Reader::new(form, path, room);
        if structured {
            let what = "it is neither a document of JSON nor one on each line, so what its fields \
                        say cannot be read; mend it, or give it another ending";
            reader.not_read("", what);
        }
    }
    sealed(&mut reader, text);
    if PROSE.contains(&end.as_str()) || !name.contains('.') {
        reader.text(text, false);
        if end == "svg" {
            own_entities(&mut reader, text);
        }
    } else {
        reader.text(text, true);
        own_entities(&mut reader, text);
        if form == Form::Data && !text.trim().is_empty() && reader.labels.tlp.is_none() {
            reader.unmarked();
        }
    }
    reader.finish(None)
}

/// What a text carries that is written for people.
pub(crate) fn text(path: &str, text: &str) -> Carried {
    let room = Cell::new(MAX_READ);
    let mut reader = Reader::new(Form::Event, path, &room);
    reader.text(text, false);
    reader.finish(None)
}

/// Tells entities that a document of XML defines itself, whose texts are not put in here.
fn own_entities(reader: &mut Reader<'_>, text: &str) {
    let Some(at) = text.find("<!ENTITY") else {
        return;
    };
    reader.line = Some(1 + memchr::memchr_iter(b'\n', &text.as_bytes()[..at]).count());
    let what = "it defines entities of its own, so what it says cannot be read; write out what they \
                stand for";
    reader.not_read("", what);
    reader.line = None;
}

/// What follows the first `#` of each line of TOML. In a string that is no comment, but nobody
/// who means no colour writes one there.
fn comments(text: &str) -> String {
    let comments = text.lines().map(|line| line.split_once('#'));
    let comments: Vec<&str> = comments.map(|c| c.map_or("", |(_, c)| c)).collect();
    comments.join("\n")
}

/// Bytes as text, of which some may be in UTF-16: without its zeroes, but with this for one that
/// ends other text, such as the `UNICODE` before what Exif says in UTF-16.
fn narrow(bytes: &[u8], end: Option<u8>) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    // How many bytes before are no zeroes.
    let mut run = 0;
    for byte in bytes {
        match byte {
            0 if run > 1 => out.extend(end),
            0 => {}
            other => out.push(*other),
        }
        run = if *byte == 0 { 0 } else { run + 1 };
    }
    out
}

/// Reads the texts that stand in something that is none. Its bytes form signs of direction, and
/// sequences of terminals, by chance.
fn passing(reader: &mut Reader<'_>, bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let seen = |c: &char| !is_override(*c) && !is_leftward(*c);
    // What of it cannot be read is there by chance as well.
    let _by_chance = reader.passing(&text.chars().filter(seen).collect::<String>(), false);
}

/// Tells a document whose text is packed in it.
fn sealed(reader: &mut Reader<'_>, text: &str) {
    let begin = text.trim_start();
    let form = SEALED.iter().find(|(sign, _)| begin.starts_with(sign));
    let form = match form {
        Some((_, form)) => form,
        None if packed::is_mail(text) => "mail in base64 or another encoding",
        None => return,
    };
    let what = format!("it is {form}, of which the text is not read; put it in as plain text");
    reader.not_read("", &what);
}

/// Reads one document, or one on each line; whether that is what the text is.
fn records(reader: &mut Reader<'_>, text: &str) -> bool {
    let is_json = |line: &[u8]| serde_json::from_slice::<IgnoredAny>(line).is_ok();
    if lines(text.as_bytes()).all(|(_, line)| is_json(line)) {
        // One after the other, so that no more than a line is held.
        for (number, line) in lines(text.as_bytes()) {
            let Ok(node) = serde_json::from_slice::<Node>(line) else {
                return false;
            };
            reader.line = Some(number);
            if !reader.document(&node) {
                break;
            }
        }
        return true;
    }
    if text.len() > MAX_DOCUMENT {
        let what = format!(
            "a document of more than {MAX_DOCUMENT} bytes is not read for labels; split it, or \
             write a record on each line"
        );
        reader.not_read("", &what);
        return true;
    }
    let nodes = serde_json::Deserializer::from_str(text).into_iter::<Node>();
    let Ok(nodes) = nodes.collect::<Result<Vec<Node>, _>>() else {
        return false;
    };
    for node in nodes {
        if !reader.document(&node) {
            break;
        }
    }
    true
}

/// Lines that are not empty, with their numbers from 1.
fn lines(bytes: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let lines = without_mark(bytes).split(|byte| *byte == b'\n');
    let numbered = (1..).zip(lines.map(<[u8]>::trim_ascii));
    numbered.filter(|(_, line)| !line.is_empty())
}

/// What the labels that an author states say in their own free words.
pub(crate) fn stated(labels: &Labels) -> Carried {
    let room = Cell::new(MAX_READ);
    let mut reader = Reader::new(Form::Data, crate::PACK_TOML, &room);
    let list = |words: &std::collections::BTreeSet<String>| {
        Node::List(words.iter().cloned().map(Node::Text).collect())
    };
    reader.record(&Node::Map(vec![
        ("labels".to_owned(), list(&labels.marks)),
        ("derived_from".to_owned(), list(&labels.derived_from)),
    ]));
    reader.labels.unmarked = false;
    reader.finish(None)
}
