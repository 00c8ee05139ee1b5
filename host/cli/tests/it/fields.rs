//! Names of fields that are misspelt or not listed: what compilers and faults say of them.

use std::fs;

use predicates::str::contains;

use crate::new::{folder, new};
use crate::{checkout, palisade};

#[test]
fn a_field_that_no_kind_has_does_not_compile() {
    let dir = &folder("fields");
    for lang in ["rust", "c"] {
        new(dir, "detector", lang, &format!("misspelt-{lang}"));
    }
    for (project, file, right, wrong, said) in [
        (
            "misspelt-rust",
            "src/lib.rs",
            "field!(\"dst.port\")",
            "field!(\"dst.prot\")",
            "no kind of event has a field `dst.prot`; did you mean `dst.port`?",
        ),
        (
            "misspelt-c",
            "plugin.c",
            "PALISADE_FIELD_DST_PORT",
            "palisade_field(\"dst.prot\")",
            "palisade_field is for attributes.NAME",
        ),
        (
            "misspelt-c",
            "plugin.c",
            "PALISADE_FIELD_DST_PORT",
            "PALISADE_FIELD_DST_PROT",
            "PALISADE_FIELD_DST_PROT",
        ),
    ] {
        let code = dir.join(project).join(file);
        let text = fs::read_to_string(&code).unwrap();
        let changed = text.replace(right, wrong);
        assert_ne!(changed, text);
        fs::write(&code, changed).unwrap();
        palisade(dir)
            .args(["plugin", "build", project])
            .assert()
            .code(2)
            .stderr(contains(said));
        fs::write(&code, text).unwrap();
    }
}

/// What no compiler sees: an attribute that the manifest does not list.
#[test]
fn an_attribute_that_is_not_listed_is_named_in_the_fault() {
    let dir = &folder("attributes");
    for (lang, file, right, wrong, said) in [
        (
            "c",
            "plugin.c",
            "palisade_plugin_batch_u16s(PALISADE_FIELD_DST_PORT,",
            "palisade_plugin_batch_u16s(palisade_field(\"attributes.x.y\"),",
            "palisade_field(\"attributes.x.y\"): no subscription in plugin.toml lists it",
        ),
        (
            "javascript",
            "plugin.js",
            "field(\"dst.port\")",
            "field(\"attributes.x.y\")",
            "no subscription in plugin.toml lists `attributes.x.y` in its `fields`",
        ),
        (
            "rust",
            "src/lib.rs",
            "field!(\"dst.port\")",
            "field!(\"attributes.x.y\")",
            "(an attribute, and none of `attributes.x.z`)",
        ),
    ] {
        let name = format!("unlisted-{lang}");
        new(dir, "detector", lang, &name);
        let code = dir.join(&name).join(file);
        let text = fs::read_to_string(&code).unwrap();
        let changed = text.replace(right, wrong);
        assert_ne!(changed, text, "{lang}");
        fs::write(&code, changed).unwrap();
        let manifest = dir.join(&name).join("plugin.toml");
        let text = fs::read_to_string(&manifest).unwrap();
        let text = text.replace("network.flow", "network.app");
        let text = text.replace("\"dst.port\"", "\"dst.port\", \"attributes.x.z\"");
        fs::write(&manifest, text).unwrap();
        for vector in ["forbidden-port", "other-ports"] {
            let events = dir
                .join(&name)
                .join("vectors")
                .join(vector)
                .join("events.ndjson");
            let text = fs::read_to_string(&events).unwrap();
            fs::write(&events, text.replace("network.flow", "network.app")).unwrap();
        }
        palisade(dir)
            .args(["plugin", "test", &name])
            .assert()
            .code(1)
            .stdout(contains(said));
        for end in ["wasm", "debug.wasm"] {
            let inside = checkout().join("target/plugins/local").join(&name);
            let _ = fs::remove_file(inside.with_extension(end));
        }
    }
}
