//! Recognises inputs by what they hold.

use std::fmt;

use palisade_events::without_mark;
use serde::{Deserialize, Serialize};

use super::fault::{Fault, Stop};
use super::keys::Keys;
use super::records::{Framing, Records};
use super::recover::names::Sensor;
use super::recover::{Candidate, recover};

/// A compression that is undone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// gzip (RFC 1952), any number of members.
    Gzip,
    /// zstd (RFC 8878), any number of frames.
    Zstd,
}

impl Compression {
    /// The compression of data that begins with `bytes`.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [0x1f, 0x8b, 8, ..] => Some(Self::Gzip),
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Some(Self::Zstd),
            _ => None,
        }
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        })
    }
}

/// Whose JSON it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Dialect {
    /// Suricata's EVE.
    Eve,
    /// A log of Zeek. The path, such as `dns`, where records do not say it.
    Zeek(Option<String>),
    /// Events as Palisade writes them.
    Palisade,
}

/// What an input is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Format {
    /// A capture in the format of libpcap.
    Pcap,
    /// A capture in the format of pcapng.
    Pcapng,
    /// Records of a log: in JSON, or, of Zeek, in columns.
    Log(Dialect, Framing),
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pcap => f.write_str("pcap capture"),
            Self::Pcapng => f.write_str("pcapng capture"),
            Self::Log(Dialect::Eve, _) => f.write_str("Suricata EVE JSON"),
            Self::Log(Dialect::Zeek(None), _) => f.write_str("Zeek log"),
            Self::Log(Dialect::Zeek(Some(path)), _) => write!(f, "Zeek log `{path}`"),
            Self::Log(Dialect::Palisade, _) => f.write_str("Palisade NDJSON"),
        }
    }
}

/// How many records are tried, for the first may be the torn end of a rotated log, or
/// messages of other programs.
const TRIED: usize = 64;

/// The format of an input that begins with `bytes`; none if it is not accepted.
pub(super) fn format(bytes: &[u8], name: &str) -> Option<Format> {
    match bytes {
        [0xa1, 0xb2, 0xc3 | 0xcd, 0xd4 | 0x34, ..]
        | [0xd4 | 0x34, 0xc3 | 0xcd, 0xb2, 0xa1, ..]
        | [0xa1, 0xb2, 0x3c, 0x4d, ..]
        | [0x4d, 0x3c, 0xb2, 0xa1, ..] => return Some(Format::Pcap),
        [0x0a, 0x0d, 0x0d, 0x0a, ..] => return Some(Format::Pcapng),
        _ => {}
    }
    let bytes = without_mark(bytes);
    let framing = framing(bytes);
    let mut records = Records::new(bytes, framing, bytes.len().max(1));
    for _ in 0..TRIED {
        let record = records.next().ok()??;
        let record = records.bytes(&record);
        if is_header(record) {
            return Some(Format::Log(Dialect::Zeek(path_of_name(name)), framing));
        }
        let found = Keys::of(skip_prefix(record)).dialect(name);
        if let Some(dialect) = found.or_else(|| within(record, name)) {
            return Some(Format::Log(dialect, framing));
        }
    }
    None
}

/// Whether a line belongs to the header of a log of Zeek in columns.
fn is_header(line: &[u8]) -> bool {
    const LINES: [&[u8]; 2] = [b"#separator", b"#fields"];
    let rest = LINES.iter().find_map(|lead| line.strip_prefix(*lead));
    rest.is_some_and(|rest| {
        rest.first()
            .is_some_and(|byte| !byte.is_ascii_alphanumeric())
    })
}

/// Whose the objects are that lie within a record.
fn within(record: &[u8], name: &str) -> Option<Dialect> {
    let mut found = None;
    let sensors = [Sensor::Eve, Sensor::Zeek];
    let mut take = |candidate: Candidate<'_>| {
        let name = candidate.path.unwrap_or(name);
        let dialect = Keys::of(candidate.text.as_bytes()).dialect(name);
        let told = dialect.is_some();
        if found.is_none() {
            found = dialect;
        }
        if told {
            Ok(())
        } else {
            Err(Stop::Bad(Fault::Missing("event_type")))
        }
    };
    // What is taken is in `found`, and nothing is put anywhere.
    let _ = recover(record, &sensors, &mut take);
    found
}

/// Takes away what Suricata's `prefix` option and syslog put before the object.
pub(super) fn skip_prefix(record: &[u8]) -> &[u8] {
    let record = record.trim_ascii_start();
    match record.strip_prefix(b"@cee:") {
        Some(rest) => rest.trim_ascii_start(),
        None => record,
    }
}

/// Lines, unless there is an array or the first line does not end the object it begins.
fn framing(bytes: &[u8]) -> Framing {
    let begin = bytes.trim_ascii_start();
    if begin.starts_with(b"[") {
        return Framing::Documents;
    }
    let mut lines = begin.splitn(2, |byte| *byte == b'\n');
    let (first, more) = (
        lines.next().unwrap_or_default().trim_ascii_end(),
        lines.next(),
    );
    let open = first.starts_with(b"{") && !first.ends_with(b"}") && more.is_some();
    if open {
        Framing::Documents
    } else {
        Framing::Lines
    }
}

/// The path of a Zeek log by its file's name: `dns` of `logs/dns.12:00-13:00.log.gz`.
pub(super) fn path_of_name(name: &str) -> Option<String> {
    let file = name.rsplit(['/', '\\']).next()?;
    let path = file.split(['.', '-']).next()?;
    let fine = !path.is_empty()
        && path.len() <= 40
        && path
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        && (file.contains(".log") || super::zeek::is_known(path));
    fine.then(|| path.to_owned())
}

