//! Tests of the whole system.

mod bad_input;
mod captures;
mod invariants;
mod order;
mod run;
