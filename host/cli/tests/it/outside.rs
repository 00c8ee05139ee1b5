//! Authors who live outside of a checkout: projects that can be copied anywhere, built from what
//! the user already has, and packed from where they are built.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use predicates::prelude::*;
use predicates::str::contains;

use crate::{checkout, palisade};

const LANGUAGES: [&str; 3] = ["rust", "c", "javascript"];

fn new(dir: &Path, lang: &str, name: &str) {
    let arguments = ["plugin", "new", "--kind", "detector", "--pack", "mine"];
    palisade(dir)
        .args(arguments)
        .args(["--lang", lang, name])
        .assert()
        .code(0);
}

/// Makes a folder in another, if need be.
fn made(dir: &Path, name: &str) -> PathBuf {
    let dir = dir.join(name);
    fs::create_dir_all(&dir).unwrap();
    dir
}

/// Builds in a folder with an SDK, or that of this checkout: what is said of the one plugin.
fn build(dir: &Path, sdk: Option<&Path>) -> serde_json::Value {
    let mut command = palisade(dir);
    command.args(["plugin", "build", "--format", "ndjson"]);
    if let Some(sdk) = sdk {
        command.arg("--sdk").arg(sdk).env(
            "PALISADE_WASM_TOOLCHAIN_FILE",
            std::env::var_os("PALISADE_WASM_TOOLCHAIN_FILE")
                .unwrap_or_else(|| checkout().join("target/wasm-toolchain.json").into()),
        );
    }
    let assert = command.assert().code(0);
    serde_json::from_slice(&assert.get_output().stdout).unwrap()
}

/// Copies a folder as version control would: without what is ignored.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to.parent().unwrap()).unwrap();
    let cp = Command::new("cp").arg("-a").args([from, to]).status();
    assert!(cp.unwrap().success());
    let ignored = fs::read_to_string(from.join(".gitignore")).unwrap();
    for line in ignored.lines().filter(|line| line.starts_with('/')) {
        let _ = fs::remove_dir_all(to.join(line.trim_matches('/')));
    }
}

/// The files of a folder, those of folders that are ignored left out.
fn files(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut found = Vec::new();
    for path in entries {
        match path.is_dir() {
            true if path.ends_with("target") || path.ends_with(".palisade-sdk") => {}
            true => found.extend(files(&path)),
            false => found.push(path),
        }
    }
    found
}

/// A copy of the SDK and of the interfaces beside it.
fn other_sdk(dir: &Path) -> PathBuf {
    for below in ["sdk/rust", "sdk/c", "sdk/js", "sdk/Cargo.toml", "wit"] {
        let to = dir.join(below);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        let from = checkout().join(below);
        let cp = Command::new("cp").arg("-a").args([from, to]).status();
        assert!(cp.unwrap().success());
    }
    dir.join("sdk")
}

#[test]
fn a_project_names_no_place_and_gives_one_component_wherever_it_and_the_sdk_lie() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    let sdk = other_sdk(&dir.join("another checkout"));
    for lang in LANGUAGES {
        let name = format!("portable-{lang}");
        new(&made(dir, "one"), lang, &name);
        let project = dir.join("one").join(&name);
        let first = build(&project, None);
        let places = [checkout(), dir.to_path_buf()].map(|p| p.to_str().unwrap().to_owned());
        for file in files(&project) {
            let bytes = fs::read(&file).unwrap();
            let text = String::from_utf8_lossy(&bytes);
            for place in &places {
                assert!(!text.contains(place), "{} names {place}", file.display());
            }
        }
        let copied = dir.join("two/deeper, öde").join(&name);
        copy(&project, &copied);
        assert_eq!(build(&copied, None)["digest"], first["digest"], "{lang}");
        // With all that was built in it, on a machine where the SDK is elsewhere.
        let moved = dir.join("three").join(&name);
        fs::create_dir_all(moved.parent().unwrap()).unwrap();
        fs::rename(&copied, &moved).unwrap();
        fs::remove_dir_all(moved.join("target")).unwrap();
        let other = build(&moved, Some(&sdk));
        assert_eq!(other["digest"], first["digest"], "{lang}");
        assert_eq!(other["new"], true);
        // The SDK at hand counts.
        let file = match lang {
            "rust" => "rust/src/lib.rs",
            "c" => "c/include/palisade.h",
            _ => "js/batch.js",
        };
        assert_eq!(build(&moved, Some(&sdk))["new"], false, "{lang}");
        let path = sdk.join(file);
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, text + "\n// More.\n").unwrap();
        assert_eq!(build(&moved, Some(&sdk))["new"], true, "{lang}");
        assert_eq!(build(&moved, Some(&sdk))["new"], false, "{lang}");
        assert_eq!(build(&project, None)["new"], false, "{lang}");
    }
}