/// What an input that is not accepted begins with, for the message.
pub(super) fn describe(bytes: &[u8]) -> String {
    const KNOWN: [(&[u8], &str); 11] = [
        (b"%PDF", "it is a PDF document"),
        (b"PK\x03\x04", "it is a ZIP archive; unpack it first"),
        (b"BZh", "it is compressed with bzip2; unpack it first"),
        (b"\xfd7zXZ\0", "it is compressed with xz; unpack it first"),
        (b"\x04\"M\x18", "it is compressed with lz4; unpack it first"),
        (b"\x7fELF", "it is a program"),
        (
            b"\0asm",
            "it is a WebAssembly component; load it as a plugin instead",
        ),
        (b"SQLite format 3\0", "it is an SQLite database"),
        (
            b"snoop\0\0\0",
            "it is a snoop capture; convert it to pcap with editcap",
        ),
        (b"ARROW1", "it is an Arrow file"),
        (b"PAR1", "it is a Parquet file"),
    ];
    if let Some((_, what)) = KNOWN.iter().find(|(magic, _)| bytes.starts_with(magic)) {
        return (*what).to_owned();
    }
    let begin = without_mark(bytes).trim_ascii_start();
    if matches!(begin.first(), Some(b'{' | b'[')) {
        return "it is JSON, but no object in it has `event_type` and `timestamp` as EVE has, \
                `_path` and `ts` as Zeek has, or `kind` and `time` as Palisade has"
            .to_owned();
    }
    let shown = &begin[..begin.len().min(16)];
    match std::str::from_utf8(shown) {
        Ok(text) => format!("it begins with `{}`", text.escape_debug()),
        Err(_) => format!("it begins with the bytes {}", hex::encode(shown)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dialect(text: &str, name: &str) -> Option<(Dialect, Framing)> {
        match format(text.as_bytes(), name)? {
            Format::Log(dialect, framing) => Some((dialect, framing)),
            other => panic!("{other}"),
        }
    }

    #[test]
    fn captures() {
        for magic in [
            "a1b2c3d4", "d4c3b2a1", "a1b23c4d", "4d3cb2a1", "a1b2cd34", "34cdb2a1",
        ] {
            assert_eq!(
                format(&hex::decode(magic).unwrap(), ""),
                Some(Format::Pcap),
                "{magic}"
            );
        }
        assert_eq!(format(b"\n\r\r\n....", ""), Some(Format::Pcapng));
    }

    #[test]
    fn dialects_by_their_keys() {
        let eve = r#"{"timestamp":"x","event_type":"alert"}"#;
        assert_eq!(dialect(eve, ""), Some((Dialect::Eve, Framing::Lines)));
        assert_eq!(
            dialect(&format!("@cee: {eve}\n"), "").unwrap().0,
            Dialect::Eve
        );
        assert_eq!(
            dialect(&format!("\u{feff}\n{eve}\n"), "").unwrap().0,
            Dialect::Eve
        );
        assert_eq!(
            dialect(&format!("torn\"}}\n{eve}\n"), "").unwrap().0,
            Dialect::Eve
        );
        assert_eq!(
            dialect(&format!("[\n{eve}\n"), ""),
            Some((Dialect::Eve, Framing::Documents))
        );
        let pretty = "{\n  \"timestamp\": \"x\",\n  \"event_type\": \"al";
        assert_eq!(
            dialect(pretty, ""),
            Some((Dialect::Eve, Framing::Documents))
        );
        let palisade = r#"{"kind":"network.dns","time":"x"}"#;
        assert_eq!(dialect(palisade, "").unwrap().0, Dialect::Palisade);
        let zeek = r#"{"_path":"dns","ts":1}"#;
        assert_eq!(dialect(zeek, "").unwrap().0, Dialect::Zeek(None));
    }

    #[test]
    fn zeek_logs_that_do_not_say_their_path() {
        let path = |text: &str, name: &str| match dialect(text, name) {
            Some((Dialect::Zeek(path), _)) => path,
            other => panic!("{other:?}"),
        };
        let some = |path: &str| Some(path.to_owned());
        let bare = r#"{"ts":1,"uid":"C1"}"#;
        assert_eq!(
            path(bare, "/var/log/conn.12:00:00-13:00:00.log.gz"),
            some("conn")
        );
        assert_eq!(path(bare, "modbus_detailed.json"), some("modbus_detailed"));
        assert_eq!(
            path(r#"{"ts":1,"uid":"C1","qtype_name":"A"}"#, "-"),
            some("dns")
        );
        assert_eq!(path(bare, "-"), None);
        assert_eq!(path(r#"{"ts":1}"#, "stats.log"), some("stats"));
        assert_eq!(dialect(r#"{"ts":1}"#, "whatever.json"), None);
    }

    #[test]
    fn what_is_not_accepted_is_described() {
        assert_eq!(format(b"hello\nworld\n", ""), None);
        assert_eq!(format(br#"{"xarf_version":"4"}"#, ""), None);
        assert_eq!(format(b"[1,2,3]", ""), None);
        assert_eq!(
            describe(b"hello\x1b[0m"),
            "it begins with `hello\\u{1b}[0m`"
        );
        assert_eq!(describe(b"\xff\xfe"), "it begins with the bytes fffe");
        assert!(describe(b" {}").starts_with("it is JSON"));
    }
}
