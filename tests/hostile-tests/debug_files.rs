//! Debug files: those of the component name its frames, all others change nothing.

use std::sync::Arc;

use palisade_runtime::manifest::Capability;
use palisade_runtime::{Fault, Limits, Mode, Plugin, Symbols, nothing};
use wasmparser::{Parser, Payload};

use crate::stage::{assert_harmless, component, hostile, runtime, settings};

/// How the guest's start ends with this debug file beside it.
fn fault(bytes: &[u8], debug: Option<Vec<u8>>) -> Fault {
    let limits = Limits::default();
    let told = settings("unreachable", 0, "configure", -1);
    let (mut plugin, _): (Plugin, _) = runtime(Mode::Live, limits)
        .load(bytes, &Capability::ALL, &told)
        .expect("the hostile guest loads");
    if let Some(debug) = debug {
        plugin.set_symbols(Symbols::new(bytes, move || Some(debug.clone())));
    }
    match Arc::new(plugin).instantiate(&mut nothing()) {
        Ok(_) => panic!("the guest starts"),
        Err(error) => error.into_fault("hostile"),
    }
}

/// The hostile detector and its debug file.
fn guest() -> Option<(Vec<u8>, Vec<u8>)> {
    Some((hostile()?, component("hostile/hostile/hostile.debug.wasm")?))
}

#[test]
fn frames_have_names_files_and_lines() {
    let Some((bytes, debug)) = guest() else {
        return;
    };
    let bare = fault(&bytes, None);
    assert!(
        bare.backtrace
            .frames
            .iter()
            .all(|frame| frame.starts_with("function ")),
        "{:?}",
        bare.backtrace.frames
    );
    let named = fault(&bytes, Some(debug));
    assert_eq!(named.cause, bare.cause);
    let trace = named.backtrace.frames.join("\n");
    let at = |frame: &String| frame.contains(" at detector/src/lib.rs:");
    assert!(named.backtrace.frames.iter().any(at), "{trace}");
    assert!(trace.contains("plugin@0.1.0#configure"), "{trace}");
}

#[test]
fn the_debug_file_of_another_component_is_not_used() {
    let Some((bytes, debug)) = guest() else {
        return;
    };
    let bare = fault(&bytes, None);
    let Some(other) = component("hostile/hostile/innocent.debug.wasm") else {
        return;
    };
    let mut changed = debug.clone();
    let code = section(&debug, None);
    changed[code.end - 2] ^= 1;
    for wrong in [other, changed, bytes.clone(), Vec::new(), b"\0asm".to_vec()] {
        assert_eq!(fault(&bytes, Some(wrong)), bare);
    }
}

#[test]
fn a_damaged_debug_file_does_no_harm() {
    let Some((bytes, debug)) = guest() else {
        return;
    };
    let names = [
        "name",
        ".debug_line",
        ".debug_info",
        ".debug_abbrev",
        ".debug_ranges",
    ];
    let sections = names.map(|name| section(&debug, Some(name)));
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = |below: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        (seed % below as u64) as usize
    };
    for round in 0..150 {
        let mut bad = debug.clone();
        let range = &sections[round % sections.len()];
        for _ in 0..=next(20) {
            // Headers, which lie at the beginning, hold what sizes and counts are taken from.
            let reach = if round % 2 == 0 {
                64.min(range.len())
            } else {
                range.len()
            };
            bad[range.start + next(reach)] = [0, 0x7f, 0x80, 0xff, next(256) as u8][next(5)];
        }
        if round % 7 == 0 {
            bad.truncate(range.start + next(range.len()));
        }
        let fault = fault(&bytes, Some(bad));
        for frame in &fault.backtrace.frames {
            assert_harmless(frame);
            assert!(frame.chars().count() < 600, "{}", frame.len());
        }
    }
}

/// Where a custom section's content lies, or the code.
fn section(module: &[u8], name: Option<&str>) -> std::ops::Range<usize> {
    let mut payloads = Parser::new(0).parse_all(module).map(Result::unwrap);
    let found = payloads.find_map(|payload| match payload {
        Payload::CodeSectionStart { range, .. } if name.is_none() => Some(range),
        Payload::CustomSection(section) if Some(section.name()) == name => {
            let start = section.data_offset();
            Some(start..start + section.data().len())
        }
        _ => None,
    });
    found.expect("the debug file has the section")
}
