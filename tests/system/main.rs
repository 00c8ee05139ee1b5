//! Tests of the whole system.

mod captures;
mod run;
