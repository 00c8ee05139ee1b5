//! What plugins, packs and operators write: manifests, settings, `pack.toml` as it is written and
//! as it is built, and the sections that carry manifests in components.

#![no_main]

use std::sync::OnceLock;

use arbitrary::{Result, Unstructured};
use palisade_fuzz::splice::Pool;
use palisade_fuzz::{MIB, splice, worlds};
use palisade_pack::{PackManifest, PackSource};
use palisade_runtime::manifest::{
    Capability, Manifest, OptionalExport, Settings, embed, extract, parse_duration,
};
use palisade_sources::enrich::Networks;

const MANIFESTS: [&str; 13] = [
    include_str!("../seeds/everything.toml"),
    include_str!("../../hostile/detector/plugin.toml"),
    include_str!("../../hostile/parser/plugin.toml"),
    include_str!("../../hostile/policy/plugin.toml"),
    include_str!("../../../plugins/cdn-abuse/flooding/plugin.toml"),
    include_str!("../../../plugins/examples/counters/plugin.toml"),
    include_str!("../../../plugins/intel-detect/indicators/plugin.toml"),
    include_str!("../../../plugins/intel-sharing/no-products/plugin.toml"),
    include_str!("../../../plugins/iot-protocols/detectors/cleartext/plugin.toml"),
    include_str!("../../../plugins/iot-protocols/parsers/dns/plugin.toml"),
    include_str!("../../../plugins/iot-protocols/parsers/http/plugin.toml"),
    include_str!("../../../plugins/iot-protocols/parsers/tls/plugin.toml"),
    include_str!("../../../plugins/vuln-disclosure/article-9/plugin.toml"),
];

const SOURCES: [&str; 3] = [
    include_str!("../seeds/pack.toml"),
    include_str!("../../../plugins/iot-protocols/pack.toml"),
    include_str!("../../../plugins/vuln-disclosure/pack.toml"),
];

const NETWORKS: &str = include_str!("../seeds/networks.toml");

const SETTINGS: &str =
    "text = \"t\"\ninteger = 3\nnumber = 1.5\nboolean = true\ntexts = [\"a\", \"b\"]\n";

/// Values at the edges of what may be, and of other types than those that are wanted.
const EDGES: [&str; 40] = [
    "nan",
    "-inf",
    "-1",
    "0",
    "65535",
    "65536",
    "16000001",
    "9223372036854775807",
    "1e308",
    "true",
    "[]",
    "{}",
    "[[1]]",
    "1979-05-27T07:32:00Z",
    "\"\"",
    "\"0s\"",
    "\"1h 30m\"",
    "\"-5s\"",
    "\"292y\"",
    "\"1000000000000d\"",
    "\"99999999TiB\"",
    "\"1.5KiB\"",
    "\"10.0.0.0/8\"",
    "\"10.0.0.1/8\"",
    "\"::ffff:10.0.0.0/104\"",
    "\"::/0\"",
    "\"::1\"",
    "\"ff 0g\"",
    "\"1.2.3+b\"",
    "\"1.2.3-a.01\"",
    "\"\u{202e}\"",
    "\"\\u0000\"",
    "network.http",
    "attributes.a.b",
    "prefer-throughput",
    "not = true",
    "min = 1",
    "exists = false",
    "hex = \"\"",
    "offset = 70000",
];

/// What the texts of a kind have, and what lies at the edges.
fn pools() -> &'static [Pool; 3] {
    static POOLS: OnceLock<[Pool; 3]> = OnceLock::new();
    POOLS.get_or_init(|| {
        [
            Pool::new(&MANIFESTS, &EDGES),
            Pool::new(&[SOURCES[0], SOURCES[1], built()], &EDGES),
            Pool::new(&[NETWORKS], &EDGES),
        ]
    })
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    pools();
    palisade_fuzz::run(64 * MIB, || {
        let _ = check(&mut Unstructured::new(data));
    });
});

/// `pack.toml` of a pack as it is built.
fn built() -> &'static str {
    static BUILT: OnceLock<String> = OnceLock::new();
    BUILT.get_or_init(|| {
        let pack = worlds::pack();
        let manifest = pack.content().file("pack.toml").expect("a manifest");
        String::from_utf8(manifest.to_vec()).expect("TOML")
    })
}

