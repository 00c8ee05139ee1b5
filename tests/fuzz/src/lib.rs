//! What all fuzz targets share: the memory of one input is bounded, what was reached is counted.

mod coverage;
mod memory;
pub mod packets;
pub mod script;
pub mod splice;
pub mod text;
pub mod worlds;

/// Runs one input. Whatever panics, takes longer than libFuzzer's `-timeout`, or makes the heap
/// grow by more than `memory` bytes is a finding.
pub fn run(memory: usize, input: impl FnOnce()) {
    memory::limit(memory);
    input();
    memory::unlimited();
    coverage::add();
}

/// A mebibyte.
pub const MIB: usize = 1 << 20;
