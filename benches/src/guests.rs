//! The plugins that are measured, as `palisade plugin build` left them.

use std::path::{Path, PathBuf};

use palisade_runtime::manifest::Settings;
use palisade_runtime::{Instance, Plugin, Runtime, nothing};

/// Languages and the ends of the examples' names.
pub const LANGUAGES: [(&str, &str); 3] = [("Rust", "rust"), ("C", "c"), ("JavaScript", "js")];

/// The folder of built components; `make plugins` fills it.
pub fn built() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/plugins")
}

/// The component `<pack>/<name>.wasm`; where it is not there, says so on stderr.
#[expect(clippy::print_stderr, reason = "a benchmark speaks to who runs it")]
pub fn component(pack: &str, name: &str) -> Option<Vec<u8>> {
    let path = built().join(pack).join(format!("{name}.wasm"));
    match std::fs::read(&path) {
        Ok(bytes) => Some(bytes),
        Err(error) => {
            eprintln!(
                "skipped: {}: {error}; `make plugins` builds it",
                path.display()
            );
            None
        }
    }
}

/// Loads a component with its default settings; it is granted nothing.
///
/// # Panics
/// When it does not load: there is nothing to measure then.
pub fn load(runtime: &Runtime, component: &[u8]) -> Plugin {
    match runtime.load(component, &[], &Settings::default()) {
        Ok((plugin, _)) => plugin,
        Err(error) => panic!("{error}"),
    }
}

/// An instance of it.
///
/// # Panics
/// When it cannot be made.
pub fn instance(plugin: &Plugin) -> Instance {
    match plugin.instantiate(&mut nothing()) {
        Ok(instance) => instance,
        Err(error) => panic!("{error}"),
    }
}
