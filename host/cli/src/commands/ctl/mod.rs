//! `palisade ctl`: looks at a server and changes what it runs, through its control interface.

mod client;
mod status;
mod swap;

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
    #[arg(long, global = true, value_name = "DIR", env = "PALISADE_DATA")]
    data: Option<PathBuf>,
    /// The server's configuration, which names its data directory
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        default_value = "palisade.toml"
    )]
    config: PathBuf,
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
            Command::Metrics => status::metrics(&client, context),
        }
    }

    fn socket(&self) -> Result<PathBuf> {
        let data = match &self.data {
            Some(data) => data.clone(),
            None if self.config.exists() => {
                let (config, _) = super::config::read(&self.config)
                    .context("find the server's data directory; --data names it")?;
                config.data
            }
            None => bail!(
                "there is no {}; name the server's data directory with --data, or its \
                 configuration with --config",
                self.config.display()
            ),
        };
        Ok(data.join(SOCKET))
    }
}
