//! A case as one file, to be executed again somewhere else.
//!
//! A tar archive of `bundle.json` (what it is, with the digests of the rest), `said.json` (the
//! finding or decision as the database has it), `evidence/0` and so on (the calls), `component/` and
//! a digest, and `receipt.json` where a swap brought the generation. It is read into memory, and
//! nothing of it is ever a path of the file system; it may come from anybody, so that everything is
//! bounded and held against its digests before it is used. Digests that fit say that it is whole,
//! not who made it: for that, compare the evidence's digest with the one that the server's database
//! has.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};

use palisade_pipeline::replay::{KeptCall, MAX_CALL, MAX_LIST, ReplayError};
use palisade_sinks::SaidRow;
use palisade_store::Digest;
use serde::{Deserialize, Serialize};
use tar::{Archive, Builder, EntryType, Header};

use super::case::{Case, CaseCall, CaseError, MAX_COMPONENT};

/// The version of the format.
const FORMAT: u32 = 1;
/// The most entries of a bundle.
const MAX_ENTRIES: usize = 600;
/// The most calls, and so components.
const MAX_CALLS: usize = 256;
/// Bytes of all entries together.
const MAX_BUNDLE: u64 = 512 << 20;
/// Bytes of a call's evidence in it.
const MAX_EVIDENCE: u64 = 96 << 20;
/// Bytes of anything else but a component.
const MAX_TEXT: u64 = 4 << 20;

/// Why a bundle cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// The file.
    #[error("the bundle cannot be written or read: {0}")]
    Io(#[from] io::Error),
    /// It is none.
    #[error("it is no bundle: {0}")]
    Malformed(String),
    /// A part of it is not what the rest says.
    #[error("the bundle is not what it says: {0}")]
    Doctored(String),
}

/// What a bundle says it is.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct About {
    format: u32,
    /// The version that made it.
    palisade: String,
    id: String,
    /// `finding` or `decision`.
    kind: String,
    /// BLAKE3 of `said.json`.
    said: String,
    /// Of each call, BLAKE3 of its evidence.
    evidence: Vec<String>,
    /// The digests of the components.
    components: Vec<String>,
}

fn malformed(problem: impl std::fmt::Display) -> BundleError {
    BundleError::Malformed(problem.to_string())
}

