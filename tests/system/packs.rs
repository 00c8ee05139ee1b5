//! The walk-through of `host/pack/README.md` as commands: a vendor builds and signs, a certifier
//! certifies, a registry carries, and an operator verifies, upgrades, refuses and rolls back.

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

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
        Command::new(&self.program)
            .args(command.split_whitespace())
            .current_dir(self.path())
            .env("PALISADE_PASSPHRASE", "correct horse battery")
            .env("HOME", self.path())
            .env_remove("XDG_DATA_HOME")
            .env_remove("XDG_CACHE_HOME")
            .env_remove("XDG_STATE_HOME")
            .env_remove("PALISADE_STORE")
            .env_remove("PALISADE_TRUST")
            .output()
            .expect("palisade runs")
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
    let plugins = folder.count();
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

/// Debian's registry on loopback, stopped when dropped.
struct Registry {
    process: Child,
    port: u16,
}

impl Registry {
    fn start(folder: &Path) -> Option<Registry> {
        if !Path::new("/usr/bin/docker-registry").is_file() {
            skip("docker-registry is not installed; run `make setup`");
            return None;
        }
        let port = TcpListener::bind("127.0.0.1:0")
            .and_then(|socket| socket.local_addr())
            .expect("a free port")
            .port();
        let config = format!(
            "version: 0.1\nlog:\n  level: error\nstorage:\n  filesystem:\n    rootdirectory: registry\n\
             http:\n  addr: 127.0.0.1:{port}\n"
        );
        std::fs::write(folder.join("registry.yml"), config).expect("the configuration");
        let process = Command::new("/usr/bin/docker-registry")
            .args(["serve", "registry.yml"])
            .current_dir(folder)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("docker-registry starts");
        let until = Instant::now() + Duration::from_secs(30);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < until, "docker-registry does not answer");
            std::thread::sleep(Duration::from_millis(20));
        }
        Some(Registry { process, port })
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Changes a byte in the middle of every file below a folder; how many there are.
fn change_all(folder: &Path) -> usize {
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

#[test]
fn a_registry_carries_packs_and_cannot_change_them() {
    let Some(site) = Site::new() else { return };
    let Some(registry) = Registry::start(site.path()) else {
        return;
    };
    site.trusting();
    let pack = site.pack("iot-protocols", "0.1.0");
    site.ok(&format!("pack sign {pack} --key vendor"));
    site.ok(&format!("pack certify {pack} --key certifier"));
    let place = format!("127.0.0.1:{}/packs/iot", registry.port);
    let said = site.ok(&format!("pack push {pack} {place}:0.1.0"));
    assert!(said.contains("with 2 attestations"), "{said}");
    let said = site.ok(&format!(
        "pack pull {place}:0.1.0 --out pulled.tar --format json"
    ));
    let told: Value = serde_json::from_str(&said).expect("JSON");
    let said = site.ok("pack verify --offline pulled.tar");
    assert!(said.contains("certified by certifier"), "{said}");
    site.ok(&format!("pack diff {pack} pulled.tar"));
    // By digest it is the same, whatever becomes of the tag.
    let by_digest = told["reference"].as_str().expect("a reference");
    site.ok(&format!("pack pull {by_digest} --out again.tar"));

    // Who chose the pack's name does not choose what is written over, and who may write to the
    // downloads does not choose where they go.
    let taken = site.path().join("palisade-iot-protocols-0.1.0.tar");
    std::fs::write(&taken, "mine").expect("a file");
    let said = site.ends(2, &format!("pack pull {by_digest}"));
    assert!(said.contains("is there already"), "{said}");
    assert_eq!(std::fs::read(&taken).expect("the file"), b"mine");
    let downloads = site.path().join(".cache/palisade/downloads");
    let mode = |mode| {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(&downloads, mode).expect("a mode");
    };
    mode(0o777);
    let said = site.ends(2, &format!("pack pull {by_digest} --out open.tar"));
    assert!(said.contains("can be written by others"), "{said}");
    mode(0o700);

    // A tag that is moved after it was verified leads elsewhere, and that is judged anew.
    let other = site.pack("iot-protocols", "0.1.1");
    site.ok(&format!("pack push {other} {place}:0.1.0"));
    site.ok(&format!("pack pull {place}:0.1.0 --out moved.tar"));
    let said = site.ends(1, "pack verify --offline moved.tar");
    assert!(said.contains("[signatures-missing]"), "{said}");
    site.ok(&format!("pack pull {by_digest} --out kept.tar"));
    site.ok("pack verify --offline kept.tar");
    site.ok(&format!("pack diff {pack} kept.tar"));

    let changed = change_all(&site.path().join("registry"));
    assert!(changed >= 2, "{changed}");
    let said = site.ends(2, &format!("pack pull {by_digest} --out changed.tar"));
    assert!(said.contains("is not what it claims"), "{said}");
    assert!(!site.path().join("changed.tar").exists());
}

#[test]
fn a_labelled_pack_leaves_only_if_the_policies_permit_it() {
    let Some(site) = Site::new() else { return };
    let Some(registry) = Registry::start(site.path()) else {
        return;
    };
    let source = site.path().join("intel-detect");
    copy(&root().join("plugins/intel-detect"), &source);
    std::fs::copy(
        root().join("plugins/README.md"),
        site.path().join("README.md"),
    )
    .expect("the document is copied");
    let indicator = r#"{"kind":"ipv4","value":"203.0.113.66","confidence":90,"tlp":"TLP:AMBER","labels":"intel-derived-data","derived_from":"N-12"}"#;
    std::fs::write(source.join("shared.ndjson"), format!("{indicator}\n")).expect("a dataset");
    let mut text = std::fs::read_to_string(source.join("pack.toml")).expect("pack.toml");
    text.push_str("\n[datasets.indicators]\nfile = \"shared.ndjson\"\n");
    std::fs::write(source.join("pack.toml"), text).expect("pack.toml is written");
    let pack = site.pack("intel-detect", "0.1.0");
    let said = site.ok(&format!("pack inspect {pack}"));
    assert!(
        said.contains("TLP:AMBER") && said.contains("N-12"),
        "{said}"
    );

    let place = format!("127.0.0.1:{}/packs/intel:0.1.0", registry.port);
    let said = site.ends(2, &format!("pack push {pack} {place}"));
    assert!(said.contains("carries labels"), "{said}");
    let request = |audience: &str| {
        let party = r#"{"id":"party-b","kind":"organisation","country":"CN","verified":true}"#;
        let text =
            format!(r#"{{"audience":"{audience}","publisher":{party},"recipients":[{party}]}}"#);
        std::fs::write(site.path().join("request.json"), text).expect("a request");
    };
    let policies = |names: &[&str]| -> String {
        let option = |name: &&str| format!(" --plugins {}", components(name).display());
        names.iter().map(option).collect()
    };
    let push = format!("pack push {pack} {place} --request request.json");
    request("open");
    let both = ["vuln-disclosure", "intel-sharing"];
    let said = site.ends(1, &format!("{push}{}", policies(&both)));
    assert!(
        said.contains("TLP:AMBER does not go to everybody"),
        "{said}"
    );
    request("named");
    let said = site.ends(1, &format!("{push}{}", policies(&both)));
    assert!(
        said.contains("TI-7.2") && said.contains("is not pushed"),
        "{said}"
    );
    // Those who own the intelligence have no such policy; then it goes, and the label with it.
    let said = site.ok(&format!("{push}{}", policies(&["vuln-disclosure"])));
    assert!(
        said.contains("RMSV-9.4") && said.contains("sha256:"),
        "{said}"
    );
}
