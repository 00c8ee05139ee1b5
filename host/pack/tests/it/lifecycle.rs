//! Upgrades: what must be asked for, and what is shown.

use palisade_pack::{Content, Difference, Pack, trust::TrustError};

use crate::site::*;

fn version(version: &str, imports: &[&str], rules: &[&str]) -> Pack {
    let mut content = Content::default();
    content
        .add(
            "plugins/telnet.wasm",
            component("telnet", version, rules, imports),
        )
        .unwrap();
    attested(Pack::build(&source(version), content).unwrap())
}

fn install(
    site: &Site,
    pack: &Pack,
    accept: bool,
    rollback: Option<&str>,
) -> Result<(), TrustError> {
    site.dir
        .install_pack::<TrustError>(pack, accept, rollback, || Ok(()))
}

#[track_caller]
fn code(result: Result<(), TrustError>, wanted: &str) {
    match result {
        Err(TrustError::Refused(refusal)) => assert_eq!(refusal.code(), wanted),
        other => panic!("not {wanted}: {other:?}"),
    }
}

#[test]
fn what_an_upgrade_must_be_asked_for() {
    let site = Site::new();
    let (one, two) = (
        version("1.0.0", &[], &["a"]),
        version("2.0.0", &[STATE], &["a", "b"]),
    );
    install(&site, &one, false, None).unwrap();
    code(install(&site, &two, false, None), "capability-gained");
    install(&site, &two, true, None).unwrap();
    // Accepted once, it need not be accepted again.
    install(&site, &two, false, None).unwrap();
    code(install(&site, &one, false, None), "version-rollback");
    code(install(&site, &one, true, None), "version-rollback");
    code(
        install(&site, &one, false, Some("0.9.0")),
        "version-rollback",
    );
    install(&site, &one, false, Some("1.0.0")).unwrap();
    // What was given up is a gain again, and the highest version is not forgotten.
    code(install(&site, &two, false, None), "capability-gained");
    code(
        install(&site, &version("1.5.0", &[], &["a"]), false, None),
        "version-rollback",
    );
    code(
        install(&site, &version("1.0.0-rc.1", &[], &["a"]), false, None),
        "version-rollback",
    );
    code(
        install(&site, &version("2.0.0", &[STATE], &["c"]), true, None),
        "version-fork",
    );
    let mut other = source("3.0.0");
    other.lineage = Some("other".into());
    code(
        install(&site, &Pack::build(&other, inputs()).unwrap(), true, None),
        "lineage",
    );
}

#[test]
fn a_pack_that_was_not_stored_is_not_remembered() {
    let site = Site::new();
    let pack = version("5.0.0", &[], &["a"]);
    let failed = site.dir.install_pack::<TrustError>(&pack, false, None, || {
        Err(TrustError::Pin {
            found: pack.digest(),
        })
    });
    assert!(failed.is_err());
    install(&site, &version("1.0.0", &[], &["a"]), false, None).unwrap();
}

#[test]
fn a_pack_is_remembered_before_it_is_stored() {
    let site = Site::new();
    let (old, new) = (version("1.0.0", &[], &["a"]), version("2.0.0", &[], &["a"]));
    install(&site, &old, false, None).unwrap();
    let file = site.folder.path().join("state.json");
    let before = std::fs::read(&file).unwrap();
    let failed = site.dir.install_pack::<TrustError>(&new, false, None, || {
        let now = std::fs::read_to_string(&file).unwrap();
        assert!(now.contains("2.0.0"), "{now}");
        Err(TrustError::Pin {
            found: new.digest(),
        })
    });
    assert!(failed.is_err());
    assert_eq!(std::fs::read(&file).unwrap(), before);
    // What cannot be remembered is not stored.
    let place = site.folder.path().to_owned();
    std::fs::remove_dir_all(&place).unwrap();
    let mut stored = false;
    let failed = site.dir.install_pack::<TrustError>(&new, false, None, || {
        stored = true;
        Ok(())
    });
    assert!(failed.is_err() && !stored);
    std::fs::create_dir(&place).unwrap();
}

#[test]
fn what_a_store_says_was_installed_must_be_known_here() {
    let site = Site::new();
    let (old, new) = (version("1.0.0", &[], &["a"]), version("2.0.0", &[], &["a"]));
    let runs = |pack: &Pack, named| {
        let state = site.dir.state().unwrap();
        state.runs(pack, named).map_err(TrustError::from)
    };
    code(runs(&old, true), "not-installed");
    install(&site, &old, false, None).unwrap();
    runs(&old, false).unwrap();
    install(&site, &new, false, None).unwrap();
    code(runs(&old, false), "not-active");
    runs(&old, true).unwrap();
    // The same version with another content.
    code(runs(&version("2.0.0", &[], &["b"]), true), "not-installed");
    install(&site, &old, false, Some("1.0.0")).unwrap();
    runs(&old, false).unwrap();
    code(runs(&new, false), "not-active");
}

