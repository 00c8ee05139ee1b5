//! A pack from its components to a site that trusts it, as commands.

use std::path::Path;

use predicates::str::contains;

use crate::site::{TRUST, flow, ok, project, run, site};
use crate::{checkout, palisade};

#[test]
fn from_components_to_a_site_that_trusts_them() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    project(dir, "1.0.0");
    let pack = "target/packs/acme-guard-1.0.0.tar";
    let first = ok(dir, &["pack", "build", "guard"]);
    let bytes = std::fs::read(dir.join(pack)).unwrap();
    assert_eq!(ok(dir, &["pack", "build", "guard"]), first);
    assert_eq!(
        std::fs::read(dir.join(pack)).unwrap(),
        bytes,
        "the same bytes twice"
    );

    run(dir, &["pack", "verify", pack])
        .code(1)
        .stdout(contains("[no-trust]"));
    site(dir);
    run(dir, &["pack", "verify", pack])
        .code(1)
        .stdout(contains("[signatures-missing]"))
        .stdout(contains("palisade pack sign PACK --key FILE"));
    ok(dir, &["pack", "sign", pack, "--key", "stranger"]);
    run(dir, &["pack", "install", pack])
        .code(1)
        .stdout(contains("[key-unknown]"));
    ok(dir, &["pack", "sign", pack, "--key", "vendor"]);
    let verified = run(
        dir,
        &["pack", "verify", "--offline", pack, "--format", "json"],
    )
    .success();
    let report: serde_json::Value = serde_json::from_slice(&verified.get_output().stdout).unwrap();
    assert_eq!(report["trusted"], true, "{report}");
    ok(dir, &["pack", "install", pack]);
    // From the store it is verified again.
    ok(dir, &["pack", "verify", "acme/guard"]);
    ok(dir, &["store", "gc", "--grace", "0s"]);
    ok(dir, &["pack", "verify", "acme/guard@1.0.0"]);

    project(dir, "0.9.0");
    let older = "target/packs/acme-guard-0.9.0.tar";
    ok(dir, &["pack", "build", "guard"]);
    ok(dir, &["pack", "sign", older, "--key", "vendor"]);
    run(dir, &["pack", "diff", "acme/guard", older])
        .code(1)
        .stdout(contains("~ field version: 1.0.0 -> 0.9.0"));
    run(dir, &["pack", "install", older])
        .code(2)
        .stderr(contains("--allow-rollback"));
    ok(
        dir,
        &["pack", "install", older, "--allow-rollback", "0.9.0"],
    );

    // Revoked: what was installed is refused from now on.
    let digest = first.split_whitespace().next().unwrap();
    ok(
        dir,
        &[
            "trust",
            "revocations",
            "--from",
            "revoked.json",
            "--out",
            "revoked2.json",
            "--expires",
            "30d",
            "--pack",
            &format!("{digest}=withdrawn"),
        ],
    );
    ok(dir, &["trust", "sign", "revoked2.json", "--key", "root"]);
    ok(dir, &["trust", "install", "revoked2.json"]);
    run(dir, &["pack", "verify", "acme/guard@1.0.0"])
        .code(1)
        .stdout(contains("[pack-revoked]"));
    ok(dir, &["pack", "verify", "acme/guard@0.9.0"]);
    run(dir, &["trust", "install", "revoked.json"])
        .code(2)
        .stderr(contains("was seen here before"));
}

