//! Attacks on root document, revocation list, policy, and on what a site remembers.

use palisade_pack::trust::{Policy, Root, TrustError};
use palisade_pack::{Pack, Sign as _, verify};
use palisade_store::Digest;

use crate::site::*;

#[track_caller]
fn code<T: std::fmt::Debug>(result: Result<T, TrustError>, wanted: &str) {
    match result {
        Err(TrustError::Refused(refusal)) => assert_eq!(refusal.code(), wanted, "{refusal}"),
        other => panic!("not {wanted}: {other:?}"),
    }
}

fn next(change: impl FnOnce(&mut Root)) -> Root {
    let mut root = root();
    root.version = 2;
    change(&mut root);
    root
}

#[test]
fn nothing_is_trusted_without_documents() {
    let pack = attested(bare());
    let site = Site::empty();
    refused(&site.verify(&pack), "no-trust");
    site.install_root(&root());
    refused(&site.verify(&pack), "no-revocations");
    site.dir
        .install(&signed(revocations().envelope(), &[REVOKER]), now(), None)
        .unwrap();
    refused(&site.verify(&pack), "no-policy");
}

#[test]
fn the_first_root_document_needs_its_pin() {
    let site = Site::empty();
    let bytes = signed(root().envelope(), &ROOTS);
    let wrong = Some(Digest::of(b"another"));
    let refused = site.dir.install(&bytes, now(), None);
    assert!(matches!(refused, Err(TrustError::Pin { .. })));
    let refused = site.dir.install(&bytes, now(), wrong).unwrap_err();
    assert!(matches!(refused, TrustError::OtherPin { .. }));
    assert!(
        refused.to_string().contains("not the document"),
        "{refused}"
    );
    assert!(!site.dir.is_set_up().unwrap());
}

#[test]
fn root_documents_that_contradict_themselves() {
    let site = Site::empty();
    let bad: [fn(&mut Root); 6] = [
        |r| r.version = 0,
        |r| drop(r.roles.remove("policy")),
        |r| r.roles.get_mut("root").unwrap().threshold = 0,
        |r| r.roles.get_mut("root").unwrap().threshold = 4,
        |r| {
            let vendors = &mut r.roles.get_mut("vendor").unwrap().keys;
            vendors.insert(key(STRANGER).public().id().clone());
        },
        // An id with the public key of somebody else.
        |r| {
            let other = Digest(*key(STRANGER).public().as_bytes()).to_string();
            r.keys.values_mut().next().unwrap().public = other;
        },
    ];
    for change in bad {
        let mut root = root();
        change(&mut root);
        code(
            site.dir
                .install(&signed(root.envelope(), &ROOTS), now(), None),
            "document",
        );
    }
}

#[test]
fn root_keys_are_rotated_by_the_old_and_the_new() {
    let site = Site::new();
    let replace = |r: &mut Root| {
        let new = key(50).public().clone();
        let old = key(1).public().id().clone();
        r.keys.remove(&old);
        let public = Digest(*new.as_bytes()).to_string();
        let entry = palisade_pack::trust::RootKey {
            name: "new".into(),
            public,
            expires: None,
        };
        r.keys.insert(new.id().clone(), entry);
        let role = r.roles.get_mut("root").unwrap();
        role.keys.remove(&old);
        role.keys.insert(new.id().clone());
    };
    let root = next(replace);
    // By one of the old and one of the new only; by strangers; by nobody.
    code(
        site.dir
            .install(&signed(root.envelope(), &[2, 50]), now(), None),
        "key-unknown",
    );
    code(
        site.dir
            .install(&signed(root.envelope(), &[2]), now(), None),
        "threshold",
    );
    code(
        site.dir
            .install(&signed(root.envelope(), &[STRANGER]), now(), None),
        "key-unknown",
    );
    code(
        site.dir.install(&root.envelope().write(), now(), None),
        "signature-absent",
    );
    code(
        site.dir
            .install(&signed(root.envelope(), &[4, 5]), now(), None),
        "key-role",
    );
    site.dir
        .install(&signed(root.envelope(), &[2, 3, 50]), now(), None)
        .unwrap();
    // And back, forked, or with a version left out.
    code(
        site.dir
            .install(&signed(super::site::root().envelope(), &ROOTS), now(), None),
        "document-rollback",
    );
    let fork = next(|r| {
        replace(r);
        r.expires = days(366)
    });
    code(
        site.dir
            .install(&signed(fork.envelope(), &[2, 3, 50]), now(), None),
        "document-fork",
    );
    let gap = next(|r| {
        replace(r);
        r.version = 4
    });
    code(
        site.dir
            .install(&signed(gap.envelope(), &[2, 3, 50]), now(), None),
        "document-gap",
    );
    assert!(site.verify(&attested(bare())).trusted);
}

