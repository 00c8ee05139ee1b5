//! The bill of materials of a pack: CycloneDX 1.6 as JSON, at `sbom.cdx.json`.
//!
//! It is a function of the manifest and of what the components say of themselves: the serial
//! number is derived from the digests and there is no time stamp, so that building again gives
//! the same bytes. Crates are those that a component lists; of a component without a list it
//! says that its dependencies are not known.

use std::collections::{BTreeMap, BTreeSet};

use auditable_serde::{DependencyKind, Package, Source};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use crate::manifest::PackManifest;
use crate::{Content, PackedPlugin, Refusal};

/// Where it is.
pub const SBOM: &str = "sbom.cdx.json";

/// The bill of materials of a pack with this manifest, these plugins and this content.
///
/// # Errors
/// When a plugin or dataset that the manifest lists is missing.
pub(crate) fn write(
    manifest: &PackManifest,
    plugins: &[PackedPlugin],
    content: &Content,
) -> Result<Vec<u8>, Refusal> {
    let mut bom = Bom::new(manifest);
    let mut crates = Crates::default();
    let mut unknown = Vec::new();
    for name in manifest.plugins.keys() {
        let path = format!("plugins/{name}.wasm");
        let Some(plugin) = plugins.iter().find(|plugin| plugin.path == path) else {
            return Err(Refusal::FileMissing { path });
        };
        let licence = json!([{ "expression": manifest.licence }]);
        let mut fields = Map::from_iter([("licenses".to_owned(), licence)]);
        let tools = plugin.origin.tools.iter().map(|(field, name, version)| {
            json!({
                "name": format!("palisade:producers:{field}"),
                "value": format!("{name} {version}").trim_end(),
            })
        });
        let tools: Vec<Value> = tools.collect();
        if !tools.is_empty() {
            fields.insert("properties".into(), tools.into());
        }
        let version = &plugin.manifest.version;
        let reference = bom.add("application", &path, name, version, fields, content)?;
        if plugin.origin.crates.is_empty() {
            unknown.push(reference);
            continue;
        }
        let roots = plugin
            .origin
            .crates
            .iter()
            .flat_map(|l| crates.add(&l.packages));
        bom.depends(reference, roots.collect());
    }
    for name in manifest.datasets.keys() {
        let path = format!("datasets/{name}.ndjson");
        bom.add("data", &path, name, &manifest.version, Map::new(), content)?;
    }
    for (reference, known) in crates.0 {
        bom.components.push(known.component(&reference));
        bom.depends(reference, known.depends);
    }
    Ok(bom.finish(manifest, unknown))
}

/// A bill of materials that is being written.
struct Bom {
    serial: blake3::Hasher,
    components: Vec<Value>,
    dependencies: Vec<Value>,
    /// What the pack itself consists of.
    parts: Vec<String>,
}

impl Bom {
    fn new(manifest: &PackManifest) -> Bom {
        let mut serial = blake3::Hasher::new_derive_key("Palisade pack SBOM serial number v1");
        serial.update(manifest.full_title().as_bytes());
        Bom {
            serial,
            components: Vec::new(),
            dependencies: Vec::new(),
            parts: Vec::new(),
        }
    }

    /// Adds a file of the pack; its reference.
    fn add(
        &mut self,
        kind: &str,
        path: &str,
        name: &str,
        version: &str,
        fields: Map<String, Value>,
        content: &Content,
    ) -> Result<String, Refusal> {
        let bytes = content.file(path)?;
        let digest = blake3::hash(bytes);
        self.serial.update(digest.as_bytes());
        let reference = format!("{path}#{digest}");
        let mut component = json!({
            "type": kind,
            "bom-ref": reference,
            "name": name,
            "version": version,
            "hashes": [
                { "alg": "BLAKE3", "content": digest.to_string() },
                { "alg": "SHA-256", "content": hex::encode(Sha256::digest(bytes)) },
            ],
        });
        if let Some(component) = component.as_object_mut() {
            component.extend(fields);
        }
        self.components.push(component);
        self.parts.push(reference.clone());
        Ok(reference)
    }

    fn depends(&mut self, on: String, depends: BTreeSet<String>) {
        self.dependencies
            .push(json!({ "ref": on, "dependsOn": depends }));
    }

    fn finish(mut self, manifest: &PackManifest, unknown: Vec<String>) -> Vec<u8> {
        let top = format!("{}@{}", manifest.title(), manifest.version);
        self.dependencies
            .insert(0, json!({ "ref": top, "dependsOn": self.parts }));
        let mut bom = json!({
            "bomFormat": "CycloneDX",
            "specVersion": "1.6",
            "serialNumber": format!("urn:uuid:{}", uuid(self.serial.finalize().as_bytes())),
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
            "components": self.components,
            "dependencies": self.dependencies,
        });
        if let (false, Some(fields)) = (unknown.is_empty(), bom.as_object_mut()) {
            let unknown = json!([{ "aggregate": "unknown", "dependencies": unknown }]);
            fields.insert("compositions".into(), unknown);
        }
        let mut text = serde_json::to_vec_pretty(&bom).unwrap_or_default();
        text.push(b'\n');
        text
    }
}

/// The crates of all plugins, each once, by reference.
#[derive(Default)]
struct Crates(BTreeMap<String, Known>);

struct Known {
    package: Package,
    kind: DependencyKind,
    depends: BTreeSet<String>,
}

impl Crates {
    /// Adds a list; the references of what it is the list of.
    fn add(&mut self, packages: &[Package]) -> Vec<String> {
        let mut roots = Vec::new();
        for package in packages {
            let reference = reference(package);
            if package.root {
                roots.push(reference.clone());
            }
            let depends = package.dependencies.iter();
            let depends: BTreeSet<String> = depends
                .filter_map(|place| Some(self::reference(packages.get(*place)?)))
                .collect();
            let known = self.0.entry(reference).or_insert_with(|| Known {
                package: package.clone(),
                kind: package.kind,
                depends: BTreeSet::new(),
            });
            // What is part of one plugin may only have helped to build another.
            known.kind = known.kind.max(package.kind);
            known.depends.extend(depends);
        }
        if roots.is_empty() {
            return packages.iter().map(reference).collect();
        }
        roots
    }
}

impl Known {
    fn component(&self, reference: &str) -> Value {
        let (package, source) = (&self.package, source(&self.package));
        let mut component = json!({
            "type": "library",
            "bom-ref": reference,
            "name": package.name,
            "version": package.version.to_string(),
            // What ran while building is no part of what runs.
            "scope": match self.kind {
                DependencyKind::Build => "excluded",
                DependencyKind::Runtime => "required",
            },
            "properties": [{ "name": "palisade:crate:source", "value": source }],
        });
        // Only there are name and version enough to find a crate by.
        if let (Source::CratesIo, Some(fields)) = (&package.source, component.as_object_mut()) {
            // Of what versions are made of, only `+` must be escaped in a package URL.
            let version = package.version.to_string().replace('+', "%2B");
            let purl = format!("pkg:cargo/{}@{version}", package.name);
            fields.insert("purl".into(), purl.into());
        }
        component
    }
}

fn source(package: &Package) -> String {
    package.source.clone().into()
}

fn reference(package: &Package) -> String {
    format!(
        "crate:{}:{}@{}",
        source(package),
        package.name,
        package.version
    )
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
