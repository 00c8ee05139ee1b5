//! Signed documents: envelopes, and what is in them with valid signatures of keys that count, so
//! that what a certifier, a vendor or a holder of a role may have written is looked at.

#![no_main]

use std::sync::OnceLock;

use arbitrary::{Result, Unstructured};
use cap_std::ambient_authority;
use cap_std::fs::Dir;
use palisade_fuzz::{MIB, splice, worlds};
use palisade_pack::dsse::Envelope;
use palisade_pack::statement::{
    CERTIFICATE_PREDICATE, CHECKS, Certificate, Check, Peak, SIGNATURE_PREDICATE, STATEMENT,
    Signed, Statement,
};
use palisade_pack::trust::{
    POLICY, Policy, REVOCATIONS, ROOT, Revocations, Role, Root, RootKey, State, Trust, TrustDir,
};
use palisade_pack::{Pack, PrivateKey, Sign as _, Time, verify};

const NOW: i64 = 1_780_272_000;

const TRUST: &str = r#"version = 1

[[pack]]
match = "acme/*"
capabilities = ["state"]
tlp-max = "amber"

[[pack.signed-by]]
role = "vendor"
signatures = 1

[pack.certificate]
role = "certifier"
max-age-days = 90
host = ">=0.1"
"#;

/// A site that trusts a pack, and every document in its right form.
struct Site {
    keys: Vec<PrivateKey>,
    pack: Pack,
    trust: Trust,
    root: String,
    revocations: String,
    signature: String,
    certificate: String,
}

fn time(days: i64) -> Time {
    Time::from_seconds(NOW + days * 86_400)
}

fn text(envelope: &Envelope) -> String {
    String::from_utf8(envelope.payload().to_vec()).expect("documents are text")
}

fn site() -> &'static Site {
    static SITE: OnceLock<Site> = OnceLock::new();
    SITE.get_or_init(|| {
        let keys: Vec<PrivateKey> = (1..=3u8)
            .map(|n| PrivateKey::from_seed(&zeroize::Zeroizing::new([n; 32])).expect("a key"))
            .collect();
        let pack = worlds::pack();
        let id = |n: usize| keys[n].public().id().clone();
        let role = |n: usize| Role {
            threshold: 1,
            keys: [id(n)].into(),
        };
        let root = Root {
            version: 1,
            expires: time(365),
            keys: keys
                .iter()
                .map(|key| {
                    let public = palisade_events::Digest(*key.public().as_bytes()).to_string();
                    let name = "key".to_owned();
                    (
                        key.public().id().clone(),
                        RootKey {
                            name,
                            public,
                            expires: None,
                        },
                    )
                })
                .collect(),
            roles: [
                ("root".to_owned(), role(0)),
                ("policy".to_owned(), role(0)),
                ("revocation".to_owned(), role(0)),
                ("vendor".to_owned(), role(1)),
                ("certifier".to_owned(), role(2)),
            ]
            .into(),
        };
        let revocations = Revocations {
            version: 1,
            expires: time(30),
            keys: [(id(0), "lost".to_owned())].into(),
            packs: [(palisade_events::Digest([7; 32]), "bad".to_owned())].into(),
            certificates: Default::default(),
        };
        let signed = Signed {
            signed: time(-1),
            expires: Some(time(9)),
        };
        let certificate = Certificate {
            issued: time(-1),
            expires: Some(time(30)),
            host: "0.1.0".into(),
            abi: "0.1".into(),
            capabilities: Default::default(),
            checks: CHECKS
                .iter()
                .map(|name| Check {
                    name: (*name).to_owned(),
                    passed: true,
                    cases: 3,
                    details: "all".into(),
                })
                .collect(),
            peaks: [(
                "p".to_owned(),
                Peak {
                    calls: 1,
                    fuel: 2,
                    fuel_limit: 3,
                    memory: 4,
                    memory_limit: 5,
                },
            )]
            .into(),
        };
        let signature = Statement::about(&pack, SIGNATURE_PREDICATE, signed).envelope();
        let certificate = Statement::about(&pack, CERTIFICATE_PREDICATE, certificate).envelope();
        let trust = installed(
            &keys[0],
            [
                root.envelope(),
                Revocations {
                    keys: Default::default(),
                    ..revocations.clone()
                }
                .envelope(),
                Policy::envelope(TRUST),
            ],
        );
        Site {
            root: text(&root.envelope()),
            revocations: text(&revocations.envelope()),
            signature: text(&signature),
            certificate: text(&certificate),
            keys,
            pack,
            trust,
        }
    })
}

