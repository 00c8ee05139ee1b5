//! The walk-through of `host/pack/README.md` as commands: a vendor builds and signs, a certifier
//! certifies, and an operator verifies, upgrades, refuses and rolls back.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use palisade_tests::{capture, root, skip};
use serde_json::Value;

const TRUST: &str = r#"
version = 1

[[pack]]
match = "palisade/*"
capabilities = ["state", "timers"]

[[pack.signed-by]]
role = "vendor"

[pack.certificate]
role = "certifier"
max-age-days = 180
"#;

/// A folder with keys, a store and trust documents of its own.
pub(crate) struct Site {
    folder: tempfile::TempDir,
    program: PathBuf,
}

impl Site {
    pub(crate) fn new() -> Option<Site> {
        let target = std::env::var_os("CARGO_TARGET_DIR")
            .map_or_else(|| root().join("target"), PathBuf::from);
        let program = target.join("release/palisade");
        if !program.is_file() || !components("iot-protocols").is_dir() {
            skip("`make plugins` has not built the program and the plugins");
            return None;
        }
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::create_dir(folder.path().join(".palisade")).expect("a folder");
        Some(Site { folder, program })
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn run(&self, command: &str) -> Output {
        self.command(command).output().expect("palisade runs")
    }

    /// A command that is to run here.
    pub(crate) fn command(&self, words: &str) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(words.split_whitespace())
            .current_dir(self.path())
            .env("PALISADE_PASSPHRASE", "correct horse battery")
            .env("HOME", self.path())
            .env_remove("XDG_DATA_HOME")
            .env_remove("XDG_CACHE_HOME")
            .env_remove("XDG_STATE_HOME")
            // Where credentials may be.
            .env("XDG_RUNTIME_DIR", self.path().join("run"))
            .env_remove("XDG_CONFIG_HOME")
            .env_remove("DOCKER_CONFIG")
            .env_remove("REGISTRY_AUTH_FILE")
            .env_remove("PALISADE_STORE")
            .env_remove("PALISADE_TRUST");
        command
    }

    /// Runs a command that ends with this code; what it writes, both streams.
    pub(crate) fn ends(&self, code: i32, command: &str) -> String {
        let output = self.run(command);
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said).into_owned();
        assert_eq!(output.status.code(), Some(code), "{command}: {said}");
        said
    }

    pub(crate) fn ok(&self, command: &str) -> String {
        self.ends(0, command)
    }

    /// Builds a pack of the repository in this version, signed and certified.
    pub(crate) fn pack(&self, name: &str, version: &str) -> String {
        let source = self.path().join(name);
        if !source.is_dir() {
            let from = root().join("plugins").join(name);
            copy(&from, &source);
            std::fs::copy(
                root().join("plugins/README.md"),
                self.path().join("README.md"),
            )
            .expect("the document is copied");
        }
        let file = source.join("pack.toml");
        let text = std::fs::read_to_string(&file).expect("pack.toml");
        let lines = text.lines().map(|line| {
            if line.starts_with("version = ") {
                format!("version = \"{version}\"\n")
            } else {
                format!("{line}\n")
            }
        });
        let text: String = lines.collect();
        std::fs::write(&file, text).expect("pack.toml is written");
        let out = format!("{name}-{version}.tar");
        let components = components(name);
        self.ok(&format!(
            "pack build {name} --components {} --out {out}",
            components.display()
        ));
        out
    }

    /// Keys, and a site that trusts the vendor's and the certifier's.
    pub(crate) fn trusting(&self) {
        for key in ["me", "vendor", "certifier"] {
            self.ok(&format!("key new {key}"));
        }
        let told = self.ok(
            "trust root --out root.json --expires 365d --key me=me.pub --key vendor=vendor.pub \
             --key certifier=certifier.pub --role root=1:me --role policy=1:me --role \
             revocation=1:me --role vendor=1:vendor --role certifier=1:certifier",
        );
        let is_digest = |word: &&str| word.trim_end_matches(';').len() == 64;
        let pin = told.split_whitespace().find(is_digest).expect("a digest");
        self.ok("trust revocations --out revoked.json --expires 30d");
        std::fs::write(self.path().join("trust.toml"), TRUST).expect("trust.toml");
        self.ok("trust policy trust.toml --out policy.json");
        for document in ["root.json", "revoked.json", "policy.json"] {
            self.ok(&format!("trust sign {document} --key me"));
        }
        let pin = pin.trim_end_matches(';');
        self.ok(&format!("trust install root.json --pin {pin}"));
        self.ok("trust install revoked.json");
        self.ok("trust install policy.json");
    }
}

pub(crate) fn components(pack: &str) -> PathBuf {
    root().join("target/plugins").join(pack)
}

