//! Packs through a real registry (Debian's `docker-registry`): what it carries, whom it lets in, and
//! what may leave for it at all.

use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use palisade_tests::{root, skip};
use serde_json::Value;

use crate::packs::{Site, change_all, components, copy};

/// Debian's registry on loopback, stopped when dropped.
struct Registry {
    process: Child,
    port: u16,
}

/// `vendor` and `open sesame`, as clients and an htpasswd file write both, and others in base64.
const LOGIN: &str = "dmVuZG9yOm9wZW4gc2VzYW1l";
const NOBODY: &str = "bm9ib2R5Om5vdGhpbmc=";
const HTPASSWD: &str = "vendor:$2b$05$9VfiWskmIRYe1.S70bSw4.XR0nO8x.i4.4.VJTPdC2H9lEcZmgXAW\n";

impl Registry {
    fn start(folder: &Path) -> Option<Registry> {
        Registry::start_at(folder, "127.0.0.1", "")
    }

    /// Starts one that lets nobody in without a password.
    fn start_locked(folder: &Path) -> Option<Registry> {
        std::fs::write(folder.join("htpasswd"), HTPASSWD).expect("the passwords");
        let auth = "auth:\n  htpasswd:\n    realm: test\n    path: htpasswd\n";
        Registry::start_at(folder, "127.0.0.1", auth)
    }

