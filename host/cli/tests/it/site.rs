//! A vendor with a small pack, and a site that trusts the vendor, as commands make them.

use std::path::Path;

use palisade_events::json::write_event;
use palisade_events::{Body, Envelope, Event, Kind};

use crate::{MANIFEST, palisade};

const PASSPHRASE: &str = "correct horse battery";

/// Where the component of the pack is.
pub(crate) const COMPONENT: &str = "guard/target/plugins/guard/telnet.wasm";

pub(crate) const TRUST: &str = r#"
version = 1

[[pack]]
match = "acme/*"
capabilities = ["state"]

[[pack.signed-by]]
role = "vendor"
"#;

pub(crate) fn run(dir: &Path, args: &[&str]) -> assert_cmd::assert::Assert {
    palisade(dir)
        .env("PALISADE_PASSPHRASE", PASSPHRASE)
        .args(args)
        .assert()
}

pub(crate) fn ok(dir: &Path, args: &[&str]) -> String {
    let output = run(dir, args).success().get_output().stdout.clone();
    String::from_utf8(output).unwrap()
}

/// A folder of a pack with one plugin, whose component carries its manifest and does nothing.
pub(crate) fn project(dir: &Path, version: &str) {
    std::fs::create_dir_all(dir.join(".palisade")).unwrap();
    let plugin = dir.join("guard/telnet");
    std::fs::create_dir_all(plugin.join("vectors/plain")).unwrap();
    let manifest = MANIFEST.replace("pack = \"tests\"", "pack = \"guard\"");
    std::fs::write(plugin.join("plugin.toml"), &manifest).unwrap();
    std::fs::write(plugin.join("vectors/plain/events.ndjson"), "").unwrap();
    std::fs::write(
        dir.join("guard/pack.toml"),
        format!(
            "vendor = \"acme\"\nname = \"guard\"\nversion = \"{version}\"\ndescription = \"Test\"\n\
             licence = \"Apache-2.0\"\nrequirements = [\"IOT-2.3c\"]\n"
        ),
    )
    .unwrap();
    let component = wasm_encoder::Component::new().finish();
    let component = palisade_runtime::manifest::embed(&component, &manifest).unwrap();
    std::fs::create_dir_all(dir.join(COMPONENT).parent().unwrap()).unwrap();
    std::fs::write(dir.join(COMPONENT), component).unwrap();
}

/// A root document, a revocation list and a policy, signed and installed.
pub(crate) fn site(dir: &Path) {
    for name in ["root", "vendor", "stranger"] {
        ok(dir, &["key", "new", name]);
    }
    ok(
        dir,
        &[
            "trust",
            "root",
            "--out",
            "root.json",
            "--expires",
            "365d",
            "--key",
            "root=root.pub",
            "--key",
            "vendor=vendor.pub",
            "--role",
            "root=1:root",
            "--role",
            "policy=1:root",
            "--role",
            "revocation=1:root",
            "--role",
            "vendor=1:vendor",
        ],
    );
    ok(
        dir,
        &[
            "trust",
            "revocations",
            "--out",
            "revoked.json",
            "--expires",
            "30d",
        ],
    );
    std::fs::write(dir.join("trust.toml"), TRUST).unwrap();
    ok(
        dir,
        &["trust", "policy", "trust.toml", "--out", "policy.json"],
    );
    for document in ["root.json", "revoked.json", "policy.json"] {
        ok(dir, &["trust", "sign", document, "--key", "root"]);
    }
    let refused = run(dir, &["trust", "install", "root.json"]).code(2);
    let text = String::from_utf8(refused.get_output().stderr.clone()).unwrap();
    let pin = text
        .split_whitespace()
        .find(|w| w.len() == 64)
        .unwrap()
        .to_owned();
    ok(dir, &["trust", "install", "root.json", "--pin", &pin]);
    ok(dir, &["trust", "install", "revoked.json"]);
    ok(dir, &["trust", "install", "policy.json"]);
}

/// A file with one event, a flow.
pub(crate) fn flow(path: &Path) {
    let event = Event {
        envelope: Envelope::default(),
        body: Body::neutral(Kind::NetworkFlow),
    };
    let mut line = Vec::new();
    write_event(&mut line, &event).unwrap();
    line.push(b'\n');
    std::fs::write(path, line).unwrap();
}