impl Case {
    /// Writes the case as a bundle. The same case is the same bytes.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write_bundle(&self, to: impl Write) -> Result<(), BundleError> {
        let (kind, said) = match &self.said {
            SaidRow::Finding(json) => ("finding", json),
            SaidRow::Decision(json) => ("decision", json),
        };
        let about = About {
            format: FORMAT,
            palisade: env!("CARGO_PKG_VERSION").to_owned(),
            id: self.id.to_string(),
            kind: kind.to_owned(),
            said: Digest::of(said.as_bytes()).to_string(),
            evidence: self.calls.iter().map(|call| call.digest.clone()).collect(),
            components: self.components.keys().cloned().collect(),
        };
        let about = serde_json::to_vec_pretty(&about).map_err(malformed)?;
        let mut builder = Builder::new(to);
        let mut add = |path: &str, bytes: &[u8]| {
            let mut header = Header::new_ustar();
            header.set_entry_type(EntryType::Regular);
            header.set_mode(0o644);
            header.set_size(bytes.len() as u64);
            builder.append_data(&mut header, path, bytes)
        };
        add("bundle.json", &about)?;
        add("said.json", said.as_bytes())?;
        if let Some(receipt) = &self.receipt {
            add("receipt.json", receipt.as_bytes())?;
        }
        for (call, at) in self.calls.iter().zip(0..) {
            add(&format!("evidence/{at}"), &call.bytes)?;
        }
        for (digest, bytes) in &self.components {
            add(&format!("component/{digest}"), bytes)?;
        }
        builder.into_inner()?.flush()?;
        Ok(())
    }

    /// Reads a bundle, whoever made it.
    ///
    /// # Errors
    /// When it is none, is larger than may be, or a part of it is not what it says.
    pub fn read_bundle(from: impl Read) -> Result<Case, CaseError> {
        let mut entries = entries(from)?;
        let mut text = |name: &str| -> Result<String, BundleError> {
            let bytes = entries
                .remove(name)
                .ok_or_else(|| malformed(format!("there is no {name}")))?;
            String::from_utf8(bytes).map_err(|_| malformed(format!("{name} is no text")))
        };
        let about: About = serde_json::from_str(&text("bundle.json")?)
            .map_err(|error| malformed(format!("bundle.json: {error}")))?;
        if about.format != FORMAT {
            return Err(malformed(format!(
                "its format is {}, and this reads {FORMAT}",
                about.format
            ))
            .into());
        }
        let said = text("said.json")?;
        if Digest::of(said.as_bytes()).to_string() != about.said {
            return Err(doctored("said.json has another digest").into());
        }
        let receipt = text("receipt.json").ok();
        let id = about.id.parse().map_err(|error: String| malformed(error))?;
        if about.evidence.is_empty() || about.evidence.len() > MAX_CALLS {
            return Err(malformed(format!("it has {} calls", about.evidence.len())).into());
        }
        let mut components = BTreeMap::new();
        for digest in &about.components {
            let bytes = entries.remove(&format!("component/{digest}"));
            let bytes =
                bytes.ok_or_else(|| malformed(format!("there is no component {digest}")))?;
            let found = Digest::of(&bytes).to_string();
            if found != *digest {
                return Err(doctored(&format!("component {digest} is {found}")).into());
            }
            components.insert(digest.clone(), bytes);
        }
        let mut calls: Vec<CaseCall> = Vec::new();
        // All calls together have no more than one may.
        let (mut left, mut listed) = (MAX_CALL, 0);
        for (digest, at) in about.evidence.iter().zip(0..) {
            let bytes = entries.remove(&format!("evidence/{at}"));
            let bytes = bytes.ok_or_else(|| malformed(format!("there is no evidence/{at}")))?;
            let found = KeptCall::digest_of(&bytes).to_string();
            if found != *digest {
                return Err(
                    doctored(&format!("evidence/{at} is {found}, and not {digest}")).into(),
                );
            }
            if calls.iter().any(|call| call.digest == found) {
                return Err(malformed(format!("evidence/{at} is there twice")).into());
            }
            let call = KeptCall::decode_within(&bytes, &mut left)?;
            listed += call.entries();
            if listed > MAX_LIST {
                let problem = format!("its calls have lists of more than {MAX_LIST} entries");
                return Err(malformed(problem).into());
            }
            if !components.contains_key(&call.plugin.digest) {
                return Err(doctored(&format!(
                    "evidence/{at} is of a component that is not in it"
                ))
                .into());
            }
            calls.push(CaseCall {
                bytes,
                digest: found,
                call,
                reproduced: None,
            });
        }
        if let Some(left) = entries.keys().next() {
            return Err(malformed(format!("{left} belongs to nothing in it")).into());
        }
        let said = match &*about.kind {
            "finding" => SaidRow::Finding(said),
            "decision" => SaidRow::Decision(said),
            other => {
                return Err(malformed(format!(
                    "`{}` is nothing that it can be of",
                    other.escape_default()
                ))
                .into());
            }
        };
        let case = Case {
            id,
            said,
            calls,
            components,
            receipt,
        };
        case.is_of_its_finding()?;
        Ok(case)
    }

    /// What a bundle is said to be of must be what its calls filed.
    fn is_of_its_finding(&self) -> Result<(), BundleError> {
        let said = self.calls.iter().flat_map(|call| &call.call.said);
        let mut mine = said.filter(|said| said.number == self.id.number).peekable();
        if mine.peek().is_none() {
            return Err(doctored(&format!("none of its calls filed {}", self.id)));
        }
        if let SaidRow::Finding(json) = &self.said
            && !mine.any(|said| said.json == *json)
        {
            return Err(doctored("said.json is not what its call filed"));
        }
        Ok(())
    }
}

fn doctored(problem: &str) -> BundleError {
    BundleError::Doctored(problem.to_owned())
}

/// How large an entry of this name may be; `None`: there is none of this name.
fn most(name: &str) -> Option<u64> {
    match name {
        "bundle.json" | "said.json" | "receipt.json" => Some(MAX_TEXT),
        name => match name.split_once('/')? {
            ("evidence", number) => {
                let at: usize = number.parse().ok()?;
                (at < MAX_CALLS && at.to_string() == number).then_some(MAX_EVIDENCE)
            }
            ("component", digest) => {
                let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
                (digest.len() == 64 && digest.bytes().all(hex)).then_some(MAX_COMPONENT)
            }
            _ => None,
        },
    }
}

