//! Parses greetings: a line `GREET name`, and its answer `HELLO name`.

use palisade_sdk::kinds::MessageDirection;
use palisade_sdk::{
    Chunk, Direction, Kind, Outcome, Parser, Recognition, Settings, SettingsError, Tables,
    attribute, export_parser, field,
};

/// The longest line, in bytes. Whatever a peer can make grow needs a bound.
const MAX_LINE: usize = 1024;

/// The plugin. It keeps nothing of a session: lines stand by themselves.
pub struct Plugin;

/// What a line of each side begins with.
fn word(direction: Direction) -> &'static [u8] {
    match direction {
        Direction::ToServer => b"GREET ",
        Direction::ToClient => b"HELLO ",
    }
}

impl Parser for Plugin {
    fn configure(_: &Settings) -> Result<Self, SettingsError> {
        Ok(Self)
    }

    fn probe(&self, chunk: &Chunk<'_>) -> Recognition {
        let word = word(chunk.direction);
        if chunk.bytes.starts_with(word) {
            Recognition::Yes
        } else if word.starts_with(chunk.bytes) {
            Recognition::More
        } else {
            Recognition::No
        }
    }

    fn parse(&mut self, chunk: &Chunk<'_>, out: &mut Tables) -> Outcome {
        if chunk.gap > 0 {
            return Outcome::error(0, "bytes before this line are missing");
        }
        let mut consumed = 0;
        for line in chunk.bytes.split_inclusive(|byte| *byte == b'\n') {
            let Some(text) = line.strip_suffix(b"\n") else {
                if line.len() > MAX_LINE {
                    return Outcome::error(consumed, "a line of at most 1024 bytes");
                }
                return Outcome::Incomplete { consumed, needed: 0 };
            };
            let Some(name) = text.strip_prefix(word(chunk.direction)) else {
                return Outcome::error(consumed, "GREET or HELLO, and a name");
            };
            let (operation, direction) = match chunk.direction {
                Direction::ToServer => ("greet", MessageDirection::Request),
                Direction::ToClient => ("hello", MessageDirection::Response),
            };
            out.event(Kind::NetworkApp)
                .text(field!("protocol"), "{{name}}")
                .text(field!("operation"), operation)
                .u8(field!("direction"), direction as u8)
                .attribute(attribute!("{{name}}.name"), &String::from_utf8_lossy(name));
            consumed += line.len();
        }
        Outcome::Done
    }

    fn close(&mut self, _session: u32) {}
}

export_parser!(Plugin);

#[cfg(test)]
mod tests {
    use palisade_sdk::testing::{Harness, chunk};
    use palisade_sdk::{Direction, Outcome};

    use super::Plugin;

    #[test]
    fn half_a_line_waits_for_the_rest() {
        let mut plugin = Harness::<Plugin>::parser(include_str!("../plugin.toml"), &[]).unwrap();
        let parsed = plugin.parse(&[chunk(Direction::ToServer, b"GREET ada\nGREET b")]);
        assert_eq!(parsed.events.len(), 1);
        let outcome = Outcome::Incomplete { consumed: 10, needed: 0 };
        assert_eq!(parsed.outcomes, [outcome]);
    }
}
