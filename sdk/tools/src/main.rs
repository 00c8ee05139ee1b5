//! `palisade-guest PLUGIN-DIRECTORY OUTPUT`: builds one plugin.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use palisade_sdk_tools::build::{Paths, build};

fn main() -> Result<()> {
    let mut arguments = std::env::args_os().skip(1);
    let directory = PathBuf::from(
        arguments
            .next()
            .context("usage: palisade-guest DIRECTORY OUTPUT")?,
    );
    let output = PathBuf::from(
        arguments
            .next()
            .context("usage: palisade-guest DIRECTORY OUTPUT")?,
    );
    let root = std::path::absolute(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))?;
    let name = directory.file_name().context("the directory has no name")?;
    let scratch = std::env::temp_dir().join("palisade-guest").join(name);
    std::fs::create_dir_all(&scratch)?;
    let paths = Paths {
        wit: root.join("wit/v0.1"),
        sdk: root.join("sdk"),
        scratch,
    };
    let directory = std::fs::canonicalize(&directory)
        .with_context(|| format!("find {}", directory.display()))?;
    let component = build(&directory, &paths)?;
    std::fs::write(&output, &component).with_context(|| format!("write {}", output.display()))?;
    println!("{}: {} bytes", output.display(), component.len());
    Ok(())
}