/// The files of an archive, by name: regular ones of the names that there are, each once.
fn entries(from: impl Read) -> Result<BTreeMap<String, Vec<u8>>, BundleError> {
    let mut archive = Archive::new(from.take(MAX_BUNDLE));
    let mut found = BTreeMap::new();
    let mut total = 0;
    // Without what other entries say of an entry, such as a long name, which would be read whole.
    let archive = archive.entries().map_err(malformed)?.raw(true);
    for (count, entry) in archive.enumerate() {
        let mut entry = entry.map_err(malformed)?;
        if count >= MAX_ENTRIES {
            return Err(malformed(format!("it has more than {MAX_ENTRIES} entries")));
        }
        let raw = entry.path_bytes().into_owned();
        let name = String::from_utf8_lossy(&raw).into_owned();
        let shown = name.escape_default();
        let Some(most) = most(&name) else {
            return Err(malformed(format!("`{shown}` is no part of one")));
        };
        if entry.header().entry_type() != EntryType::Regular {
            return Err(malformed(format!("`{shown}` is no regular file")));
        }
        let size = entry.size();
        total += size;
        if size > most || total > MAX_BUNDLE {
            return Err(malformed(format!(
                "`{shown}` has {size} bytes, which is too much"
            )));
        }
        // The stated size is hostile: nothing is set aside for it in advance.
        let mut bytes = Vec::new();
        entry
            .by_ref()
            .take(size)
            .read_to_end(&mut bytes)
            .map_err(malformed)?;
        if bytes.len() as u64 != size {
            return Err(malformed(format!("`{shown}` is cut off")));
        }
        if found.insert(name.clone(), bytes).is_some() {
            return Err(malformed(format!("`{shown}` is there twice")));
        }
    }
    match found.is_empty() {
        true => Err(malformed("it is empty, or no tar archive")),
        false => Ok(found),
    }
}

impl From<ReplayError> for BundleError {
    fn from(error: ReplayError) -> BundleError {
        malformed(error)
    }
}

#[cfg(test)]
mod tests {
    use palisade_pipeline::replay::{KeptOccasion, KeptPlugin, KeptSaid};

    use super::*;

    fn case() -> Case {
        let component = b"component".to_vec();
        let digest = Digest::of(&component).to_string();
        let call = KeptCall {
            host: "0.1.0".into(),
            epoch: 7,
            generation: 1,
            composition: String::new(),
            plugin: KeptPlugin {
                digest: digest.clone(),
                ..KeptPlugin::default()
            },
            datasets: Vec::new(),
            export: "on-timer".into(),
            occasion: KeptOccasion::Timers {
                tenant: "t".into(),
                fired: Vec::new(),
            },
            asked: Vec::new(),
            filed: 1,
            said: vec![KeptSaid {
                nth: 0,
                number: 3,
                json: "{}".into(),
            }],
            cited: None,
        };
        let bytes = call.encode().unwrap();
        Case {
            id: "7/3".parse().unwrap(),
            said: SaidRow::Finding("{}".into()),
            calls: vec![CaseCall {
                digest: KeptCall::digest_of(&bytes).to_string(),
                bytes,
                call,
                reproduced: None,
            }],
            components: BTreeMap::from([(digest, component)]),
            receipt: None,
        }
    }

    fn bytes(case: &Case) -> Vec<u8> {
        let mut bytes = Vec::new();
        case.write_bundle(&mut bytes).unwrap();
        bytes
    }

    fn refused(bytes: &[u8]) -> String {
        Case::read_bundle(bytes).unwrap_err().to_string()
    }

