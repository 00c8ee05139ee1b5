//! Packet input from capture files to flows and streams.

#![expect(clippy::print_stdout, reason = "a test that is skipped says so")]

mod build;
mod captures;
mod files;
mod flows;
mod fragments;
mod links;
mod mutations;
mod order;
mod record;
mod streams;
mod tshark;
