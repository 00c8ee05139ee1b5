//! Tests of the whole system.

mod bad_input;
mod captures;
mod connections;
mod datagrams;
mod dissector;
mod events;
mod floods;
mod handover;
mod icsnpp;
mod invariants;
mod limits;
mod manifests;
mod order;
mod pack_changes;
mod packs;
mod recognition;
mod recording;
mod registries;
mod requirements;
mod run;
mod schemas;
mod security;
mod serve;
mod sources;
mod splits;
mod swaps;