#[test]
fn two_projects_of_one_name_are_built_at_once_from_their_own_code() {
    let folder = tempfile::tempdir().unwrap();
    let projects = ["one", "two"].map(|place| {
        let dir = made(folder.path(), place);
        new(&dir, "rust", "twin");
        let code = dir.join("twin/src/lib.rs");
        let text = fs::read_to_string(&code).unwrap();
        let changed = text.replace("flow to port", &format!("{place} to port"));
        assert_ne!(text, changed);
        fs::write(&code, changed).unwrap();
        dir.join("twin")
    });
    for round in 0..2 {
        std::thread::scope(|scope| {
            let builds = projects.each_ref().map(|p| scope.spawn(|| build(p, None)));
            for (built, place) in builds.into_iter().zip(["one", "two"]) {
                let built = built.join().unwrap();
                assert_eq!(built["new"], true);
                let component = fs::read(built["path"].as_str().unwrap()).unwrap();
                let text = String::from_utf8_lossy(&component);
                for said in ["one", "two"] {
                    let has = text.contains(&format!("{said} to port"));
                    assert_eq!(has, said == place, "{round}: {said} in {place}");
                }
            }
        });
        for project in &projects {
            fs::remove_dir_all(project.join("target")).unwrap();
        }
    }
}

#[test]
fn a_pack_is_made_from_where_its_plugins_are_built() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    let pack = made(dir, "pack");
    for lang in ["c", "javascript"] {
        new(&pack, lang, &format!("in-{lang}"));
    }
    // By itself.
    let alone = build(&pack.join("in-c"), None);
    let own = "in-c/target/plugins/mine/in-c.wasm";
    let full = pack.canonicalize().unwrap().join(own);
    assert_eq!(alone["path"], full.to_str().unwrap());
    fs::write(
        pack.join("pack.toml"),
        "vendor = \"acme\"\nname = \"mine\"\nversion = \"1.0.0\"\ndescription = \"Test\"\n\
         licence = \"Apache-2.0\"\nrequirements = []\n",
    )
    .unwrap();
    // One that is made in the folder of a pack belongs to it.
    let arguments = [
        "plugin",
        "new",
        "--kind",
        "policy",
        "--lang",
        "c",
        "rules/in-c-too",
    ];
    palisade(&pack).args(arguments).assert().code(0);
    palisade(&pack)
        .args(["pack", "build", "."])
        .assert()
        .code(2)
        .stderr(contains("`in-c` is not built").and(contains("palisade plugin build ./in-c")));
    // In the folder itself, and from elsewhere.
    for (place, named) in [(pack.as_path(), "."), (dir, "pack")] {
        let _ = fs::remove_dir_all(pack.join("target"));
        palisade(place)
            .args(["plugin", "build", "--all", named])
            .assert()
            .code(0)
            .stdout(contains("target/plugins/mine/in-c.wasm"));
        assert!(pack.join("target/plugins/mine/in-javascript.wasm").exists());
        assert!(pack.join("target/plugins/mine/in-c-too.wasm").exists());
        palisade(place)
            .args(["pack", "build", named])
            .assert()
            .code(0)
            .stdout(contains("target/packs/acme-mine-1.0.0.tar"));
        assert!(place.join("target/packs/acme-mine-1.0.0.tar").exists());
    }
    // What was changed since is told, and how it is built again.
    let code = pack.join("in-c/plugin.c");
    let before = fs::read_to_string(&code).unwrap();
    fs::write(&code, format!("{before}\n")).unwrap();
    let new = pack.join("rules/in-c-too/new.h");
    fs::write(&new, "").unwrap();
    let build = || palisade(dir).args(["pack", "build", "pack"]).assert();
    build()
        .code(2)
        .stderr(contains("plugin `in-c` is not built from its sources"))
        .stderr(contains("pack/in-c/plugin.c was changed"))
        .stderr(contains("`palisade plugin build pack/in-c`"))
        .stderr(contains("pack/rules/in-c-too/new.h is new"));
    fs::write(&code, before).unwrap();
    fs::remove_file(new).unwrap();
    build().code(0).stderr(contains("not known").not());
    // Without what the build remembered nobody knows.
    fs::remove_dir_all(pack.join("target/plugin-build")).unwrap();
    build().code(0).stderr(contains("plugin `in-c`"));
}

