//! A vendor, a certifier and an operator with their keys, and a pack that is trusted.

use std::collections::{BTreeMap, BTreeSet};

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use palisade_pack::dsse::Envelope;
use palisade_pack::statement::{
    CERTIFICATE_PREDICATE, CHECKS, Certificate, Check, Peak, SIGNATURE_PREDICATE, Signed, Statement,
};
use palisade_pack::trust::{Policy, Revocations, Role, Root, RootKey, Trust, TrustDir};
use palisade_pack::{Content, Pack, PackSource, PrivateKey, Report, Sign as _, Time, verify};
use palisade_store::Digest;
use wasm_encoder::{ComponentImportSection, ComponentTypeRef, ComponentTypeSection, InstanceType};

/// When everything happens: 2026-06-01T00:00:00Z.
pub(crate) const NOW: i64 = 1_780_272_000;

pub(crate) fn now() -> Time {
    Time::from_seconds(NOW)
}

pub(crate) fn days(n: i64) -> Time {
    Time::from_seconds(NOW + n * 86_400)
}

/// The key of this number.
pub(crate) fn key(n: u8) -> PrivateKey {
    PrivateKey::from_seed(&zeroize::Zeroizing::new([n; 32])).unwrap()
}

pub(crate) const ROOTS: [u8; 3] = [1, 2, 3];
pub(crate) const OPERATOR: u8 = 4;
pub(crate) const REVOKER: u8 = 5;
pub(crate) const VENDORS: [u8; 2] = [6, 7];
pub(crate) const CERTIFIER: u8 = 8;
/// In the root document as a vendor's, but expired.
pub(crate) const EXPIRED: u8 = 9;
/// In no document.
pub(crate) const STRANGER: u8 = 99;

pub(crate) const POLICY: &str = r#"
version = 1

[[pack]]
match = "acme/*"
capabilities = ["state"]
tlp-max = "amber"

[[pack.signed-by]]
role = "vendor"
signatures = 2

[pack.certificate]
role = "certifier"
max-age-days = 90
"#;

pub(crate) fn root() -> Root {
    let mut keys = BTreeMap::new();
    for n in 1..=9u8 {
        let public = key(n).public().clone();
        let expires = (n == EXPIRED).then(|| days(-1));
        keys.insert(
            public.id().clone(),
            RootKey {
                name: format!("key-{n}"),
                public: Digest(*public.as_bytes()).to_string(),
                expires,
            },
        );
    }
    let role = |threshold, keys: &[u8]| Role {
        threshold,
        keys: keys.iter().map(|n| key(*n).public().id().clone()).collect(),
    };
    Root {
        version: 1,
        expires: days(365),
        keys,
        roles: [
            ("root".to_owned(), role(2, &ROOTS)),
            ("policy".to_owned(), role(1, &[OPERATOR])),
            ("revocation".to_owned(), role(1, &[REVOKER])),
            (
                "vendor".to_owned(),
                role(2, &[VENDORS[0], VENDORS[1], EXPIRED]),
            ),
            ("certifier".to_owned(), role(1, &[CERTIFIER])),
        ]
        .into(),
    }
}

pub(crate) fn revocations() -> Revocations {
    Revocations {
        version: 1,
        expires: days(30),
        keys: BTreeMap::new(),
        packs: BTreeMap::new(),
        certificates: BTreeMap::new(),
    }
}

pub(crate) fn signed(mut envelope: Envelope, keys: &[u8]) -> Vec<u8> {
    for n in keys {
        envelope.sign(&key(*n)).unwrap();
    }
    envelope.write()
}

/// An operator's directory of trust.
pub(crate) struct Site {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) dir: TrustDir,
}

impl Site {
    /// With all three documents installed.
    pub(crate) fn new() -> Site {
        let site = Site::empty();
        site.install_root(&root());
        site.dir
            .install(&signed(revocations().envelope(), &[REVOKER]), now(), None)
            .unwrap();
        site.dir
            .install(&signed(Policy::envelope(POLICY), &[OPERATOR]), now(), None)
            .unwrap();
        site
    }

    pub(crate) fn empty() -> Site {
        let folder = tempfile::tempdir().unwrap();
        let dir = Dir::open_ambient_dir(folder.path(), ambient_authority()).unwrap();
        Site {
            dir: TrustDir::new(dir),
            folder,
        }
    }

    pub(crate) fn install_root(&self, root: &Root) {
        let envelope = root.envelope();
        let pin = Some(Digest::of(envelope.payload()));
        self.dir
            .install(&signed(envelope, &ROOTS), now(), pin)
            .unwrap();
    }

    pub(crate) fn revoke(&self, change: impl FnOnce(&mut Revocations)) {
        let mut list = revocations();
        list.version = 2;
        change(&mut list);
        self.dir
            .install(&signed(list.envelope(), &[REVOKER]), now(), None)
            .unwrap();
    }

    pub(crate) fn trust(&self) -> Trust {
        self.dir.load(now()).unwrap()
    }

    pub(crate) fn verify(&self, pack: &Pack) -> Report {
        verify(pack, &self.trust())
    }
}

/// Refused, and with this reason among those that are given.
#[track_caller]
pub(crate) fn refused(report: &Report, code: &str) {
    assert!(!report.trusted, "trusted: {report:#?}");
    assert!(report.codes().contains(&code), "not {code}: {report:#?}");
    assert!(report.granted.is_empty());
}

