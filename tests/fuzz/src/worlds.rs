//! Components with the right imports and exports around code that the fuzzer chooses.

use palisade_runtime::manifest::embed;
use wit_component::{ComponentEncoder, StringEncoding, dummy_module, embed_component_metadata};
use wit_parser::{LiftLowerAbi, ManglingAndAbi, Resolve, WorldId};

/// Worlds with a part of the imports, so that modules stay small, and their manifests.
const WORLDS: [(&str, &str); 3] = [
    (
        "package fuzz:detector; world made {
           import palisade:plugin/batch@0.1.0; import palisade:plugin/envelope@0.1.0;
           import palisade:plugin/findings@0.1.0; import palisade:plugin/state@0.1.0;
           import palisade:plugin/timers@0.1.0; import palisade:plugin/datasets@0.1.0;
           import palisade:plugin/log@0.1.0; import palisade:plugin/network-flow@0.1.0;
           export palisade:plugin/plugin@0.1.0; export palisade:plugin/evaluate@0.1.0;
           export palisade:plugin/on-timer@0.1.0; }",
        include_str!("../seeds/everything.toml"),
    ),
    (
        "package fuzz:parser; world made { import palisade:plugin/log@0.1.0;
           export palisade:plugin/plugin@0.1.0; export palisade:plugin/parse@0.1.0; }",
        include_str!("../seeds/parser.toml"),
    ),
    (
        "package fuzz:policy; world made {
           import palisade:plugin/batch@0.1.0;
           export palisade:plugin/plugin@0.1.0; export palisade:plugin/decide@0.1.0; }",
        include_str!("../../hostile/policy/plugin.toml"),
    ),
];

/// A world with the core module that has its imports and exports, and a whole component of it.
pub struct World {
    resolve: Resolve,
    world: WorldId,
    /// A core module with the imports and exports, and bodies that trap.
    pub shape: Vec<u8>,
    /// The component of that module.
    pub component: Vec<u8>,
    /// Its manifest.
    pub manifest: &'static str,
}

/// A detector with everything that a detector may have, a parser and a policy.
pub fn worlds() -> Vec<World> {
    WORLDS.into_iter().map(World::new).collect()
}

impl World {
    fn new((text, manifest): (&str, &'static str)) -> World {
        let mut resolve = Resolve::default();
        let wit = concat!(env!("CARGO_MANIFEST_DIR"), "/../../wit/v0.1");
        resolve.push_dir(wit).expect("the WIT of Palisade");
        let package = resolve.push_str("made.wit", text).expect("a package");
        let world = resolve
            .select_world(&[package], Some("made"))
            .expect("a world");
        let abi = ManglingAndAbi::Legacy(LiftLowerAbi::Sync);
        let shape = dummy_module(&resolve, world, abi);
        let mut made = World {
            resolve,
            world,
            shape,
            component: Vec::new(),
            manifest,
        };
        made.component = made.component(made.shape.clone()).expect("a component");
        made
    }

    /// A component with this core module; none if they do not fit.
    pub fn component(&self, mut module: Vec<u8>) -> Option<Vec<u8>> {
        let utf8 = StringEncoding::UTF8;
        embed_component_metadata(&mut module, &self.resolve, self.world, utf8).ok()?;
        let encoder = ComponentEncoder::default().module(&module).ok()?;
        embed(&encoder.validate(false).encode().ok()?, self.manifest).ok()
    }
}

/// What the files of a pack with one of everything begin from: its component, `everything`.
pub fn everything() -> Vec<u8> {
    World::new(WORLDS[0]).component
}

/// A pack with a plugin, a dataset and a document.
pub fn pack() -> palisade_pack::Pack {
    let source = "vendor = \"acme\"\nname = \"hostile\"\nversion = \"1.0.0\"\n\
                  description = \"d\"\nlicence = \"MIT\"\nrequirements = []\n\
                  docs = [\"README.md\"]\n[datasets.indicators]\nfile = \"i.ndjson\"\n\
                  [changelog]\n\"1.0.0\" = \"c\"\n";
    let world = World::new(WORLDS[1]);
    let entry = "{\"kind\":\"domain\",\"value\":\"a.example\",\"tlp\":\"green\"}\n";
    let mut content = palisade_pack::Content::default();
    for (path, bytes) in [
        ("plugins/made.wasm", world.component),
        ("docs/README.md", b"read".to_vec()),
        ("datasets/indicators.ndjson", entry.into()),
    ] {
        content.add(path, bytes).expect("a file of a pack");
    }
    let source = palisade_pack::PackSource::parse(source).expect("a description of a pack");
    palisade_pack::Pack::build(&source, content).expect("a pack")
}