    #[test]
    fn a_bundle_comes_back_and_no_part_of_it_can_be_another() {
        let case = case();
        let whole = bytes(&case);
        assert_eq!(whole, bytes(&case));
        let again = Case::read_bundle(&whole[..]).unwrap();
        assert_eq!((again.id, &again.said), (case.id, &case.said));
        assert_eq!(again.calls[0].call, case.calls[0].call);
        for (what, says) in [(0, "evidence/0"), (1, "component"), (2, "said.json")] {
            let mut other = case.clone();
            match what {
                0 => other.calls[0].bytes.push(0),
                1 => other
                    .components
                    .values_mut()
                    .for_each(|bytes| bytes.push(0)),
                _ => other.said = SaidRow::Finding(r#"{"a":1}"#.into()),
            }
            let error = refused(&bytes(&other));
            assert!(
                error.contains("not what it says") && error.contains(says),
                "{error}"
            );
        }
        let mut other = case.clone();
        other.id = "7/4".parse().unwrap();
        assert!(refused(&bytes(&other)).contains("filed 7/4"));
        for at in 0..whole.len() / 512 {
            let _ = Case::read_bundle(&whole[..at * 512]).map(|_| ());
        }
    }

    fn archive(entries: &[(&str, EntryType, &[u8])]) -> Vec<u8> {
        let mut builder = Builder::new(Vec::new());
        for (name, kind, bytes) in entries {
            let mut header = Header::new_gnu();
            header.set_entry_type(*kind);
            header.set_size(bytes.len() as u64);
            // As no honest writer would: it refuses such names itself.
            header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
            header.set_cksum();
            builder.append(&header, *bytes).unwrap();
        }
        builder.into_inner().unwrap()
    }

    #[test]
    fn what_is_no_part_of_a_bundle_is_refused() {
        let regular = EntryType::Regular;
        for (name, kind) in [
            ("../../etc/passwd", regular),
            ("/etc/passwd", regular),
            ("evidence/../0", regular),
            ("evidence/00", regular),
            ("evidence/256", regular),
            ("component/abc", regular),
            ("other", regular),
            ("said.json", EntryType::Symlink),
            ("said.json", EntryType::Link),
            ("said.json", EntryType::Fifo),
            ("said.json", EntryType::Directory),
        ] {
            let error = refused(&archive(&[(name, kind, b"")]));
            assert!(error.contains("no bundle"), "{name}: {error}");
        }
        let twice = archive(&[("said.json", regular, b"{}"), ("said.json", regular, b"{}")]);
        assert!(refused(&twice).contains("twice"));
        assert!(refused(&archive(&[("said.json", regular, b"{}")])).contains("bundle.json"));
        assert!(refused(b"").contains("empty"));
        assert!(refused(&[7; 4096]).contains("no bundle"));
        // A size that is stated and not there, and one that is too much.
        for size in [MAX_TEXT, MAX_TEXT + 1, u64::MAX / 2] {
            let mut header = Header::new_gnu();
            header.set_entry_type(regular);
            header.set_path("said.json").unwrap();
            header.set_size(size);
            header.set_cksum();
            assert!(refused(header.as_bytes()).contains("no bundle"));
        }
    }

    #[test]
    fn a_bundle_has_an_end() {
        let regular = EntryType::Regular;
        let names: Vec<String> = (0..MAX_CALLS).map(|at| format!("evidence/{at}")).collect();
        let digests: Vec<String> = (0..400).map(|at| format!("component/{at:064x}")).collect();
        let names = names.iter().chain(&digests);
        let entries: Vec<(&str, EntryType, &[u8])> = names
            .map(|name| (name.as_str(), regular, &b""[..]))
            .collect();
        assert!(refused(&archive(&entries)).contains("more than 600 entries"));
        assert!(refused(&archive(&entries[..600])).contains("bundle.json"));
    }

    #[test]
    fn a_bundle_of_lists_without_end_is_refused() {
        let packed = |calls: Vec<KeptCall>| {
            let mut case = case();
            let of = |call: KeptCall| {
                let bytes = call.encode().unwrap();
                CaseCall {
                    digest: KeptCall::digest_of(&bytes).to_string(),
                    bytes,
                    call,
                    reproduced: None,
                }
            };
            case.calls = calls.into_iter().map(of).collect();
            let mut bundle = Vec::new();
            case.write_bundle(&mut bundle).unwrap();
            Case::read_bundle(&*bundle).map_err(|error| error.to_string())
        };
        let call = |epoch, datasets| KeptCall {
            epoch,
            datasets: vec![(String::new(), None); datasets],
            ..case().calls.remove(0).call
        };
        assert!(packed(vec![call(7, 10), call(7, 11)]).is_ok());
        let half = MAX_LIST / 2;
        let problem = packed(vec![call(7, half), call(7, half + 1)]).unwrap_err();
        assert!(problem.contains("more than 262144 entries"), "{problem}");
        let problem = packed(vec![call(7, 10), call(7, 10)]).unwrap_err();
        assert!(problem.contains("there twice"), "{problem}");
    }

    #[test]
    fn long_names_of_an_archive_are_not_read() {
        let mut builder = Builder::new(Vec::new());
        let mut header = Header::new_gnu();
        let name = "x".repeat(1 << 20);
        header.set_entry_type(EntryType::GNULongName);
        header.set_size(name.len() as u64);
        builder
            .append_data(&mut header, "././@LongLink", name.as_bytes())
            .unwrap();
        let bytes = builder.into_inner().unwrap();
        let problem = entries(&*bytes).unwrap_err().to_string();
        assert!(problem.len() < 200, "{}", problem.len());
    }
}
