//! What a component says it was made with and of: the sections `producers` (WebAssembly tool
//! conventions) and `.dep-v0` (`cargo auditable`), at any depth. A module that somebody else
//! built, such as the interpreter of a JavaScript plugin, brings its own.
//!
//! Whoever built the component wrote this, and nothing proves it; it is covered by the digest,
//! so that who signs the pack answers for it.

use std::collections::BTreeSet;
use std::io::Read as _;

use auditable_serde::VersionInfo;
use wasmparser::{CustomSectionReader, KnownCustom, Parser, Payload};

/// The section that lists crates.
const CRATES: &str = ".dep-v0";
/// The most lists of a component, and the most crates of all of them.
const MAX_LISTS: usize = 16;
const MAX_CRATES: usize = 4096;
/// The largest list, decompressed.
const MAX_LIST_BYTES: u64 = 1 << 20;
/// The most tools, and the most bytes of each name and version.
const MAX_TOOLS: usize = 256;
const MAX_TEXT: usize = 256;

/// What a component says it was made with and of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origin {
    /// Field (`language`, `processed-by`, `sdk`), name and version, which may be empty.
    pub tools: BTreeSet<(String, String, String)>,
    /// A list of crates for each module or component that has one.
    pub crates: Vec<VersionInfo>,
}

impl Origin {
    /// Reads the sections of a component. Nothing of it runs.
    ///
    /// # Errors
    /// What is wrong, when a section is damaged or there is more than the limits allow.
    pub(crate) fn read(component: &[u8]) -> Result<Origin, String> {
        let mut origin = Origin::default();
        for payload in Parser::new(0).parse_all(component) {
            if let Payload::CustomSection(section) = payload.map_err(|e| e.to_string())? {
                match section.name() {
                    "producers" => origin.add_tools(&section)?,
                    CRATES => origin.add_crates(section.data())?,
                    _ => {}
                }
            }
        }
        let crates: usize = origin.crates.iter().map(|list| list.packages.len()).sum();
        if crates > MAX_CRATES {
            return Err(format!(
                "it lists {crates} crates; at most {MAX_CRATES} are read"
            ));
        }
        Ok(origin)
    }

    fn add_tools(&mut self, section: &CustomSectionReader<'_>) -> Result<(), String> {
        let wrong = |e: wasmparser::BinaryReaderError| format!("its `producers` section: {e}");
        let KnownCustom::Producers(fields) = section.as_known() else {
            return Err("its `producers` section cannot be read".into());
        };
        for field in fields {
            let field = field.map_err(wrong)?;
            for value in field.values {
                let value = value.map_err(wrong)?;
                let parts = [field.name, value.name, value.version];
                if parts.iter().any(|part| part.len() > MAX_TEXT) || self.tools.len() >= MAX_TOOLS {
                    return Err(format!(
                        "its `producers` sections name more than {MAX_TOOLS} tools, or one with \
                         more than {MAX_TEXT} bytes"
                    ));
                }
                self.tools.insert(parts.map(str::to_owned).into());
            }
        }
        Ok(())
    }

    fn add_crates(&mut self, zlib: &[u8]) -> Result<(), String> {
        if self.crates.len() >= MAX_LISTS {
            return Err(format!("it has more than {MAX_LISTS} lists of crates"));
        }
        let wrong = |problem: String| format!("its list of crates (`{CRATES}`): {problem}");
        let mut json = String::new();
        flate2::read::ZlibDecoder::new(zlib)
            .take(MAX_LIST_BYTES + 1)
            .read_to_string(&mut json)
            .map_err(|e| wrong(e.to_string()))?;
        if json.len() as u64 > MAX_LIST_BYTES {
            return Err(wrong(format!("it has more than {MAX_LIST_BYTES} bytes")));
        }
        let list: VersionInfo = serde_json::from_str(&json).map_err(|e| wrong(e.to_string()))?;
        // Names become part of other names; cargo's own rule for them is stricter.
        let plain = |name: &str| {
            !name.is_empty()
                && name.len() <= MAX_TEXT
                && name
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
        };
        if let Some(package) = list.packages.iter().find(|p| !plain(&p.name)) {
            let name: String = package.name.chars().take(MAX_TEXT).collect();
            return Err(wrong(format!(
                "`{}` is no name of a crate",
                name.escape_debug()
            )));
        }
        let crates = list.packages.len();
        let mut dependencies = list.packages.iter().flat_map(|p| &p.dependencies);
        if let Some(place) = dependencies.find(|place| **place >= crates) {
            return Err(wrong(format!(
                "a crate depends on number {place} of {crates}"
            )));
        }
        self.crates.push(list);
        Ok(())
    }
}
