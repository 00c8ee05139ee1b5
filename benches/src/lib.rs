//! Inputs that the benchmarks share. The benchmarks themselves are under `benches/`; run
//! one with `cargo bench -p palisade-benches --bench flow_table`.

pub mod flows;
pub mod guests;
pub mod logs;
pub mod mix;
pub mod packs;