#[test]
fn lists_and_policies_need_their_roles_and_only_rise() {
    let site = Site::new();
    let mut list = revocations();
    list.version = 3;
    code(
        site.dir
            .install(&signed(list.envelope(), &[OPERATOR]), now(), None),
        "key-role",
    );
    code(
        site.dir
            .install(&signed(list.envelope(), &[STRANGER]), now(), None),
        "key-unknown",
    );
    site.dir
        .install(&signed(list.envelope(), &[REVOKER]), now(), None)
        .unwrap();
    code(
        site.dir
            .install(&signed(revocations().envelope(), &[REVOKER]), now(), None),
        "document-rollback",
    );
    list.expires = days(31);
    code(
        site.dir
            .install(&signed(list.envelope(), &[REVOKER]), now(), None),
        "document-fork",
    );
    list.version = 4;
    list.expires = days(-1);
    code(
        site.dir
            .install(&signed(list.envelope(), &[REVOKER]), now(), None),
        "document-expired",
    );

    let lax = POLICY
        .replace("version = 1", "version = 2")
        .replace("signatures = 2", "signatures = 1");
    code(
        site.dir
            .install(&signed(Policy::envelope(&lax), &[REVOKER]), now(), None),
        "key-role",
    );
    site.dir
        .install(&signed(Policy::envelope(&lax), &[OPERATOR]), now(), None)
        .unwrap();
    code(
        site.dir
            .install(&signed(Policy::envelope(POLICY), &[OPERATOR]), now(), None),
        "document-rollback",
    );
    // A document of one type under another's name.
    let disguised = palisade_pack::dsse::Envelope::new("text/plain", b"x".to_vec());
    code(
        site.dir
            .install(&signed(disguised, &[OPERATOR]), now(), None),
        "payload-type",
    );
}

#[test]
fn an_old_policy_put_back_on_disk_is_not_trusted() {
    let site = Site::new();
    let file = site.folder.path().join("trust.dsse.json");
    let old = std::fs::read(&file).unwrap();
    let strict = POLICY
        .replace("version = 1", "version = 2")
        .replace("capabilities = [\"state\"]", "");
    site.dir
        .install(&signed(Policy::envelope(&strict), &[OPERATOR]), now(), None)
        .unwrap();
    std::fs::write(&file, old).unwrap();
    refused(&site.verify(&attested(bare())), "trust-changed");
    std::fs::remove_file(&file).unwrap();
    refused(&site.verify(&attested(bare())), "no-policy");
    // The root document too.
    let site = Site::new();
    let other = next(|r| r.version = 1);
    let mut other = other;
    other.expires = days(999);
    std::fs::write(
        site.folder.path().join("root.dsse.json"),
        signed(other.envelope(), &ROOTS),
    )
    .unwrap();
    refused(&site.verify(&attested(bare())), "trust-changed");
}

#[test]
fn policies_that_would_take_anything_are_no_policies() {
    for (text, part) in [
        (
            "version = 1\n[[pack]]\nmatch = \"acme/*\"\nsigned-by = []\n",
            "nobody signed",
        ),
        ("version = 1\n[[pack]]\nmatch = \"acme/*\"\n", "signed-by"),
        (
            "version = 1\n[[pack]]\nmatch = \"*\"\n[[pack.signed-by]]\nrole = \"v\"\n",
            "vendor/name",
        ),
        (
            "version = 1\n[[pack]]\nmatch = \"a*/*\"\n[[pack.signed-by]]\nrole = \"v\"\n",
            "vendor/name",
        ),
        (
            "version = 1\n[[pack]]\nmatch = \"a/*\"\n[[pack.signed-by]]\nrole = \"v\"\nsignatures = 0\n",
            "nobody signed",
        ),
        ("version = 1\nversion = 2\n", "duplicate key"),
        ("version = 1.0\n", "version"),
        ("version = 1\n[pakc]\n", "pakc"),
    ] {
        let refusal = Policy::parse(text.as_bytes()).unwrap_err();
        assert_eq!(refusal.code(), "malformed");
        assert!(refusal.to_string().contains(part), "{refusal}");
    }
}

#[test]
fn time_does_not_go_back() {
    let site = Site::new();
    let pack = attested(bare());
    assert!(verify(&pack, &site.dir.load(now()).unwrap()).trusted);
    // A freeze: the list has expired by the clock, and setting the clock back does not help.
    refused(
        &verify(&pack, &site.dir.load(days(33)).unwrap()),
        "document-expired",
    );
    refused(
        &verify(&pack, &site.dir.load(now()).unwrap()),
        "document-expired",
    );
    refused(
        &verify(&pack, &site.dir.load(days(-400)).unwrap()),
        "document-expired",
    );
    // A root document that has expired.
    refused(
        &verify(&pack, &site.dir.load(days(400)).unwrap()),
        "document-expired",
    );
}

#[test]
fn a_clock_beyond_what_the_documents_allow_is_not_remembered() {
    let site = Site::new();
    let pack = attested(bare());
    // Some days after the first document expires, then years.
    for ahead in [38, 400, 40_000] {
        let trust = site.dir.load(days(ahead)).unwrap();
        assert_eq!(trust.clock_ahead_of, Some(days(37)), "{ahead}");
        refused(&verify(&pack, &trust), "document-expired");
        let trust = site.dir.load(now()).unwrap();
        assert_eq!(trust.clock_ahead_of, None);
        assert!(verify(&pack, &trust).trusted, "{ahead}");
    }
    // Installing a document does not remember such a time either.
    let mut list = revocations();
    list.version = 2;
    list.expires = days(5000);
    site.dir
        .install(&signed(list.envelope(), &[REVOKER]), days(300), None)
        .unwrap();
    assert!(verify(&pack, &site.dir.load(now()).unwrap()).trusted);
    // Where nothing is installed nothing is remembered.
    let empty = Site::empty();
    empty.dir.load(days(4000)).unwrap();
    assert_eq!(empty.dir.state().unwrap().time, 0);
}

