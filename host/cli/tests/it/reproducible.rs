//! The same component and pack from the same content, wherever and whenever it is built.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use crate::{checkout, palisade};

/// Copies a folder without what is built in it, files in the order of their names or in the
/// opposite one.
fn copy(from: &Path, to: &Path, backwards: bool) {
    std::fs::create_dir_all(to).unwrap();
    let mut paths: Vec<_> = std::fs::read_dir(from)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| !path.ends_with("target"))
        .collect();
    paths.sort();
    if backwards {
        paths.reverse();
    }
    for path in paths {
        let into = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &into, backwards);
        } else {
            std::fs::copy(&path, &into).unwrap();
        }
    }
}

fn shell(dir: &Path, command: &str) -> String {
    let output = Command::new("/bin/sh")
        .args(["-c", command])
        .current_dir(dir)
        .env("PALISADE", assert_cmd::cargo::cargo_bin!("palisade"))
        .env("PALISADE_PASSPHRASE", "correct horse battery")
        .output()
        .unwrap();
    assert!(output.status.success(), "{command}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn neither_place_nor_order_nor_time_nor_user_shows_in_a_pack() {
    let components = checkout().join("target/plugins/iot-protocols");
    if !components.is_dir() {
        eprintln!(
            "skipped: {} is not there; run `make plugins`",
            components.display()
        );
        return;
    }
    if !Path::new("/usr/bin/faketime").is_file() {
        eprintln!("skipped: faketime is not installed; run `make setup`");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let plugins = checkout().join("plugins");
    let make = |place: &str, backwards: bool| {
        let dir = folder.path().join(place);
        std::fs::create_dir_all(dir.join("at/.palisade")).unwrap();
        copy(
            &plugins.join("iot-protocols"),
            &dir.join("at/iot"),
            backwards,
        );
        copy(&components, &dir.join("at/built"), backwards);
        std::fs::copy(plugins.join("README.md"), dir.join("at/README.md")).unwrap();
        dir.join("at")
    };
    let build = "\"$PALISADE\" pack build iot --components built --out out.tar \
                 && \"$PALISADE\" pack build iot --components built --folder-form --out out";
    let plain = make("plain", false);
    shell(&plain, build);

    let other = make("another place, öde/deep/er", true);
    // Old and foreign: dates, modes, things that lie about, and what editors leave.
    shell(
        &other,
        "find . -exec touch -d '2001-02-03 04:05:06' {} + && chmod -R u+rwx,go-rwx .",
    );
    std::fs::create_dir_all(other.join("iot/target/release")).unwrap();
    std::fs::write(other.join("iot/target/release/junk"), "junk").unwrap();
    let vectors = other.join("iot/detectors/cleartext/vectors");
    let first = std::fs::read_dir(vectors).unwrap().next().unwrap().unwrap();
    std::fs::write(first.path().join(".events.ndjson.swp"), "junk").unwrap();
    // In another time, zone, language, and with another mask for what is written.
    let elsewhere = "umask 077; export TZ=Pacific/Kiritimati LC_ALL=tr_TR.UTF-8 HOME=/nowhere \
                     USER=someone SOURCE_DATE_EPOCH=1; faketime '2031-12-31 23:59:58'";
    shell(&other, &format!("{elsewhere} sh -c '{build}'"));
    // The time that was shown is one that the program sees: it dates signatures by it.
    shell(
        &other,
        &format!(
            "{elsewhere} sh -c '\"$PALISADE\" key new k && cp out.tar signed.tar && \
             \"$PALISADE\" pack sign signed.tar --key k'"
        ),
    );
    let signed = shell(&other, "tar xf signed.tar -O --wildcards 'attestations/*'");
    let envelope: serde_json::Value = serde_json::from_str(&signed).unwrap();
    let payload = shell(
        &other,
        &format!(
            "printf %s '{}' | base64 -d",
            envelope["payload"].as_str().unwrap()
        ),
    );
    assert!(payload.contains("\"signed\":\"2031-12-31T"), "{payload}");

    let (a, b) = (plain.join("out.tar"), other.join("out.tar"));
    assert_eq!(std::fs::read(a).unwrap(), std::fs::read(b).unwrap());
    let mode = |dir: &Path| {
        std::fs::metadata(dir.join("out.tar"))
            .unwrap()
            .permissions()
            .mode()
    };
    assert_eq!(mode(&plain), mode(&other));
    let listed = |dir: &Path| {
        shell(
            dir,
            "cd out && find . -type f | LC_ALL=C sort | xargs sha256sum",
        )
    };
    assert_eq!(listed(&plain), listed(&other));
    // What does count is content.
    let vector = first.path().join("expected.ndjson");
    std::fs::write(&vector, "\n").unwrap();
    shell(
        &other,
        "\"$PALISADE\" pack build iot --components built --out changed.tar",
    );
    assert_ne!(
        std::fs::read(other.join("out.tar")).unwrap(),
        std::fs::read(other.join("changed.tar")).unwrap()
    );
}

#[test]
fn a_plugin_of_this_checkout_has_one_digest_wherever_the_checkout_lies() {
    let folder = tempfile::tempdir().unwrap();
    // Both below one folder: settings of cargo in the folders above count, and are the same.
    let built = |place: &str| {
        let root = folder.path().join(place);
        std::fs::create_dir_all(&root).unwrap();
        for name in ["plugins", "sdk", "wit"] {
            // Links stay links.
            let mut cp = Command::new("cp");
            let cp = cp.arg("-a").arg(checkout().join(name)).arg(&root);
            assert!(cp.status().unwrap().success());
        }
        palisade(folder.path())
            .env("PALISADE_WASM_TOOLCHAIN_FILE", toolchain())
            .args(["plugin", "build"])
            .arg(root.join("plugins/examples/rows-rust"))
            .assert()
            .code(0);
        std::fs::read(root.join("target/plugins/examples/rows-rust.wasm")).unwrap()
    };
    let (one, other) = (built("plain"), built("another place, öde/deep/er"));
    assert!(one == other, "{} and {} bytes", one.len(), other.len());
}

/// Where it is written which compilers there are.
fn toolchain() -> std::ffi::OsString {
    std::env::var_os("PALISADE_WASM_TOOLCHAIN_FILE")
        .unwrap_or_else(|| checkout().join("target/wasm-toolchain.json").into())
}