#[test]
fn a_difference_names_what_an_operator_decides_on() {
    let (one, two) = (
        version("1.0.0", &[], &["a"]),
        version("2.0.0", &[STATE], &["b"]),
    );
    let difference = Difference::between(&one, &two);
    assert_eq!(difference.gained().collect::<Vec<_>>(), ["state"]);
    let shown: Vec<String> = difference.changes.iter().map(ToString::to_string).collect();
    for wanted in [
        "+ capability state",
        "+ import palisade:plugin/state@0.1.0 of plugin telnet",
        "- rule telnet/a: Test (low) IOT-2.3c",
        "+ rule telnet/b: Test (low) IOT-2.3c",
        "~ field version: 1.0.0 -> 2.0.0",
    ] {
        assert!(
            shown.iter().any(|line| line == wanted),
            "{wanted}: {shown:#?}"
        );
    }
    assert!(Difference::between(&one, &one).changes.is_empty());
}

#[test]
fn a_difference_tells_settings_as_they_are_written() {
    let version = |version: &str, extra: &str| {
        let settings = "\n[[setting]]\nname = \"port\"\ntype = \"integer\"\ndefault = 23\n\
                        description = \"Test\"\n[[setting]]\nname = \"names\"\n\
                        type = \"texts\"\ndescription = \"Test\"\ndefault = [\"a\"]\n";
        let plain = component("telnet", version, &["a"], &[]);
        let manifest = palisade_runtime::manifest::extract(&plain).unwrap();
        let empty = wasm_encoder::Component::new().finish();
        let manifest = format!("{manifest}{settings}");
        let plugin = palisade_runtime::manifest::embed(&empty, &manifest).unwrap();
        let mut content = Content::default();
        content.add("plugins/telnet.wasm", plugin).unwrap();
        let text = format!(
            "vendor = \"acme\"\nname = \"guard\"\nversion = \"{version}\"\ndescription = \"Test\"\n\
             licence = \"Apache-2.0\"\nrequirements = [\"IOT-2.3c\"]\n{extra}"
        );
        let source = palisade_pack::PackSource::parse(&text).unwrap();
        Pack::build(&source, content).unwrap()
    };
    let old = version("1.0.0", "");
    let new = version(
        "2.0.0",
        "[settings.telnet]\nport = 2323\nnames = [\"a\", \"b\"]\n",
    );
    let difference = Difference::between(&old, &new);
    let shown: Vec<String> = difference.changes.iter().map(ToString::to_string).collect();
    for wanted in [
        "~ setting port of plugin telnet: 23 -> 2323",
        "~ setting names of plugin telnet: [\"a\"] -> [\"a\", \"b\"]",
    ] {
        assert!(shown.iter().any(|line| line == wanted), "{shown:#?}");
    }
}

/// How long it takes is printed, and judged by whoever reads it: `--nocapture`.
#[test]
fn a_pack_of_200_plugins_and_100_mib_is_verified() {
    use wasm_encoder::Section as _;
    let mut content = Content::default();
    let mut filler = vec![0; 512 << 10];
    for n in 0..200 {
        let name = format!("p{n}");
        let mut bytes = component(&name, "0.1.0", &["a"], &[]);
        blake3::Hasher::new()
            .update(name.as_bytes())
            .finalize_xof()
            .fill(&mut filler);
        let section = wasm_encoder::CustomSection {
            name: "code".into(),
            data: (&filler).into(),
        };
        section.append_to(&mut bytes);
        content.add(&format!("plugins/{name}.wasm"), bytes).unwrap();
    }
    let pack = attested(Pack::build(&source("1.0.0"), content).unwrap());
    let mut archive = Vec::new();
    pack.content().write_archive(&mut archive).unwrap();
    let (site, start) = (Site::new(), std::time::Instant::now());
    let read = Content::read_archive(archive.as_slice()).unwrap();
    let unpacked = start.elapsed();
    let opened = Pack::open(read).unwrap();
    let consistent = start.elapsed();
    let report = site.verify(&opened);
    println!(
        "{} MiB: unpacked {unpacked:?}, consistent {consistent:?}, verified {:?}",
        archive.len() >> 20,
        start.elapsed()
    );
    assert!(report.trusted, "{report:#?}");
    assert_eq!(opened.digest(), pack.digest());
}
