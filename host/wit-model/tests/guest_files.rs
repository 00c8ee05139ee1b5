//! The generated files of the SDKs say what the WIT says. `PALISADE_BLESS=1` writes them.

use std::path::Path;

fn check(file: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../sdk")
        .join(file);
    if std::env::var_os("PALISADE_BLESS").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == text,
        "{file} is out of date; run this test with PALISADE_BLESS=1"
    );
}

#[test]
fn the_sdks_constants_follow_the_wit() {
    let wit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit/v0.1");
    let model = palisade_wit_model::load(&wit).unwrap();
    check(
        "c/include/palisade-fields.h",
        &palisade_wit_model::c_header(&model).unwrap(),
    );
    check(
        "js/names.d.ts",
        &palisade_wit_model::typescript(&model).unwrap(),
    );
}