/// A text with a few places changed: for the sense that it makes, or for any bytes.
fn near(u: &mut Unstructured<'_>, base: &str, pool: &Pool) -> Result<String> {
    let shape: u8 = u.arbitrary()?;
    let text = splice::mixed(u, base, pool)?;
    Ok(match shape & 3 {
        0 => splice::text(u, &text)?,
        1 => splice::mixed(u, &text, pool)?,
        _ => text,
    })
}

fn check(u: &mut Unstructured<'_>) -> Result<()> {
    let shape: u8 = u.arbitrary()?;
    let [manifests, packs, networks] = pools();
    match shape % 8 {
        0 => {
            told(Networks::parse(&near(u, NETWORKS, networks)?));
        }
        1 => {
            let base = SOURCES[usize::from(shape >> 3) % SOURCES.len()];
            told(PackSource::parse(&near(u, base, packs)?));
        }
        2 => {
            if let Some(read) = told(PackManifest::read(near(u, built(), packs)?.as_bytes())) {
                assert_eq!(read.semver().to_string(), read.version);
            }
        }
        3 => {
            // Of the plugin with everything, or of one whose declarations were changed.
            let text = match shape & 8 {
                0 => MANIFESTS[0].to_owned(),
                _ => near(u, MANIFESTS[0], manifests)?,
            };
            let settings = near(u, SETTINGS, manifests)?;
            if let Some(manifest) = told(Manifest::parse(&text))
                && let Ok(settings) = toml::from_str::<Settings>(&settings)
                && let Some(values) = told(manifest.resolve(&settings))
            {
                assert_eq!(values.len(), manifest.settings.len());
            }
        }
        4 => told_section(u, shape)?,
        5 => {
            let text = String::from_utf8_lossy(u.bytes(u.len())?).into_owned();
            told(Manifest::parse(&text));
            let _ = parse_duration(&text);
        }
        _ => {
            let base = MANIFESTS[usize::from(u.arbitrary::<u8>()?) % MANIFESTS.len()];
            let text = near(u, base, manifests)?;
            if let Some(manifest) = told(Manifest::parse(&text)) {
                asked(u, &manifest)?;
            }
        }
    }
    Ok(())
}

/// Sections of components, one or two, on the top or within another.
fn told_section(u: &mut Unstructured<'_>, shape: u8) -> Result<()> {
    let component = wasm_encoder::Component::new().finish();
    let mut component = embed(&component, MANIFESTS[1]).expect("room for a manifest");
    if shape & 8 != 0 {
        let again = embed(&component, MANIFESTS[2]);
        assert!(again.is_err(), "a component has one manifest");
        // What `embed` refuses, somebody else appends.
        wasm_encoder::Section::append_to(
            &wasm_encoder::CustomSection {
                name: "palisade:manifest".into(),
                data: MANIFESTS[2].as_bytes().into(),
            },
            &mut component,
        );
    }
    if shape & 16 != 0 {
        let mut outer = wasm_encoder::Component::new();
        outer.section(&wasm_encoder::RawSection {
            id: wasm_encoder::ComponentSectionId::Component.into(),
            data: &component,
        });
        component = outer.finish();
    }
    let grain = 1 + usize::from(shape >> 5) * 3;
    told(extract(&splice::bytes(u, &component, grain)?));
    Ok(())
}

/// What the host asks a manifest that it has taken.
fn asked(u: &mut Unstructured<'_>, manifest: &Manifest) -> Result<()> {
    let _ = manifest.indivisible();
    let _ = manifest.one_shard_only();
    for rule in &manifest.rules {
        assert!(manifest.rule(&rule.id).is_some(), "a rule has its name");
    }
    for capability in Capability::ALL {
        let _ = manifest.asks_for(capability);
    }
    for export in OptionalExport::ALL {
        let _ = manifest.exports(export);
    }
    for subscription in &manifest.subscriptions {
        let _ = subscription.mask();
        for (_, field) in &subscription.fields {
            assert!(subscription.grants(*field), "what is listed is granted");
        }
    }
    if let Some(parser) = &manifest.parser {
        let length = usize::from(u.arbitrary::<u8>()?).min(u.len());
        let first = u.bytes(length)?;
        for signature in &parser.signatures {
            let _ = signature.matches(first);
        }
    }
    Ok(())
}

/// A refusal says something, and nothing that moves a cursor or turns text around.
fn told<T, E: std::fmt::Display>(read: std::result::Result<T, E>) -> Option<T> {
    let problem = match read {
        Ok(read) => return Some(read),
        Err(error) => error.to_string(),
    };
    assert!(!problem.trim().is_empty());
    None
}
