//! Inputs that a vector's author did not think of: its own, with something in them changed.
//!
//! What is changed follows from a seed, so that a certifier's run can be made again.

use palisade_events::Event;
use palisade_events::json::{Mode, parse_event, write_event};
use serde_json::Value;

use crate::vector::Input;

/// Numbers at which code tends to go wrong.
const NUMBERS: [u64; 7] = [
    0,
    1,
    255,
    65_535,
    4_294_967_295,
    9_223_372_036_854_775_807,
    u64::MAX,
];
/// Texts at which code tends to go wrong.
const TEXTS: [&str; 6] = ["", "\u{0}", "..", "\u{202e}abc", "%s%n", "\u{1f512}é"];
/// Bytes before the first packet of a capture, and before each.
const FILE_HEADER: usize = 24;
const PACKET_HEADER: usize = 16;

/// Numbers that follow from a seed.
pub(super) struct Seeded(blake3::OutputReader);

impl Seeded {
    pub(super) fn new(seed: &[u8]) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("Palisade certification fuzzing v1");
        hasher.update(seed);
        Self(hasher.finalize_xof())
    }

    /// A number below `limit`, or 0 when that is 0.
    fn below(&mut self, limit: usize) -> usize {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        (u64::from_le_bytes(bytes) % (limit.max(1) as u64)) as usize
    }
}

/// The input with something changed; nothing if no change gave an input that can be read.
pub(super) fn changed(input: &Input, random: &mut Seeded) -> Option<Input> {
    match input {
        Input::Events(events) => Some(Input::Events(changed_events(events, random)?)),
        Input::Requests(events) => Some(Input::Requests(changed_events(events, random)?)),
        Input::Capture(bytes) => Some(Input::Capture(changed_capture(bytes, random)?)),
    }
}

fn changed_events(events: &[Event], random: &mut Seeded) -> Option<Vec<Event>> {
    if events.is_empty() {
        return None;
    }
    for _ in 0..16 {
        let mut changed = events.to_vec();
        let at = random.below(changed.len());
        let mut line = Vec::new();
        write_event(&mut line, &changed[at]).ok()?;
        let mut json: Value = serde_json::from_slice(&line).ok()?;
        change(&mut json, random);
        let line = serde_json::to_vec(&json).ok()?;
        if let Ok(event) = parse_event(&line, Mode::Vector) {
            changed[at] = event;
            return Some(changed);
        }
    }
    None
}

/// Changes one leaf.
fn change(value: &mut Value, random: &mut Seeded) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            let at = random.below(fields.len());
            let name = fields.keys().nth(at).cloned().unwrap_or_default();
            if random.below(8) == 0 {
                fields.remove(&name);
            } else if let Some(field) = fields.get_mut(&name) {
                change(field, random);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            let at = random.below(items.len());
            match random.below(4) {
                0 => drop(items.remove(at)),
                1 => items.push(items[at].clone()),
                _ => change(&mut items[at], random),
            }
        }
        Value::Number(number) => {
            *number = NUMBERS[random.below(NUMBERS.len())].into();
        }
        Value::String(text) => match random.below(3) {
            0 => *text = text.repeat(100),
            1 => text.push_str(TEXTS[random.below(TEXTS.len())]),
            _ => *text = TEXTS[random.below(TEXTS.len())].into(),
        },
        Value::Bool(flag) => *flag = !*flag,
        _ => {}
    }
}

/// Changes bytes behind the link header of some packets of a classic little-endian capture.
fn changed_capture(bytes: &[u8], random: &mut Seeded) -> Option<Vec<u8>> {
    let magic = bytes.get(..4)?;
    if magic != [0xd4, 0xc3, 0xb2, 0xa1] && magic != [0x4d, 0x3c, 0xb2, 0xa1] {
        return None;
    }
    let mut packets = Vec::new();
    let mut at = FILE_HEADER;
    while let Some(length) = bytes.get(at + 8..at + 12) {
        let length = u32::from_le_bytes(length.try_into().ok()?) as usize;
        let data = at + PACKET_HEADER;
        if length > 14 && bytes.len() >= data + length {
            packets.push((data + 14, length - 14));
        }
        at = data.checked_add(length)?;
    }
    if packets.is_empty() {
        return None;
    }
    let mut changed = bytes.to_vec();
    for _ in 0..=random.below(8) {
        let (start, length) = packets[random.below(packets.len())];
        changed[start + random.below(length)] = random.below(256) as u8;
    }
    Some(changed)
}
