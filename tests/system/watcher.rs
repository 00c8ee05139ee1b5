//! A plugin that reports what operators and the host do, made as an author makes one.

use std::path::Path;
use std::process::Command;

use crate::site::{Site, stderr};

/// A plugin that reports what operators and the host do.
pub(crate) fn watcher(site: &Site) -> String {
    let folder = site.path("watcher");
    palisade(
        site,
        &["plugin", "new", "--lang", "c", "--kind", "detector"],
        &folder,
    );
    std::fs::remove_dir_all(folder.join("vectors")).expect("vectors");
    let manifest = "[plugin]\nname = \"watcher\"\nversion = \"0.1.0\"\nkind = \"detector\"\n\
                    wit = \"0.1\"\npack = \"tests\"\ndescription = \"Reports acts\"\n\
                    [[subscription]]\nkind = \"control.ops\"\nfields = [\"object\"]\n\
                    [[rule]]\nid = \"seen\"\ntitle = \"An act\"\nseverity = \"info\"\n";
    std::fs::write(folder.join("plugin.toml"), manifest).expect("a file");
    let code = r#"
#include "palisade.h"

bool exports_palisade_plugin_plugin_configure(exports_palisade_plugin_plugin_list_setting_t *settings,
                                              exports_palisade_plugin_plugin_settings_error_t *error) {
    (void)error;
    exports_palisade_plugin_plugin_list_setting_free(settings);
    return true;
}

void exports_palisade_plugin_evaluate_evaluate(uint32_t subscription, uint32_t rows) {
    (void)subscription;
    palisade_plugin_types_text_column_t objects;
    palisade_plugin_batch_text(PALISADE_FIELD_OBJECT, &objects);
    for (uint32_t row = 0; row < rows; row++) {
        guest_string_t object = palisade_text_at(&objects, row);
        palisade_plugin_findings_finding_t finding = {
            .rule = palisade_text("seen"),
            .subject = object,
            .summary = object,
            .rows = {&row, 1},
        };
        palisade_plugin_findings_emit(&finding);
    }
    palisade_plugin_types_text_column_free(&objects);
}
"#;
    std::fs::write(folder.join("plugin.c"), code).expect("a file");
    let out = site.path("built");
    let built = out.display().to_string();
    palisade(site, &["plugin", "build", "--out", &built], &folder);
    let component = out.join("tests/watcher.wasm");
    component.display().to_string()
}

fn palisade(site: &Site, arguments: &[&str], last: &Path) {
    let mut command = Command::new(&site.program);
    command.arg("--quiet").args(arguments).arg(last);
    let toolchain = palisade_tests::root().join("target/wasm-toolchain.json");
    if toolchain.is_file() {
        command.env("PALISADE_WASM_TOOLCHAIN_FILE", toolchain);
    }
    let output = command.output().expect("palisade runs");
    assert!(output.status.success(), "{}", stderr(&output));
}
