//! Damaged components and manifests: refused or run within limits, never a panic.

use std::time::Duration;

use palisade_runtime::compile::ChildLimits;
use palisade_runtime::manifest::{Capability, Manifest, Settings, extract};

use crate::assembled::Core;
use crate::compiling;
use crate::stage::{assert_harmless, component};

/// A sequence of numbers that is the same in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit.max(1) as u64) as usize
    }
}

/// Flips, cuts, doubles and inserts a few bytes.
fn mutate(bytes: &[u8], numbers: &mut Numbers) -> Vec<u8> {
    let mut out = bytes.to_vec();
    for _ in 0..=numbers.below(3) {
        if out.is_empty() {
            break;
        }
        let at = numbers.below(out.len());
        match numbers.below(5) {
            0 => out[at] ^= 1 << numbers.below(8),
            1 => out[at] = [0, 1, 0x7f, 0x80, 0xff][numbers.below(5)],
            2 => drop(out.drain(at..(at + 1 + numbers.below(8)).min(out.len()))),
            3 => out.insert(at, numbers.below(256) as u8),
            _ => {
                let end = (at + 1 + numbers.below(64)).min(out.len());
                let copy = out[at..end].to_vec();
                out.splice(at..at, copy);
            }
        }
    }
    out
}

#[test]
fn damaged_components_are_refused_in_harmless_words() {
    let limits = ChildLimits {
        wall: Duration::from_secs(20),
        ..ChildLimits::default()
    };
    let Some(runtime) = compiling::runtime(limits) else {
        return;
    };
    let mut numbers = Numbers(0x0070_616c_6973_6164);
    let mut bases = vec![(Core::default().reads().component(), 250)];
    bases.extend(component("hostile/hostile/innocent.wasm").map(|bytes| (bytes, 50)));
    let mut refused = 0;
    for (base, count) in bases {
        for _ in 0..count {
            let mutant = mutate(&base, &mut numbers);
            match runtime.load(&mutant, &Capability::ALL, &Settings::new()) {
                Err(error) => {
                    refused += 1;
                    assert_harmless(&error.to_string());
                    assert!(!error.to_string().contains("panicked"), "{error}");
                }
                // Damaged where it does not matter, or into something else that is valid.
                Ok((plugin, _)) => {
                    let _ = plugin.instantiate(&mut palisade_runtime::nothing());
                }
            }
        }
    }
    assert!(refused > 100, "{refused} are refused");
}

#[test]
fn damaged_manifests_are_refused_or_make_sense() {
    let mut texts = Vec::new();
    for plugin in ["hostile", "hostile-parser", "hostile-policy", "innocent"] {
        let Some(bytes) = component(&format!("hostile/hostile/{plugin}.wasm")) else {
            return;
        };
        texts.push(extract(&bytes).expect("a manifest").to_owned());
    }
    let mut numbers = Numbers(0x6d61_6e69_6665_7374);
    let mut refused = 0;
    for text in &texts {
        for _ in 0..500 {
            let mutant = mutate(text.as_bytes(), &mut numbers);
            if let Ok(text) = String::from_utf8(mutant)
                && let Err(error) = Manifest::parse(&text)
            {
                refused += 1;
                assert!(!error.to_string().is_empty());
            }
        }
    }
    assert!(refused > 500, "{refused} are refused");
}