#[test]
fn what_is_loaded_is_delivered_and_runs_once_it_is_installed() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    project(dir, "1.0.0");
    site(dir);
    let pack = "target/packs/acme-guard-1.0.0.tar";
    ok(dir, &["pack", "build", "guard"]);
    ok(dir, &["pack", "sign", pack, "--key", "vendor"]);
    ok(dir, &["pack", "install", pack]);
    project(dir, "1.1.0");
    let newer = "target/packs/acme-guard-1.1.0.tar";
    ok(dir, &["pack", "build", "guard"]);
    ok(dir, &["pack", "save", newer, "unsigned.tar"]);
    ok(dir, &["pack", "sign", newer, "--key", "vendor"]);
    ok(dir, &["pack", "save", newer, "saved.tar"]);
    // Delivered without signature: it is there, and can neither run nor be installed.
    ok(dir, &["pack", "load", "unsigned.tar"]);
    let installed = |version: &str| {
        let said = ok(dir, &["pack", "inspect", "acme/guard"]);
        assert!(said.contains(version), "{said}");
    };
    installed("1.0.0");
    std::fs::write(dir.join("none.ndjson"), "").unwrap();
    let input = "none.ndjson";
    run(dir, &["run", "--pack", "acme/guard@1.1.0", input])
        .code(2)
        .stderr(contains("no installed pack `acme/guard@1.1.0`"));
    run(dir, &["pack", "install", "acme/guard@1.1.0"])
        .code(1)
        .stdout(contains("[signatures-missing]"));
    let names = ok(dir, &["store", "list"]);
    assert!(names.contains("delivered.acme.guard@1.1.0"), "{names}");
    // With it, by its name; what was delivered survives the collector until then.
    ok(dir, &["pack", "load", "saved.tar"]);
    ok(dir, &["store", "gc", "--grace", "0s"]);
    ok(dir, &["pack", "verify", "--offline", "acme/guard@1.1.0"]);
    installed("1.0.0");
    ok(dir, &["pack", "install", "acme/guard@1.1.0"]);
    installed("1.1.0");
    let names = ok(dir, &["store", "list"]);
    assert!(!names.contains("delivered"), "{names}");
    // A file without signatures does not take those of the installed version away.
    ok(dir, &["pack", "load", "unsigned.tar"]);
    ok(dir, &["pack", "verify", "acme/guard@1.1.0"]);
    run(dir, &["pack", "load", "acme/guard"])
        .code(2)
        .stderr(contains("there is no file"));
}