/// A component with a manifest that imports some capabilities. It is well-formed and would do
/// nothing; packs are read without running anything.
pub(crate) fn component(name: &str, version: &str, rules: &[&str], imports: &[&str]) -> Vec<u8> {
    let mut component = wasm_encoder::Component::new();
    if !imports.is_empty() {
        let mut types = ComponentTypeSection::new();
        types.instance(&InstanceType::new());
        component.section(&types);
        let mut section = ComponentImportSection::new();
        for import in imports {
            section.import(*import, ComponentTypeRef::Instance(0));
        }
        component.section(&section);
    }
    let mut manifest = format!(
        "[plugin]\nname = \"{name}\"\nversion = \"{version}\"\nkind = \"detector\"\nwit = \"0.1\"\npack = \"guard\"\ndescription = \"Test\"\n\n\
         [[subscription]]\nkind = \"network.flow\"\nfields = [\"src.ip\", \"dst.port\"]\n"
    );
    for rule in rules {
        manifest += &format!(
            "\n[[rule]]\nid = \"{rule}\"\ntitle = \"Test\"\nseverity = \"low\"\nrequirements = [\"IOT-2.3c\"]\n"
        );
    }
    palisade_runtime::manifest::embed(&component.finish(), &manifest).unwrap()
}

pub(crate) const STATE: &str = "palisade:plugin/state@0.1.0";

pub(crate) fn source(version: &str) -> PackSource {
    PackSource::parse(&format!(
        "vendor = \"acme\"\nname = \"guard\"\nversion = \"{version}\"\ndescription = \"Test\"\n\
         licence = \"Apache-2.0\"\nrequirements = [\"IOT-2.3c\"]\n"
    ))
    .unwrap()
}

/// What goes into the pack.
pub(crate) fn inputs() -> Content {
    let mut content = Content::default();
    for (path, bytes) in [
        (
            "plugins/telnet.wasm",
            component("telnet", "0.1.0", &["a"], &[]),
        ),
        ("vectors/telnet/plain/events.ndjson", b"{}\n".to_vec()),
        ("docs/README.md", b"# Guard\n".to_vec()),
    ] {
        content.add(path, bytes).unwrap();
    }
    content
}

/// A pack without attestations.
pub(crate) fn bare() -> Pack {
    Pack::build(&source("1.0.0"), inputs()).unwrap()
}

pub(crate) fn signature(pack: &Pack) -> Envelope {
    let predicate = Signed {
        signed: now(),
        expires: None,
    };
    Statement::about(pack, SIGNATURE_PREDICATE, predicate).envelope()
}

pub(crate) fn certificate_of(pack: &Pack) -> Certificate {
    Certificate {
        issued: now(),
        expires: None,
        host: "0.1.0".into(),
        abi: "0.1".into(),
        capabilities: pack.manifest().capabilities.clone(),
        checks: CHECKS
            .map(|name| Check {
                name: name.into(),
                passed: true,
                cases: 1,
                details: String::new(),
            })
            .into(),
        peaks: pack
            .manifest()
            .plugins
            .keys()
            .map(|name| (name.clone(), PEAK))
            .collect(),
    }
}

/// What a plugin of a test needs.
const PEAK: Peak = Peak {
    calls: 1,
    fuel: 10,
    fuel_limit: 20,
    memory: 1 << 16,
    memory_limit: 1 << 20,
};

pub(crate) fn certificate(pack: &Pack, change: impl FnOnce(&mut Certificate)) -> Envelope {
    let mut predicate = certificate_of(pack);
    change(&mut predicate);
    Statement::about(pack, CERTIFICATE_PREDICATE, predicate).envelope()
}

/// With everything that the policy wants.
pub(crate) fn attested(mut pack: Pack) -> Pack {
    let signature = signed(signature(&pack), &VENDORS);
    let certificate = signed(certificate(&pack, |_| {}), &[CERTIFIER]);
    pack.attest("vendor.dsse.json", signature).unwrap();
    pack.attest("certificate.dsse.json", certificate).unwrap();
    pack
}

/// The pack that is trusted, with one of its attestations replaced.
pub(crate) fn with(name: &str, envelope: Vec<u8>) -> Pack {
    let mut pack = bare();
    let good = attested(bare());
    for (other, bytes) in good.content().attestations() {
        if other != name {
            pack.attest(other, bytes.clone()).unwrap();
        }
    }
    if !envelope.is_empty() {
        pack.attest(name, envelope).unwrap();
    }
    pack
}

/// The files of a pack, to be changed.
pub(crate) fn files(pack: &Pack) -> BTreeMap<String, Vec<u8>> {
    pack.content()
        .files()
        .map(|(p, b)| (p.to_string(), b.to_vec()))
        .collect()
}

pub(crate) fn content(
    files: &BTreeMap<String, Vec<u8>>,
    attestations: &BTreeMap<String, Vec<u8>>,
) -> Content {
    let mut content = Content::default();
    for (path, bytes) in files {
        content.add(path, bytes.clone()).unwrap();
    }
    for (name, bytes) in attestations {
        content.attest(name, bytes.clone()).unwrap();
    }
    content
}

pub(crate) fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|n| (*n).to_owned()).collect()
}