#[test]
fn a_time_reset_is_signed_by_the_root_keys_for_one_site_and_once() {
    let site = Site::new();
    let pack = attested(bare());
    site.dir.load(days(33)).unwrap();
    let locked = || verify(&pack, &site.dir.load(now()).unwrap());
    refused(&locked(), "document-expired");
    let reset = site.dir.next_reset(now()).unwrap();
    assert_eq!((reset.version, reset.from), (1, days(33)));
    let install = |envelope: &[u8]| site.dir.install(envelope, now(), None);
    code(install(&reset.envelope().write()), "signature-absent");
    code(install(&signed(reset.envelope(), &[1])), "threshold");
    code(
        install(&signed(reset.envelope(), &[REVOKER, OPERATOR])),
        "key-role",
    );
    let mut elsewhere = reset.clone();
    elsewhere.from = days(34);
    code(
        install(&signed(elsewhere.envelope(), &ROOTS)),
        "reset-elsewhere",
    );
    let mut forwards = reset.clone();
    forwards.to = days(35);
    code(install(&signed(forwards.envelope(), &ROOTS)), "document");
    refused(&locked(), "document-expired");
    let good = signed(reset.envelope(), &ROOTS);
    install(&good).unwrap();
    assert!(locked().trusted);
    // Again, though the same time is remembered once more.
    site.dir.load(days(33)).unwrap();
    code(install(&good), "document-rollback");
    refused(&locked(), "document-expired");
    assert_eq!(site.dir.next_reset(now()).unwrap().version, 2);
}

#[test]
fn what_is_remembered_has_64_mib_and_no_more() {
    let site = Site::new();
    let path = site.folder.path().join("state.json");
    let file = std::fs::OpenOptions::new().write(true).open(path).unwrap();
    // What is there behind its end is read, and not passed over.
    file.set_len(64 << 20).unwrap();
    let read = site.dir.state();
    assert!(matches!(read, Err(TrustError::Refused(_))), "{read:?}");
    file.set_len((64 << 20) + 1).unwrap();
    let error = site.dir.state().unwrap_err();
    assert!(matches!(error, TrustError::Place(_)), "{error}");
    assert!(
        error.to_string().contains("has more than 67108864 bytes"),
        "{error}"
    );
}

#[test]
fn files_of_trust_that_are_links_or_pipes_or_that_others_may_write_are_not_read() {
    use std::os::unix::fs::PermissionsExt as _;
    let site = Site::new();
    let file = |name: &str| site.folder.path().join(name);
    let all = std::fs::Permissions::from_mode(0o666);
    std::fs::set_permissions(file("state.json"), all).unwrap();
    assert!(matches!(site.dir.load(now()), Err(TrustError::Place(_))));
    let mine = std::fs::Permissions::from_mode(0o600);
    std::fs::set_permissions(file("state.json"), mine).unwrap();
    site.dir.load(now()).unwrap();
    std::fs::rename(file("trust.dsse.json"), file("moved")).unwrap();
    std::os::unix::fs::symlink("moved", file("trust.dsse.json")).unwrap();
    assert!(matches!(site.dir.load(now()), Err(TrustError::Place(_))));
    std::fs::remove_file(file("trust.dsse.json")).unwrap();
    let made = std::process::Command::new("mkfifo")
        .arg(file("trust.dsse.json"))
        .status();
    assert!(made.unwrap().success());
    assert!(matches!(site.dir.load(now()), Err(TrustError::Place(_))));
}

#[test]
fn what_no_rule_is_about_and_what_the_rule_does_not_grant_is_refused() {
    let site = Site::new();
    let mut other = source("1.0.0");
    other.vendor = "acne".into();
    refused(
        &site.verify(&attested(Pack::build(&other, inputs()).unwrap())),
        "no-rule",
    );

    let mut content = inputs();
    let timers = component("clock", "0.1.0", &["b"], &["palisade:plugin/timers@0.1.0"]);
    content.add("plugins/clock.wasm", timers).unwrap();
    let pack = Pack::build(&source("1.0.0"), content).unwrap();
    assert_eq!(pack.manifest().capabilities, set(&["timers"]));
    refused(&site.verify(&attested(pack)), "capability-denied");

    let mut content = inputs();
    content
        .add(
            "plugins/counter.wasm",
            component("counter", "0.1.0", &["c"], &[STATE]),
        )
        .unwrap();
    let pack = attested(Pack::build(&source("1.0.0"), content).unwrap());
    let report = site.verify(&pack);
    assert!(report.trusted, "{report:#?}");
    assert_eq!(report.granted, set(&["state"]));
}
