//! Packs and what is done to them: every attack is refused with its own reason.

#![expect(
    clippy::print_stdout,
    reason = "numbers and reasons are for the reader"
)]

mod content;
mod documents;
mod hidden;
mod labels;
mod large;
mod lifecycle;
mod near;
mod origin;
mod readings;
mod site;
mod statements;
mod threats;