/// What a site has that installed these documents, in a folder that is gone afterwards.
fn installed(key: &PrivateKey, documents: [Envelope; 3]) -> Trust {
    let folder = std::env::temp_dir().join(format!("palisade-fuzz-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a temporary folder");
    let dir = Dir::open_ambient_dir(&folder, ambient_authority()).expect("a folder");
    let dir = TrustDir::new(dir);
    for mut envelope in documents {
        let pin = (envelope.payload_type() == ROOT)
            .then(|| palisade_events::Digest::of(envelope.payload()));
        envelope.sign(key).expect("a key signs");
        dir.install(&envelope.write(), time(0), pin)
            .expect("a document is installed");
    }
    let trust = dir.load(time(0)).expect("what was installed is loaded");
    std::fs::remove_dir_all(&folder).expect("a temporary folder");
    trust
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    site();
    palisade_fuzz::run(48 * MIB, || {
        let _ = check(&mut Unstructured::new(data));
    });
});

/// An envelope of this payload, signed by some of the keys, written and read again.
fn signed(u: &mut Unstructured<'_>, kind: &str, payload: String, key: usize) -> Result<Envelope> {
    let mut envelope = Envelope::new(kind, payload.into_bytes());
    let others: u8 = u.arbitrary()?;
    for (at, signer) in site().keys.iter().enumerate() {
        if at == key && others != 0xff || others & 0xf0 == 0xf0 && others >> at & 1 != 0 {
            envelope.sign(signer).expect("a key signs");
        }
    }
    let written = envelope.write();
    let read = Envelope::read("fuzz", &written).expect("what was written is read");
    assert_eq!(read, envelope);
    Ok(read)
}

fn check(u: &mut Unstructured<'_>) -> Result<()> {
    let site = site();
    match u.arbitrary::<u8>()? % 8 {
        0 => {
            let mut envelope = Envelope::new(ROOT, site.root.clone().into_bytes());
            envelope.sign(&site.keys[0]).expect("a key signs");
            let written = String::from_utf8(envelope.write()).expect("JSON");
            if let Ok(read) = Envelope::read("fuzz", splice::text(u, &written)?.as_bytes()) {
                let again =
                    Envelope::read("fuzz", &read.write()).expect("what was written is read");
                assert_eq!(again, read);
            }
        }
        1 => {
            let payload = splice::text(u, &site.root)?;
            let envelope = signed(u, ROOT, payload, 0)?;
            if let Ok(root) = Root::read(&envelope) {
                assert_eq!(
                    root.envelope().payload(),
                    envelope.payload(),
                    "one form only"
                );
                judge(
                    u,
                    Trust {
                        root: Ok(root),
                        ..site.trust.clone()
                    },
                )?;
            }
        }
        2 => {
            let payload = splice::text(u, &site.revocations)?;
            let envelope = signed(u, REVOCATIONS, payload, 0)?;
            if let Ok(list) = Revocations::read(&envelope) {
                assert_eq!(
                    list.envelope().payload(),
                    envelope.payload(),
                    "one form only"
                );
                judge(
                    u,
                    Trust {
                        revocations: Ok(list),
                        ..site.trust.clone()
                    },
                )?;
            }
        }
        3 => {
            let payload = splice::text(u, TRUST)?;
            let envelope = signed(u, POLICY, payload, 0)?;
            if let Ok(policy) = Policy::read(&envelope) {
                judge(
                    u,
                    Trust {
                        policy: Ok(policy),
                        ..site.trust.clone()
                    },
                )?;
            }
        }
        4 => {
            let text = serde_json::to_string(&State::default()).expect("JSON");
            let _ = serde_json::from_str::<State>(&splice::text(u, &text)?);
        }
        _ => judge(u, site.trust.clone())?,
    }
    Ok(())
}

/// Judges the pack with statements that are signed and changed.
fn judge(u: &mut Unstructured<'_>, trust: Trust) -> Result<()> {
    let site = site();
    let mut pack = site.pack.clone();
    let signature = match u.arbitrary::<u8>()? {
        0..0xa0 => site.signature.clone(),
        _ => splice::text(u, &site.signature)?,
    };
    let certificate = match u.arbitrary::<u8>()? {
        0..0x40 => site.certificate.clone(),
        _ => splice::text(u, &site.certificate)?,
    };
    let kind = if u.ratio(1, 16)? { ROOT } else { STATEMENT };
    let signature = signed(u, kind, signature, 1)?;
    let by_vendor = signature
        .signatures()
        .iter()
        .any(|s| s.key == *site.keys[1].public().id());
    let certificate = signed(u, STATEMENT, certificate, 2)?;
    let _ = pack.attest("v.dsse.json", signature.write());
    let _ = pack.attest("c.dsse.json", certificate.write());
    let report = verify(&pack, &trust);
    let _ = report.codes();
    let as_it_was = trust.root.as_ref().ok() == site.trust.root.as_ref().ok()
        && trust.policy.as_ref().ok() == site.trust.policy.as_ref().ok();
    assert!(
        !report.trusted || by_vendor || !as_it_was,
        "the vendor has signed"
    );
    Ok(())
}