#[test]
fn editors_find_the_bindings_and_version_control_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    for lang in LANGUAGES {
        new(dir, lang, lang);
    }
    // As soon as it is made, and again after somebody has removed it.
    let header = dir.join("c/.palisade-sdk/guest/guest.h");
    assert!(header.exists());
    build(&dir.join("c"), None);
    fs::remove_dir_all(dir.join("c/.palisade-sdk")).unwrap();
    assert_eq!(build(&dir.join("c"), None)["new"], false);
    let code = fs::read_to_string(&header).unwrap();
    assert!(code.contains("exports_palisade_plugin_evaluate_evaluate"));
    assert!(!code.contains("palisade_plugin_state_"));
    if Path::new("/usr/bin/clang-19").exists() {
        let clang = Command::new("/usr/bin/clang-19")
            .args(["@compile_flags.txt", "-Werror", "-fsyntax-only", "plugin.c"])
            .current_dir(dir.join("c"))
            .output()
            .unwrap();
        assert!(clang.status.success(), "{clang:?}");
    }
    let script = dir.join("javascript");
    let types = script.join(".palisade-sdk/guest/palisade.d.ts");
    let state = "declare module \"palisade:plugin/state@0.1.0\"";
    assert!(!fs::read_to_string(&types).unwrap().contains(state));
    let manifest = script.join("plugin.toml");
    let text = fs::read_to_string(&manifest).unwrap();
    let more = text.replace("[plugin]", "[plugin]\ncapabilities = [\"state\"]");
    fs::write(&manifest, more).unwrap();
    build(&script, None);
    let text = fs::read_to_string(&types).unwrap();
    assert!(text.contains(state), "{text}");
    assert!(text.contains("get(table: number, key: string): Uint8Array | null;"));
    let config = fs::read_to_string(script.join("jsconfig.json")).unwrap();
    let config: serde_json::Value = serde_json::from_str(&config).unwrap();
    let named = config["compilerOptions"]["paths"]["palisade-sdk/*"][0].as_str();
    let batch = named.unwrap().replace('*', "batch.d.ts");
    assert!(script.join(batch).exists());

    let git = |arguments: &[&str]| {
        let output = Command::new("git")
            .args(arguments)
            .current_dir(dir)
            .output();
        let output = output.unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    build(&dir.join("rust"), None);
    git(&["init", "--quiet"]);
    let seen = git(&["ls-files", "--others", "--exclude-standard"]);
    let odd = |file: &&str| file.contains("target/") || file.contains(".palisade-sdk/");
    assert_eq!(seen.lines().find(odd), None);
    for file in ["rust/Cargo.lock", "c/compile_flags.txt", "c/.gitignore"] {
        assert!(seen.lines().any(|seen| seen == file), "{file}: {seen}");
    }
}