    fn start_at(folder: &Path, host: &str, more: &str) -> Option<Registry> {
        if !Path::new("/usr/bin/docker-registry").is_file() {
            skip("docker-registry is not installed; run `make setup`");
            return None;
        }
        let port = TcpListener::bind(format!("{host}:0"))
            .and_then(|socket| socket.local_addr())
            .expect("a free port")
            .port();
        let config = format!(
            "version: 0.1\nlog:\n  level: error\nstorage:\n  filesystem:\n    rootdirectory: registry\n\
             http:\n  addr: \"{host}:{port}\"\n{more}"
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
        while TcpStream::connect(format!("{host}:{port}")).is_err() {
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

/// Makes the pack of detected indicators with this dataset.
fn of_indicators(site: &Site, lines: &str) -> String {
    let source = site.path().join("intel-detect");
    let _ = std::fs::remove_dir_all(&source);
    copy(&root().join("plugins/intel-detect"), &source);
    std::fs::copy(
        root().join("plugins/README.md"),
        site.path().join("README.md"),
    )
    .expect("the document is copied");
    std::fs::write(source.join("shared.ndjson"), lines).expect("a dataset");
    let mut text = std::fs::read_to_string(source.join("pack.toml")).expect("pack.toml");
    text.push_str("\n[datasets.indicators]\nfile = \"shared.ndjson\"\n");
    std::fs::write(source.join("pack.toml"), text).expect("pack.toml is written");
    site.pack("intel-detect", "0.1.0")
}

/// Options that name policies.
fn policies(names: &[&str]) -> String {
    let option = |name: &&str| format!(" --plugins {}", components(name).display());
    names.iter().map(option).collect()
}

#[test]
fn a_labelled_pack_leaves_only_if_the_policies_permit_it() {
    let Some(site) = Site::new() else { return };
    let Some(registry) = Registry::start(site.path()) else {
        return;
    };
    let indicator = r#"{"kind":"ipv4","value":"203.0.113.66","confidence":90,"tlp":"TLP:AMBER","labels":"intel-derived-data","derived_from":"N-12"}"#;
    let pack = of_indicators(&site, &format!("{indicator}\n"));
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

#[test]
fn what_came_with_a_notice_is_not_sold() {
    let Some(site) = Site::new() else { return };
    let Some(registry) = Registry::start(site.path()) else {
        return;
    };
    let party = |id: &str| {
        format!(r#"{{"id":"{id}","kind":"organisation","country":"CN","verified":true}}"#)
    };
    let request = format!(
        r#"{{"publisher":{},"action":"sell","audience":"named","recipients":[{}]}}"#,
        party("lab-x"),
        party("other-org")
    );
    std::fs::write(site.path().join("sell.json"), request).expect("a request");
    let notice = r#"{"kind": "report.intel", "time": "2025-06-20T10:00:00+08:00", "notice": "N-1", "class": "ioc", "urgency": "ordinary", "agreement": "AG-2025", "channel": "platform", "known_at": "2025-06-20T09:00:00+08:00"}"#;
    std::fs::write(site.path().join("given.ndjson"), notice).expect("what was given");
    let place = format!("127.0.0.1:{}/packs/intel:0.1.0", registry.port);
    let policies = policies(&["vuln-disclosure", "intel-sharing"]);
    // As the datasets of the product name it, in the words of the gate, and as a label.
    for origin in [
        r#""notice":"N-1""#,
        r#""derived_from":"N-1""#,
        r#""labels":"notice:N-1""#,
    ] {
        let entry = r#"{"kind":"domain","value":"bad.example","tlp":"green","#;
        let pack = of_indicators(&site, &format!("{entry}{origin}}}\n"));
        let push = format!("pack push {pack} {place} --request sell.json{policies}");
        let said = site.ends(1, &format!("{push} --given given.ndjson"));
        let denied = said.contains("TI-7.2") && said.contains("is not pushed");
        assert!(denied && said.contains("N-1"), "{origin}: {said}");
        // Nobody needs to know of the notice for what says that it came with one.
        if !origin.contains("derived_from") {
            let said = site.ends(1, &push);
            assert!(said.contains("shared intelligence"), "{origin}: {said}");
        }
    }
}

#[test]
fn credentials_are_those_of_the_path() {
    let Some(site) = Site::new() else { return };
    let Some(registry) = Registry::start_locked(site.path()) else {
        return;
    };
    let pack = site.pack("iot-protocols", "0.1.0");
    let host = format!("127.0.0.1:{}", registry.port);
    let push = |place: &str| format!("pack push {pack} {host}/{place}:0.1.0");
    let said = site.ends(2, &push("team-a/iot"));
    assert!(said.contains("log in"), "{said}");
    let auth = |text: &str| serde_json::json!({ "auth": text });
    let config = serde_json::json!({ "auths": {
        &host: auth(NOBODY),
        format!("{host}/team-a"): auth(LOGIN),
    }});
    for file in [
        "run/containers/auth.json",
        ".config/containers/auth.json",
        ".docker/config.json",
    ] {
        let path = site.path().join(file);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(&path, config.to_string()).expect("credentials");
        site.ok(&push("team-a/iot"));
        site.ok(&push("team-a/sub/iot"));
        // The entry of the host is for everything else.
        let said = site.ends(2, &push("team-b/iot"));
        assert!(said.contains("log in"), "{said}");
        std::fs::remove_file(&path).expect("credentials are removed");
    }
}

#[test]
fn a_helper_that_is_missing_stops_nobody_who_needs_none() {
    let Some(site) = Site::new() else { return };
    let Some(registry) = Registry::start(site.path()) else {
        return;
    };
    let pack = site.pack("iot-protocols", "0.1.0");
    let host = format!("127.0.0.1:{}", registry.port);
    std::fs::create_dir(site.path().join(".docker")).expect("a folder");
    for config in [
        r#"{"credsStore":"not-there"}"#.to_owned(),
        format!(r#"{{"credHelpers":{{"{host}":"not-there"}}}}"#),
        "{ this is no JSON".to_owned(),
    ] {
        std::fs::write(site.path().join(".docker/config.json"), config).expect("credentials");
        let said = site.ok(&format!("pack push {pack} {host}/acme/iot:1"));
        let told = said.contains("docker-credential-not-there") || said.contains("cannot be read");
        assert!(told, "{said}");
        site.ok(&format!("pack pull {host}/acme/iot:1 --out pulled.tar"));
    }
}

#[test]
fn a_registry_may_have_an_ipv6_address() {
    let Some(site) = Site::new() else { return };
    if TcpListener::bind("[::1]:0").is_err() {
        return skip("this machine has no address ::1");
    }
    let Some(registry) = Registry::start_at(site.path(), "[::1]", "") else {
        return;
    };
    let pack = site.pack("iot-protocols", "0.1.0");
    let place = format!("[::1]:{}/acme/iot:0.1.0", registry.port);
    let said = site.ok(&format!("pack push {pack} {place}"));
    assert!(
        said.contains(&format!("[::1]:{}/acme/iot@sha256:", registry.port)),
        "{said}"
    );
    site.ok(&format!("pack pull {place} --out pulled.tar"));
    site.ok(&format!("pack diff {pack} pulled.tar"));
}
