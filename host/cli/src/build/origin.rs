//! What a component was made with and of, inside the component, where its digest covers it.
//!
//! Both sections are those of the field: `producers` (WebAssembly tool conventions) names
//! language and tools; `.dep-v0` (`cargo auditable`) lists crates, as JSON in zlib.

use std::io::Write as _;

use anyhow::{Context as _, Result};
use auditable_serde::VersionInfo;
use flate2::Compression;
use flate2::write::ZlibEncoder;
use wasm_encoder::{CustomSection, ProducersField, ProducersSection, Section as _};

use super::Language;

/// The section that lists crates.
const CRATES: &str = ".dep-v0";

/// The component with sections that say what it was made with, and of which crates where they
/// are known. What compilers wrote into its modules stays.
///
/// # Errors
/// When the list cannot be written, which does not happen in memory.
pub(super) fn embed(
    component: &[u8],
    language: Language,
    compiler: Option<(&str, &str)>,
    crates: Option<&VersionInfo>,
) -> Result<Vec<u8>> {
    let mut written_in = ProducersField::new();
    written_in.value(
        match language {
            Language::Rust => "Rust",
            Language::C => "C",
            Language::JavaScript => "JavaScript",
        },
        "",
    );
    let mut processed_by = ProducersField::new();
    processed_by.value("palisade", env!("CARGO_PKG_VERSION"));
    if let Some((name, version)) = compiler {
        processed_by.value(name, version);
    }
    let mut producers = ProducersSection::new();
    producers.field("language", &written_in);
    producers.field("processed-by", &processed_by);
    let mut out = component.to_vec();
    producers.append_to(&mut out);
    if let Some(crates) = crates {
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::best());
        let json = serde_json::to_vec(crates).context("write the list of crates")?;
        zlib.write_all(&json)
            .context("compress the list of crates")?;
        let data = zlib.finish().context("compress the list of crates")?;
        CustomSection {
            name: CRATES.into(),
            data: data.into(),
        }
        .append_to(&mut out);
    }
    Ok(out)
}
