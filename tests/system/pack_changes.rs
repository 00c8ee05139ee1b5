//! What can be said of a pack by running it: how a new version behaves, and what its plugins
//! need; and what can be said of it without: what they are made of.

use std::path::Path;

use palisade_runtime::manifest;
use palisade_tests::{capture, root};
use serde_json::Value;

use crate::packs::{Site, components, copy};

/// Changes the manifest inside of a component; everything else of it stays.
fn with_manifest(component: &[u8], change: impl FnOnce(&str) -> String) -> Vec<u8> {
    let text = change(manifest::extract(component).expect("a manifest"));
    let mut rest = component[..8].to_vec();
    let mut at = 8;
    while at < component.len() {
        let (mut length, mut shift, mut to) = (0_usize, 0, at + 1);
        loop {
            let byte = component[to];
            length |= usize::from(byte & 0x7f) << shift;
            (shift, to) = (shift + 7, to + 1);
            if byte < 0x80 {
                break;
            }
        }
        let section = &component[at..to + length];
        let content = &component[to..to + length];
        let is_manifest =
            component[at] == 0 && content[1..].starts_with(manifest::SECTION.as_bytes());
        if !is_manifest {
            rest.extend_from_slice(section);
        }
        at = to + length;
    }
    manifest::embed(&rest, &text).expect("a manifest")
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn a_new_version_is_compared_by_what_it_says_of_a_capture() {
    let Some(site) = Site::new() else { return };
    let old = site.pack("iot-protocols", "0.1.0");
    let file = site.path().join("iot-protocols/pack.toml");
    let mut text = std::fs::read_to_string(&file).expect("pack.toml");
    // DNS is judged as well, MQTT is the only other protocol, and devices get 14 days.
    text.push_str(
        "\n[settings.cleartext]\nnamed-protocols = [\"http\", \"coap\", \"dns\"]\n\
         other-protocols = [\"mqtt\"]\nreconfigure-days = 14\n",
    );
    std::fs::write(&file, text).expect("pack.toml is written");
    let new = site.pack("iot-protocols", "0.2.0");
    let captures: Vec<String> = ["plant.pcap", "modbus.pcap", "dns.pcap"]
        .map(|name| capture(name).display().to_string())
        .into();
    let inputs = captures.join(" ");
    let diff = format!("pack diff {old} {new} --capture {inputs} --first 2");

    let said = site.ends(1, &format!("{diff} --format json"));
    let behaviour = &json(&said)["behaviour"];
    let findings = &behaviour["findings"];
    let count = |what: &str| findings[what].as_u64().expect("a count");
    let all = |what: &str| behaviour[what]["findings"].as_u64().expect("a count");
    assert!(count("gained") > 2 && count("lost") > 2 && count("changed") > 2);
    assert!(count("same") > 0);
    assert_eq!(all("old"), count("same") + count("changed") + count("lost"));
    assert_eq!(
        all("new"),
        count("same") + count("changed") + count("gained")
    );
    let first = |what: &str| findings[what].as_array().expect("a list").clone();
    assert_eq!(first("first_gained").len(), 2);
    for gained in first("first_gained") {
        assert_eq!(gained["details"]["protocol"], "dns", "{gained}");
    }
    for lost in first("first_lost") {
        assert_eq!(lost["details"]["protocol"], "modbus", "{lost}");
    }
    for changed in first("first_changed") {
        let due = |side: &str| changed[side]["actions"][1]["of"]["due"].clone();
        assert_ne!(due("old"), due("new"), "{changed}");
        assert_eq!(changed["old"]["subject"], changed["new"]["subject"]);
    }
    // What is run is what `run` runs: the same number of findings.
    let said = site.run(&format!(
        "run {inputs} --plugins {} --format json",
        components("iot-protocols").display()
    ));
    let run = json(&String::from_utf8_lossy(&said.stdout));
    assert_eq!(run["summary"]["findings"], all("old"));

    let said = site.ends(1, &diff);
    assert!(said.contains("speaks dns in clear"), "{said}");
    assert!(said.contains("actions.1.of.due: "), "{said}");
    // A version compared with itself says the same; so does another pack that changes nothing.
    let said = site.ok(&format!("pack diff {old} {old} --capture {inputs}"));
    assert!(said.contains("0 gained, 0 lost, 0 changed"), "{said}");
    let said = site.ends(2, &format!("pack diff {old} {new} --capture -"));
    assert!(said.contains("open -"), "{said}");
    let said = site.ends(2, &format!("pack diff {old} {new} --networks n.toml"));
    assert!(said.contains("--capture"), "{said}");
}

#[test]
fn what_policies_decide_is_compared_too() {
    let Some(site) = Site::new() else { return };
    let old = site.pack("vuln-disclosure", "0.1.0");
    let file = site.path().join("vuln-disclosure/pack.toml");
    let mut text = std::fs::read_to_string(&file).expect("pack.toml");
    let tool = "ab".repeat(32);
    text.push_str(&format!(
        "\n[settings.attack-tools]\nknown-tools = [\"{tool}\"]\n"
    ));
    std::fs::write(&file, text).expect("pack.toml is written");
    let new = site.pack("vuln-disclosure", "0.2.0");
    let request = |id: &str, sha256: &str| {
        format!(
            "{{\"kind\":\"report.disclosure\",\"time\":\"2025-05-02T10:00:00+08:00\",\"request\":\"{id}\",\
             \"action\":\"share\",\"subject_kind\":\"rule-pack\",\"audience\":\"named\",\"subjects\":[\"p\"],\
             \"publisher\":{{\"id\":\"x\",\"kind\":\"organisation\",\"country\":\"CN\",\"verified\":true}},\
             \"recipients\":[{{\"id\":\"b\",\"kind\":\"organisation\",\"country\":\"CN\",\"verified\":true}}],\
             \"planned_at\":\"2025-05-02T10:00:00+08:00\",\"channel_encrypted\":true,\"contains\":[\"detection-signature\"],\
             \"attachments\":[{{\"sha256\":\"{sha256}\",\"mime\":\"text/plain\",\"at\":\"2025-05-02T09:00:00+08:00\"}}]}}\n"
        )
    };
    let input = site.path().join("requests.ndjson");
    let requests = request("D-1", &tool) + &request("D-2", &"cd".repeat(32));
    std::fs::write(&input, requests).expect("requests are written");
    let diff = format!("pack diff {old} {new} --capture requests.ndjson");
    let said = site.ends(1, &format!("{diff} --format json"));
    let decisions = &json(&said)["behaviour"]["decisions"];
    assert_eq!(decisions["changed"], 1, "{decisions:#}");
    assert_eq!(decisions["same"], 1, "{decisions:#}");
    let changed = &decisions["first_changed"][0];
    assert_eq!(changed["new"]["request"], "D-1");
    assert!(changed["old"].to_string().contains("permit"), "{changed}");
    assert!(changed["new"].to_string().contains("\"deny\""), "{changed}");
    let said = site.ends(1, &diff);
    assert!(
        said.contains("decisions: 0 gained, 0 lost, 1 changed, 1 the same"),
        "{said}"
    );
}

#[test]
fn a_log_and_a_missing_parser_can_be_compared_too() {
    let Some(site) = Site::new() else { return };
    // The parser that tells Modbus is left out of the new version.
    let old = site.pack("iot-protocols", "0.1.0");
    let folder = site.path().join("iot-protocols/parsers/modbus");
    std::fs::remove_dir_all(folder).expect("the parser is removed");
    let new = site.pack("iot-protocols", "0.2.0");
    let modbus = capture("modbus.pcap").display().to_string();
    let said = site.ends(1, &format!("pack diff {old} {new} --capture {modbus}"));
    assert!(said.contains("~ events of kind device.message: "), "{said}");
    assert!(said.contains("0 gained"), "{said}");
    // With the same parser beside both, nothing of that capture would be lost: but the old
    // version has it already, and two of one name are refused.
    let parser = components("iot-protocols").join("modbus.wasm");
    let both = format!(
        "pack diff {old} {new} --capture {modbus} --plugins {}",
        parser.display()
    );
    let said = site.ends(2, &both);
    assert!(said.contains("is there 2 times"), "{said}");
    assert!(said.contains(":plugins/modbus.wasm and "), "{said}");
    let events = site.path().join("events.ndjson");
    let _ = site.run(&format!(
        "run {modbus} --plugins {} --events {}",
        components("iot-protocols").display(),
        events.display()
    ));
    // Of a log both versions see the same, as it needs no parser.
    let said = site.ends(
        1,
        &format!("pack diff {old} {new} --capture {}", events.display()),
    );
    assert!(
        said.contains("findings: 0 gained, 0 lost, 0 changed"),
        "{said}"
    );
}

/// A pack of one plugin of this repository, whose manifest asks for these limits.
fn limited(site: &Site, limits: &str, version: &str) -> String {
    let source = site.path().join(format!("cdn-{version}"));
    copy(&root().join("plugins/cdn-abuse"), &source);
    let change = |text: &str| text.replace("memory = \"16MiB\"", limits);
    let manifest = source.join("flooding/plugin.toml");
    let text = std::fs::read_to_string(&manifest).expect("plugin.toml");
    assert!(text.contains("memory = \"16MiB\""), "{text}");
    std::fs::write(&manifest, change(&text)).expect("plugin.toml is written");
    let built = components("cdn-abuse").join("flooding.wasm");
    let component = std::fs::read(built).expect("the component");
    let folder = site.path().join(format!("built-{version}"));
    std::fs::create_dir(&folder).expect("a folder");
    std::fs::write(
        folder.join("flooding.wasm"),
        with_manifest(&component, change),
    )
    .expect("the component is written");
    let out = format!("cdn-{version}.tar");
    site.ok(&format!(
        "pack build cdn-{version} --components built-{version} --out {out}"
    ));
    out
}

#[test]
fn a_certificate_states_what_plugins_need_and_there_is_none_above_the_ceiling() {
    let Some(site) = Site::new() else { return };
    site.trusting();
    std::fs::copy(
        root().join("plugins/README.md"),
        site.path().join("README.md"),
    )
    .expect("the document is copied");
    let good = limited(&site, "memory = \"4MiB\"\nfuel = 500000000", "1");
    let said = site.ok(&format!(
        "pack certify {good} --key certifier --format json"
    ));
    let peak = &json(&said)["peaks"]["flooding"];
    let of = |name: &str| peak[name].as_u64().expect("a number");
    assert_eq!(
        (of("memory_limit"), of("fuel_limit")),
        (4 << 20, 500_000_000)
    );
    assert!(of("calls") > 0 && of("fuel") > 1000, "{peak}");
    assert!(
        of("memory") >= 64 << 10 && of("memory") <= 4 << 20,
        "{peak}"
    );

    // The operator sees the same.
    site.ok(&format!("pack sign {good} --key vendor"));
    let said = site.ok(&format!("pack verify --offline {good}"));
    let line = format!("flooding: at most {} of 500000000 fuel", of("fuel"));
    assert!(said.contains(&line), "{said}");
    let said = site.ok(&format!("pack verify --offline {good} --format json"));
    let told = json(&said);
    let certificates = told["certificates"].as_object().expect("certificates");
    let seen = certificates.values().next().expect("one");
    assert_eq!(seen["peaks"]["flooding"], *peak);

    // Of memory, what was seen is just enough and a page less is not. Which inputs are changed
    // and how follows from the pack's digest, so of fuel that can only be said roughly.
    let (pages, fuel) = (of("memory") >> 10, of("fuel"));
    let exact = format!("memory = \"{pages}KiB\"\nfuel = {}", fuel * 2);
    let exact = limited(&site, &exact, "2");
    site.ok(&format!("pack certify {exact} --key certifier"));
    for (version, limits, why) in [
        ("3", format!("fuel = {}", fuel / 4), "used up its fuel"),
        (
            "4",
            format!("memory = \"{}KiB\"", pages - 64),
            "bytes of memory",
        ),
    ] {
        let over = limited(&site, &limits, version);
        let said = site.ends(1, &format!("pack certify {over} --key certifier"));
        let failed = said
            .lines()
            .find(|line| line.starts_with("FAILED  ceilings"));
        assert!(failed.is_some_and(|line| line.contains(why)), "{said}");
        assert!(said.contains("nothing is signed"), "{said}");
        let said = site.ok(&format!("pack inspect {over} --format json"));
        assert!(!said.contains("certificate.dsse.json"), "{said}");
    }
}

/// A pack of the same detector in three languages.
fn three_languages(site: &Site) -> Value {
    let source = site.path().join("examples");
    for name in ["weak-tls-rust", "weak-tls-c", "weak-tls-js"] {
        copy(
            &root().join("plugins/examples").join(name),
            &source.join(name),
        );
    }
    let pack = "vendor = \"acme\"\nname = \"examples\"\nversion = \"1.0.0\"\n\
                description = \"Test\"\nlicence = \"Apache-2.0\"\nrequirements = [\"IOT-2.3a\"]\n";
    std::fs::write(source.join("pack.toml"), pack).expect("pack.toml is written");
    site.ok(&format!(
        "pack build examples --components {} --folder-form --out packed",
        components("examples").display()
    ));
    read(&site.path().join("packed/sbom.cdx.json"))
}

fn read(path: &Path) -> Value {
    json(&std::fs::read_to_string(path).expect("the file"))
}

#[test]
fn the_bill_of_materials_lists_what_components_are_known_to_be_made_of() {
    let Some(site) = Site::new() else { return };
    let bom = three_languages(&site);
    let components = bom["components"].as_array().expect("components");
    let called = |name: &str| {
        let mut of = components.iter().filter(|c| c["name"] == name);
        of.next().unwrap_or_else(|| panic!("no {name} in {bom:#}"))
    };
    let tools = |plugin: &str| called(plugin)["properties"].to_string();
    assert!(tools("weak-tls-rust").contains("rustc "));
    assert!(tools("weak-tls-c").contains("clang"));
    assert!(tools("weak-tls-js").contains("\"JavaScript\""));
    // Of the Rust plugin, the crates of its own build, and not those of its workspace.
    let sdk = called("palisade-sdk");
    assert_eq!(
        (&sdk["type"], &sdk["scope"]),
        (&"library".into(), &"required".into())
    );
    assert!(sdk.get("purl").is_none(), "{sdk}");
    let macros = called("wit-bindgen-rust-macro");
    let version = macros["version"].as_str().expect("a version");
    assert_eq!(macros["scope"], "excluded");
    assert_eq!(
        macros["purl"],
        format!("pkg:cargo/wit-bindgen-rust-macro@{version}")
    );
    assert!(!components.iter().any(|c| c["name"] == "x509-parser"));
    // Of JavaScript, what its interpreter says of itself.
    let dependencies = bom["dependencies"].as_array().expect("dependencies");
    let depends = |plugin: &str| {
        let reference = &called(plugin)["bom-ref"];
        let of = dependencies.iter().find(|d| d["ref"] == *reference);
        of.map(|d| d["dependsOn"].as_array().map_or(0, Vec::len))
    };
    assert_eq!(depends("weak-tls-rust"), Some(1));
    assert!(depends("weak-tls-js").is_some_and(|n| n > 0));
    // Of C, that nothing is known; everything that is depended on is there.
    assert_eq!(depends("weak-tls-c"), None);
    let unknown = bom["compositions"][0]["dependencies"].to_string();
    assert!(unknown.contains("weak-tls-c") && !unknown.contains("weak-tls-js"));
    let there: Vec<&Value> = components.iter().map(|c| &c["bom-ref"]).collect();
    for reference in dependencies
        .iter()
        .flat_map(|d| d["dependsOn"].as_array().into_iter().flatten())
    {
        assert!(there.contains(&reference), "{reference} is nowhere");
    }
    let mut once = there.clone();
    once.sort_by_key(|reference| reference.to_string());
    once.dedup();
    assert_eq!(once.len(), there.len());
}
