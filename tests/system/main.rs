//! Tests of the whole system.

mod captures;
mod invariants;
mod run;
