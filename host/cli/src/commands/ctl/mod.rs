//! `palisade ctl`: looks at a server and changes what it runs, through its control interface.

mod client;
mod letters;
mod quarantine;
mod status;
mod swap;
mod trials;

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use clap::{Args, Subcommand};
use palisade_serve::SOCKET;

use self::client::Client;
use crate::context::Context;
use crate::exit::Exit;

/// Look at a server that runs, and change what it runs
#[derive(Debug, Args)]
pub(crate) struct Ctl {
    /// The server's data directory
    #[arg(long, global = true, value_name = "DIR", conflicts_with_all = ["config", "socket"])]
    data: Option<PathBuf>,
    /// The server's configuration, which names its data directory [default: palisade.toml]
    #[arg(long, global = true, value_name = "FILE", conflicts_with = "socket")]
    config: Option<PathBuf>,
    /// The socket of its control interface
    #[arg(long, global = true, value_name = "SOCKET")]
    socket: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// What runs, by digest, and how far everything has come
    Status,
    Swap(Box<swap::Swap>),
    Rollback(swap::Rollback),
    Swaps(swap::Swaps),
    WhatIf(Box<trials::WhatIf>),
    #[command(subcommand)]
    Shadow(trials::Shadow),
    Promote(trials::Promote),
    #[command(subcommand)]
    DeadLetters(letters::DeadLetters),
    #[command(subcommand)]
    Quarantine(quarantine::Quarantine),
    /// Figures, as Prometheus reads them
    Metrics,
}

impl Ctl {
    pub(crate) fn run(self, context: &Context) -> Result<Exit> {
        let client = Client::new(&self.socket()?)?;
        match self.command {
            Command::Status => status::show(&client, context),
            Command::Swap(swap) => swap.run(&client, context),
            Command::Rollback(back) => back.run(&client, context),
            Command::Swaps(swaps) => swaps.run(&client, context),
            Command::WhatIf(what_if) => what_if.run(&client, context),
            Command::Shadow(shadow) => shadow.run(&client, context),
            Command::Promote(promote) => promote.run(&client, context),
            Command::DeadLetters(letters) => letters.run(&client, context),
            Command::Quarantine(quarantine) => quarantine.run(&client, context),
            Command::Metrics => status::metrics(&client, context),
        }
    }

    fn socket(&self) -> Result<PathBuf> {
        if let Some(socket) = &self.socket {
            return Ok(socket.clone());
        }
        if let Some(data) = &self.data {
            return Ok(data.join(SOCKET));
        }
        let named = self.config.as_deref();
        let config = named.unwrap_or(std::path::Path::new("palisade.toml"));
        if named.is_none() && !config.exists() {
            bail!(
                "there is no palisade.toml here; name the server's data directory with --data, its \
                 configuration with --config, or its socket with --socket"
            );
        }
        let (config, _) = super::config::read(config)
            .context("find the server's socket; --data or --socket names it")?;
        Ok(config.socket())
    }
}
