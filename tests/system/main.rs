//! Tests of the whole system.

mod bad_input;
mod captures;
mod dissector;
mod events;
mod handover;
mod icsnpp;
mod invariants;
mod ocsf;
mod order;
mod pack_changes;
mod packs;
mod run;
