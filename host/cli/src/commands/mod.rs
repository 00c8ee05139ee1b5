//! The commands, one module each.

mod store;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::context::Context;
use crate::exit::Exit;

/// Runs security rules as sandboxed WebAssembly components
#[derive(Debug, Parser)]
#[command(name = "palisade", version, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    context: Context,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Keep components and other blobs by their digest
    #[command(subcommand)]
    Store(store::Command),
}

impl Cli {
    /// Does what was asked for.
    ///
    /// # Errors
    /// When it cannot be done.
    pub(crate) fn run(self) -> Result<Exit> {
        match self.command {
            Command::Store(command) => command.run(&self.context),
        }
    }
}