/// Copies a folder without what is built in it.
pub(crate) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("the folder can be read") {
        let path = entry.expect("the folder can be read").path();
        let into = to.join(path.file_name().expect("a name"));
        match path.is_dir() {
            true if path.ends_with("target") => {}
            true => copy(&path, &into),
            false => drop(std::fs::copy(&path, &into).expect("a file is copied")),
        }
    }
}

#[test]
fn from_the_vendor_to_the_operator_and_back_again() {
    let Some(site) = Site::new() else { return };
    site.trusting();
    let old = site.pack("iot-protocols", "0.1.0");
    let said = site.ends(1, &format!("pack verify --offline {old}"));
    assert!(said.contains("[signatures-missing]"), "{said}");
    site.ok(&format!("pack sign {old} --key vendor"));
    let said = site.ends(1, &format!("pack install {old}"));
    assert!(said.contains("[certificate-missing]"), "{said}");
    let said = site.ok(&format!("pack certify {old} --key certifier"));
    assert!(said.contains("passed  fuzz"), "{said}");
    let said = site.ok(&format!("pack verify --offline {old}"));
    assert!(said.contains("may run here"), "{said}");
    site.ok(&format!("pack install {old}"));
    let modbus = capture("modbus.pcap");
    let run = format!("run --pack palisade/iot-protocols {}", modbus.display());
    let said = site.ends(1, &run);
    assert!(said.contains("IOT-2.3c"), "{said}");
    // Compiled code that was changed in the cache is not loaded: it is compiled anew.
    let anew = || {
        let said = site.ends(1, &run);
        let line = said.lines().find(|line| line.contains(" compiled anew"));
        let line = line.unwrap_or_else(|| panic!("{said}")).to_owned();
        assert!(said.contains("IOT-2.3c"), "{said}");
        line.split(" of ")
            .next()
            .and_then(|l| l.split(' ').next_back().map(str::to_owned))
    };
    assert_eq!(anew().as_deref(), Some("0"));
    let changed = change_all(&site.path().join(".cache/palisade/code"));
    let folder = std::fs::read_dir(components("iot-protocols")).expect("the pack is built");
    let debug = |path: &Path| path.to_string_lossy().ends_with(".debug.wasm");
    let plugins = folder
        .filter(|entry| !debug(&entry.as_ref().expect("an entry").path()))
        .count();
    assert!(changed >= plugins, "{changed} of {plugins}");
    assert_eq!(anew(), Some(plugins.to_string()));
    assert_eq!(anew().as_deref(), Some("0"));
    // What is in no pack does not run where trust is set up.
    let loose = components("iot-protocols");
    let said = site.ends(
        2,
        &format!("run --plugins {} {}", loose.display(), modbus.display()),
    );
    assert!(said.contains("is in no pack"), "{said}");

    let new = site.pack("iot-protocols", "0.2.0");
    site.ok(&format!("pack sign {new} --key vendor"));
    site.ok(&format!("pack certify {new} --key certifier"));
    let said = site.ends(1, &format!("pack diff {old} {new}"));
    assert!(said.contains("0.2.0"), "{said}");
    site.ok(&format!("pack install {new}"));
    let said = site.ends(2, &format!("pack install {old}"));
    assert!(
        said.contains("0.1.0") && said.contains("--allow-rollback"),
        "{said}"
    );
    site.ok(&format!("pack install {old} --allow-rollback 0.1.0"));
    assert!(site.ends(1, &run).contains("IOT-2.3c"));
    // A revoked pack stops at once, although it is installed.
    let digest = site.ok(&format!("pack inspect {old} --format json"));
    let digest: Value = serde_json::from_str(&digest).expect("JSON");
    let digest = digest["digest"].as_str().expect("a digest");
    site.ok(&format!(
        "trust revocations --from revoked.json --out next.json --expires 30d --pack {digest}=test"
    ));
    site.ok("trust sign next.json --key me");
    site.ok("trust install next.json");
    let said = site.ends(2, &run);
    assert!(said.contains("revoked"), "{said}");
}

/// Changes a byte in the middle of every file below a folder; how many there are.
pub(crate) fn change_all(folder: &Path) -> usize {
    let mut changed = 0;
    for entry in std::fs::read_dir(folder).expect("the folder can be read") {
        let path = entry.expect("the folder can be read").path();
        if path.is_dir() {
            changed += change_all(&path);
            continue;
        }
        let mut bytes = std::fs::read(&path).expect("the file");
        // The key of the cache is no entry.
        if bytes.len() < 1024 {
            continue;
        }
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(&path, bytes).expect("the file is changed");
        changed += 1;
    }
    changed
}
