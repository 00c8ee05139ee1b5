//! Compiled code is used only when this installation wrote it for this component and engine;
//! whatever else lies in its place is compiled again and replaced.

use std::path::{Path, PathBuf};

use cap_std::fs::Dir;
use palisade_runtime::compile::{CacheLimits, CodeCache};
use palisade_runtime::manifest::Settings;
use palisade_runtime::{CodeOrigin, Config, Mode, Runtime};
use tempfile::TempDir;

use crate::{EXPORTS, component, manifest};

fn runtime(dir: &Path, mode: Mode) -> Runtime {
    let dir = Dir::open_ambient_dir(dir, cap_std::ambient_authority()).unwrap();
    let state = dir.try_clone().unwrap();
    let cache = CodeCache::open(dir, &state, CacheLimits::default()).unwrap();
    Runtime::new(Config {
        mode,
        cache: Some(cache),
        ..Config::default()
    })
    .unwrap()
}

/// Loads it in a new runtime, as at a new start.
fn load(dir: &Path, component: &[u8]) -> CodeOrigin {
    load_for(dir, component, Mode::Live)
}

fn load_for(dir: &Path, component: &[u8], mode: Mode) -> CodeOrigin {
    let loaded = runtime(dir, mode).load(component, &[], &Settings::default());
    loaded.unwrap().1
}

fn compiled(why: &str) -> CodeOrigin {
    CodeOrigin::Compiled(why.into())
}

/// The one entry.
fn entry(dir: &Path) -> PathBuf {
    let mut entries: Vec<PathBuf> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| !path.ends_with("code-cache.key") && !path.ends_with("lock"))
        .collect();
    assert_eq!(entries.len(), 1, "{entries:?}");
    entries.remove(0)
}

fn made() -> (TempDir, Vec<u8>) {
    let dir = tempfile::tempdir().unwrap();
    let component = component(EXPORTS, None, &manifest(""));
    assert_eq!(load(dir.path(), &component), compiled("no entry"));
    assert_eq!(load(dir.path(), &component), CodeOrigin::Cached);
    (dir, component)
}

const FORGED: &str = "the entry was not written by this installation, or was changed since";

#[test]
fn a_changed_entry_is_compiled_again_and_replaced() {
    let (dir, component) = made();
    let path = entry(dir.path());
    let good = std::fs::read(&path).unwrap();
    for at in [0, 100, good.len() / 2, good.len() - 1] {
        let mut bad = good.clone();
        bad[at] ^= 1;
        std::fs::write(&path, &bad).unwrap();
        assert_eq!(load(dir.path(), &component), compiled(FORGED), "byte {at}");
        assert_eq!(load(dir.path(), &component), CodeOrigin::Cached);
    }
    std::fs::write(&path, &good[..10]).unwrap();
    let truncated = compiled("the entry is truncated");
    assert_eq!(load(dir.path(), &component), truncated);
    assert_eq!(load(dir.path(), &component), CodeOrigin::Cached);
}

#[test]
fn an_entry_of_another_installation_is_compiled_again_and_replaced() {
    let (here, component) = made();
    let (there, _) = made();
    std::fs::copy(entry(there.path()), entry(here.path())).unwrap();
    assert_eq!(load(here.path(), &component), compiled(FORGED));
    assert_eq!(load(here.path(), &component), CodeOrigin::Cached);
    // So is everything once the key is another.
    let key = |dir: &TempDir| dir.path().join("code-cache.key");
    std::fs::copy(key(&there), key(&here)).unwrap();
    assert_eq!(load(here.path(), &component), compiled(FORGED));
    assert_eq!(load(here.path(), &component), CodeOrigin::Cached);
}

#[test]
fn an_entry_of_another_engine_is_not_used() {
    let (dir, component) = made();
    let live = entry(dir.path());
    let bytes = std::fs::read(&live).unwrap();
    std::fs::remove_file(&live).unwrap();
    let first = load_for(dir.path(), &component, Mode::Deterministic);
    assert_eq!(first, compiled("no entry"));
    let deterministic = entry(dir.path());
    assert_ne!(live, deterministic);
    // Code without fuel under the name of code with fuel: its MAC is right, its engine is not.
    std::fs::write(&deterministic, bytes).unwrap();
    assert_eq!(
        load_for(dir.path(), &component, Mode::Deterministic),
        compiled("the entry is of another engine")
    );
    let again = load_for(dir.path(), &component, Mode::Deterministic);
    assert_eq!(again, CodeOrigin::Cached);
}

#[test]
fn an_entry_of_another_component_is_not_used() {
    let (dir, component) = made();
    let path = entry(dir.path());
    let bytes = std::fs::read(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    let other = crate::component(EXPORTS, None, &manifest("ordering = \"per-kind\""));
    assert_ne!(component, other);
    assert_eq!(load(dir.path(), &other), compiled("no entry"));
    std::fs::write(entry(dir.path()), bytes).unwrap();
    assert_eq!(
        load(dir.path(), &other),
        compiled("the entry is of another component")
    );
    assert_eq!(load(dir.path(), &other), CodeOrigin::Cached);
}
