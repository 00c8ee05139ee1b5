//! What plugins, packs and operators write: manifests, settings, `pack.toml` as it is written and
//! as it is built, and the sections that carry manifests in components.

#![no_main]

use std::sync::OnceLock;

use arbitrary::{Result, Unstructured};
use palisade_fuzz::{MIB, splice, worlds};
use palisade_pack::{PackManifest, PackSource};
use palisade_runtime::manifest::{Manifest, Settings, embed, extract, parse_duration};
use palisade_sources::enrich::Networks;

const MANIFESTS: [&str; 8] = [
    include_str!("../seeds/everything.toml"),
    include_str!("../../hostile/detector/plugin.toml"),
    include_str!("../../hostile/parser/plugin.toml"),
    include_str!("../../hostile/policy/plugin.toml"),
    include_str!("../../../plugins/cdn-abuse/flooding/plugin.toml"),
    include_str!("../../../plugins/intel-detect/indicators/plugin.toml"),
    include_str!("../../../plugins/iot-protocols/parsers/dns/plugin.toml"),
    include_str!("../../../plugins/vuln-disclosure/article-9/plugin.toml"),
];

const SETTINGS: &str =
    "text = \"t\"\ninteger = 3\nnumber = 1.5\nboolean = true\ntexts = [\"a\", \"b\"]\n";

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    built();
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

fn check(u: &mut Unstructured<'_>) -> Result<()> {
    let shape: u8 = u.arbitrary()?;
    match shape % 8 {
        0 => {
            let text = splice::text(u, include_str!("../../demo/networks.toml"))?;
            told(Networks::parse(&text));
        }
        1 => {
            let text = splice::text(u, include_str!("../../../plugins/iot-protocols/pack.toml"))?;
            told(PackSource::parse(&text));
        }
        2 => {
            told(PackManifest::read(splice::text(u, built())?.as_bytes()));
        }
        3 => {
            let text = splice::text(u, SETTINGS)?;
            if let Ok(settings) = toml::from_str::<Settings>(&text) {
                let manifest = Manifest::parse(MANIFESTS[0]).expect("a manifest");
                if let Ok(values) = manifest.resolve(&settings) {
                    assert_eq!(values.len(), manifest.settings.len());
                }
            }
        }
        4 => {
            let component = wasm_encoder::Component::new().finish();
            let mut component = embed(&component, MANIFESTS[1]).expect("room for a manifest");
            if shape & 8 != 0 {
                component = embed(&component, MANIFESTS[2]).unwrap_or(component);
            }
            told(extract(&splice::bytes(u, &component, 3)?));
        }
        5 => {
            let text = String::from_utf8_lossy(u.bytes(u.len())?).into_owned();
            told(Manifest::parse(&text));
            let _ = parse_duration(&text);
        }
        _ => {
            let base = MANIFESTS[usize::from(u.arbitrary::<u8>()?) % MANIFESTS.len()];
            let mut text = splice::text(u, base)?;
            if shape & 8 != 0 {
                text = splice::text(u, &text)?;
            }
            if let Some(manifest) = told(Manifest::parse(&text)) {
                let _ = manifest.indivisible();
                for subscription in &manifest.subscriptions {
                    let _ = subscription.mask();
                }
            }
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
