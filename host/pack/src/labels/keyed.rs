//! Lines `key: value` of data that is not taken apart, such as YAML, where the key may be about a
//! colour of TLP without naming it.

use super::field::About;
use super::read::{Form, Reader, is_about_marking};
use super::tlp::Tlp;

/// The longest key and value that are looked at, in bytes.
const MAX_PART: usize = 64;

/// Reads the lines of a text. `colour: RED` is one of TLP below a key about markings, and else it
/// may be: a text that names no other colour of TLP has to say.
pub(super) fn read(reader: &mut Reader<'_>, text: &str) {
    // Keys that the line is within, by how far they stand in, and whether they or those around are
    // about markings.
    let mut around: Vec<(usize, bool)> = Vec::new();
    let mut bare = None::<(usize, &str, &str)>;
    // Whether it names a colour of TLP.
    let mut declared = false;
    let before = reader.line;
    for (number, line) in (1..).zip(text.lines()) {
        let inner = line.trim_start_matches([' ', '\t', '-']);
        let depth = line.len() - inner.len();
        let Some((key, value)) = inner.split_once([':', '=']) else {
            continue;
        };
        let sign = |c: char| c.is_whitespace() || "\"',;{}[]".contains(c);
        let (key, value) = (key.trim_matches(sign), value);
        let value = value
            .split('#')
            .next()
            .unwrap_or_default()
            .trim_matches(sign);
        if key.is_empty() || key.len() > MAX_PART {
            continue;
        }
        while around.last().is_some_and(|(outer, _)| *outer >= depth) {
            around.pop();
        }
        let within = around.last().is_some_and(|(_, marking)| *marking);
        if value.is_empty() {
            around.push((depth, within || is_about_marking(key)));
            continue;
        }
        if value.len() > MAX_PART {
            continue;
        }
        let Some(colour) = Tlp::from_name(value) else {
            continue;
        };
        let about = About::of(key);
        declared |= about == About::Colour;
        if colour <= Tlp::Green {
            continue;
        }
        let meant = match about {
            About::Hue => within,
            About::Marks | About::Circle => true,
            _ => continue,
        };
        reader.line = Some(number);
        if meant {
            reader.see(colour, key, value);
            reader.labels.tlp = reader.labels.tlp.max(Some(colour));
        } else {
            bare = bare.or(Some((number, key, value)));
        }
    }
    if let Some((number, key, value)) = bare
        && reader.form == Form::Data
        && !declared
        && reader.labels.tlp.is_none()
    {
        reader.line = Some(number);
        reader.bare_colour(key, value);
    }
    reader.line = before;
}
