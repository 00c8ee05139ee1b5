//! Generates the event types from `wit/v0.1`.

use std::path::Path;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let wit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit/v0.1");
    println!("cargo::rerun-if-changed={}", wit.display());
    println!("cargo::rerun-if-changed=build.rs");
    let text = palisade_wit_model::event_types(&palisade_wit_model::load(&wit)?)?;
    let out = std::env::var_os("OUT_DIR").ok_or("OUT_DIR is not set; run this through cargo")?;
    std::fs::write(Path::new(&out).join("types.rs"), text)?;
    Ok(())
}