#[test]
fn a_member_of_a_workspace_finds_the_sdk_beside_its_manifest() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    let manifest = |exclude: &str| {
        let text = format!(
            "[workspace]\nresolver = \"3\"\nmembers = [\"rules/*\"]\n{exclude}\
             [profile.release]\npanic = \"abort\"\n"
        );
        fs::write(dir.join("Cargo.toml"), text).unwrap();
    };
    let member = |name: &str| {
        let mut command = palisade(dir);
        command.args(["plugin", "new", "--kind", "detector", name]);
        command.assert().code(0)
    };
    manifest("");
    let advice = "add exclude = [\".palisade-sdk\"] to [workspace] in ";
    member("rules/member").stdout(contains(advice));
    manifest("exclude = [\".palisade-sdk\"]\n");
    member("rules/other").stdout(contains(advice).not());
    let cargo = fs::read_to_string(dir.join("rules/member/Cargo.toml")).unwrap();
    assert!(cargo.contains("\"../../.palisade-sdk/rust\""), "{cargo}");
    build(&dir.join("rules/member"), None);
    assert!(dir.join(".palisade-sdk/rust/Cargo.toml").exists());
    assert!(!dir.join("rules/member/.palisade-sdk").exists());
}

#[test]
fn a_project_with_a_path_of_its_own_to_the_sdk_builds_as_before() {
    let folder = tempfile::tempdir().unwrap();
    new(folder.path(), "rust", "fixed");
    let project = folder.path().join("fixed");
    let manifest = project.join("Cargo.toml");
    let text = fs::read_to_string(&manifest).unwrap();
    let sdk = checkout().join("sdk/rust");
    let fixed = text.replace(".palisade-sdk/rust", sdk.to_str().unwrap());
    assert_ne!(fixed, text);
    fs::write(&manifest, fixed).unwrap();
    fs::remove_dir_all(project.join(".palisade-sdk")).unwrap();
    let built = build(&project, None);
    let component = fs::read(built["path"].as_str().unwrap()).unwrap();
    let root = checkout();
    let named = root.to_str().unwrap().as_bytes();
    assert!(!component.windows(named.len()).any(|bytes| bytes == named));
    assert!(!project.join(".palisade-sdk").exists());
    assert_eq!(build(&project, None)["new"], false);
}

#[test]
fn what_is_compiled_once_lies_where_nobody_else_may_write() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let cache = made(folder.path(), "cache");
    for lang in ["rust", "c"] {
        new(folder.path(), lang, lang);
    }
    let built = |lang: &str| {
        let mut command = palisade(&folder.path().join(lang));
        command.env("XDG_CACHE_HOME", &cache);
        command.args(["plugin", "build"]).assert()
    };
    // For others to write to.
    let open = made(&cache, "palisade/guests");
    fs::set_permissions(&open, fs::Permissions::from_mode(0o777)).unwrap();
    built("rust").code(2).stderr(
        contains("palisade/guests").and(contains("set XDG_CACHE_HOME or CARGO_TARGET_DIR")),
    );
    assert_eq!(fs::read_dir(&open).unwrap().count(), 0);
    // Other languages have nothing there.
    built("c").code(0);
}

#[test]
fn what_lies_in_the_place_of_the_sdk_is_not_touched() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    new(dir, "c", "mine");
    let links = dir.join("mine/.palisade-sdk");
    fs::remove_file(links.join("c")).unwrap();
    fs::create_dir(links.join("c")).unwrap();
    fs::write(links.join("c/notes"), "").unwrap();
    palisade(&dir.join("mine"))
        .args(["plugin", "build"])
        .assert()
        .code(2)
        .stderr(contains(".palisade-sdk/c is no link").and(contains("it is made anew")));
    assert!(links.join("c/notes").exists());
}

/// A compiler whose parent is gone would take memory and processor for nobody.
#[test]
fn a_compiler_ends_with_the_run_that_started_it() {
    let dir = tempfile::tempdir().unwrap();
    let arguments = ["preflight", "524288", "10", "4294967296", "1000", "-"];
    // The parent of this is the test, and no process has the number 1 for a parent here.
    for (parent, told) in [
        (1, "its parent has ended"),
        (std::process::id(), "are damaged"),
    ] {
        crate::palisade(dir.path())
            .arg("compile-component")
            .args(arguments)
            .arg(parent.to_string())
            .assert()
            .stderr(predicates::str::contains(told))
            .code(1);
    }
}
