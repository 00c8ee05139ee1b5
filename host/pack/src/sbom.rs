//! The bill of materials of a pack: CycloneDX 1.6 as JSON, at `sbom.cdx.json`.
//!
//! It is a function of the manifest: the serial number is derived from the digests and
//! there is no time stamp, so that building again gives the same bytes.

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::manifest::PackManifest;
use crate::{Content, Refusal};

/// Where it is.
pub const SBOM: &str = "sbom.cdx.json";

/// The bill of materials of a pack with this manifest and content.
///
/// # Errors
/// When a plugin or dataset that the manifest lists is missing.
pub(crate) fn write(manifest: &PackManifest, content: &Content) -> Result<Vec<u8>, Refusal> {
    let mut components = Vec::new();
    let mut serial = blake3::Hasher::new_derive_key("Palisade pack SBOM serial number v1");
    serial.update(manifest.full_title().as_bytes());
    let mut add = |kind: &str, path: String, name: &str, version: &str, licence: Option<&str>| {
        let bytes = content.file(&path)?;
        let digest = blake3::hash(bytes);
        serial.update(digest.as_bytes());
        let mut component = json!({
            "type": kind,
            "bom-ref": format!("{path}#{digest}"),
            "name": name,
            "version": version,
            "hashes": [
                { "alg": "BLAKE3", "content": digest.to_string() },
                { "alg": "SHA-256", "content": hex::encode(Sha256::digest(bytes)) },
            ],
        });
        if let (Some(licence), Some(fields)) = (licence, component.as_object_mut()) {
            fields.insert("licenses".into(), json!([{ "expression": licence }]));
        }
        components.push(component);
        Ok::<(), Refusal>(())
    };
    for (name, plugin) in &manifest.plugins {
        let path = format!("plugins/{name}.wasm");
        add(
            "application",
            path,
            name,
            &plugin.version,
            Some(&manifest.licence),
        )?;
    }
    for name in manifest.datasets.keys() {
        add(
            "data",
            format!("datasets/{name}.ndjson"),
            name,
            &manifest.version,
            None,
        )?;
    }
    let depends: Vec<Value> = components.iter().map(|c| c["bom-ref"].clone()).collect();
    let top = format!("{}@{}", manifest.title(), manifest.version);
    let bom = json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": format!("urn:uuid:{}", uuid(serial.finalize().as_bytes())),
        "version": 1,
        "metadata": { "component": {
            "type": "application",
            "bom-ref": top,
            "publisher": manifest.vendor,
            "name": manifest.name,
            "version": manifest.version,
            "description": manifest.description,
            "licenses": [{ "expression": manifest.licence }],
        }},
        "components": components,
        "dependencies": [{ "ref": top, "dependsOn": depends }],
    });
    let mut text = serde_json::to_vec_pretty(&bom).unwrap_or_default();
    text.push(b'\n');
    Ok(text)
}

/// A UUID of version 8 (RFC 9562: of the maker's own choosing) from a digest.
fn uuid(digest: &[u8; 32]) -> String {
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    bytes[6] = (bytes[6] & 0x0f) | 0x80;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let hex = hex::encode(bytes);
    format!(
        "{}-{}-{}-{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..]
    )
}