#[test]
fn keys_are_private_and_may_be_behind_a_command() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    ok(dir, &["key", "new", "mine"]);
    let mode = std::fs::metadata(dir.join("mine"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    run(dir, &["key", "new", "mine"]).code(2);
    palisade(dir)
        .env("PALISADE_PASSPHRASE", "short")
        .args(["key", "new", "other"])
        .assert()
        .code(2)
        .stderr(contains("passphrase"));
    // A key behind a command need not be one of ours, nor the signature made by our code.
    let openssl = |args: &[&str]| {
        let done = std::process::Command::new("openssl")
            .current_dir(dir)
            .args(args)
            .status();
        assert!(done.unwrap().success(), "{args:?}");
    };
    openssl(&["genpkey", "-algorithm", "ed25519", "-out", "token"]);
    openssl(&["pkey", "-in", "token", "-pubout", "-out", "token.pub"]);
    project(dir, "1.0.0");
    ok(dir, &["pack", "build", "guard"]);
    let sign = |command: &str| {
        run(
            dir,
            &[
                "pack",
                "sign",
                "target/packs/acme-guard-1.0.0.tar",
                "--key-command",
                command,
                "--public",
                "token.pub",
            ],
        )
    };
    let openssl = "cat > message && openssl pkeyutl -sign -rawin -in message -inkey token -out made && cat made";
    sign(openssl).success();
    sign("head -c 64 /dev/zero")
        .code(2)
        .stderr(contains("does not fit public key"));
    sign("true").code(2).stderr(contains("exactly 64"));
    sign("false").code(2).stderr(contains("failed"));
}

#[test]
fn the_first_party_packs_build() {
    let folder = tempfile::tempdir().unwrap();
    for pack in [
        "iot-protocols",
        "intel-detect",
        "vuln-disclosure",
        "cdn-abuse",
    ] {
        let components = checkout().join("target/plugins").join(pack);
        if !components.is_dir() {
            eprintln!(
                "skipped: {} is not there; run `make plugins`",
                components.display()
            );
            continue;
        }
        let source = checkout().join("plugins").join(pack);
        let out = folder.path().join(format!("{pack}.tar"));
        palisade(folder.path())
            .args(["pack", "build"])
            .arg(source)
            .arg("--components")
            .arg(components)
            .arg("--out")
            .arg(&out)
            .assert()
            .success();
        palisade(folder.path())
            .args(["pack", "inspect"])
            .arg(&out)
            .assert()
            .success();
    }
}

#[test]
fn a_certified_pack_runs_from_the_store_and_a_loose_component_does_not() {
    let components = checkout().join("target/plugins/cdn-abuse");
    if !components.is_dir() {
        eprintln!(
            "skipped: {} is not there; run `make plugins`",
            components.display()
        );
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    std::fs::create_dir_all(dir.join(".palisade")).unwrap();
    site(dir);
    let source = checkout().join("plugins/cdn-abuse");
    let path = |path: &Path| path.to_str().unwrap().to_owned();
    ok(
        dir,
        &[
            "pack",
            "build",
            &path(&source),
            "--components",
            &path(&components),
            "--out",
            "cdn.tar",
        ],
    );
    ok(dir, &["pack", "sign", "cdn.tar", "--key", "vendor"]);
    ok(dir, &["key", "new", "certifier"]);
    let policy = TRUST
        .replace("version = 1", "version = 2")
        .replace("acme/*", "palisade/*")
        .replace(
            "capabilities = [\"state\"]",
            "capabilities = [\"state\", \"timers\", \"log\", \"datasets\"]",
        )
        + "\n[pack.certificate]\nrole = \"certifier\"\nmax-age-days = 30\n";
    std::fs::write(dir.join("trust.toml"), policy).unwrap();
    ok(
        dir,
        &["trust", "policy", "trust.toml", "--out", "policy2.json"],
    );
    ok(
        dir,
        &[
            "trust",
            "root",
            "--from",
            "root.json",
            "--out",
            "root2.json",
            "--expires",
            "365d",
            "--key",
            "certifier=certifier.pub",
            "--role",
            "certifier=1:certifier",
        ],
    );
    for document in ["root2.json", "policy2.json"] {
        ok(dir, &["trust", "sign", document, "--key", "root"]);
        ok(dir, &["trust", "install", document]);
    }
    run(dir, &["pack", "install", "cdn.tar"])
        .code(1)
        .stdout(contains("[certificate-missing]"));
    println!(
        "{}",
        ok(dir, &["pack", "certify", "cdn.tar", "--key", "certifier"])
    );
    ok(dir, &["pack", "install", "cdn.tar"]);

    let input = dir.join("flow.ndjson");
    flow(&input);
    let done = run(dir, &["run", "--pack", "palisade/cdn-abuse", &path(&input)]);
    let code = done.get_output().status.code();
    assert!(matches!(code, Some(0 | 1)), "{:?}", done.get_output());
    run(
        dir,
        &["run", "--plugins", &path(&components), &path(&input)],
    )
    .code(2)
    .stderr(contains("is in no pack"));
    // What is in the store is verified when it is loaded, and not only when it was put there.
    let blobs = dir.join(".palisade/store/blobs");
    let component = std::fs::read(components.join("flooding.wasm")).unwrap();
    let digest = palisade_store::Digest::of(&component).to_string();
    let blob = blobs.join(&digest[..2]).join(&digest);
    let mut changed = std::fs::read(&blob).unwrap();
    let last = changed.len() - 1;
    changed[last] ^= 1;
    std::fs::write(&blob, changed).unwrap();
    run(dir, &["run", "--pack", "palisade/cdn-abuse", &path(&input)])
        .code(2)
        .stderr(contains("was changed after it was stored"));
}
