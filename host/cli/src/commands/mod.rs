//! The commands, one module each.

mod audit;
mod compile_component;
mod completions;
mod config;
mod ctl;
mod formats;
mod key;
mod misread;
mod pack;
pub(crate) mod plugin;
mod policy;
mod replay;
mod run;
mod serve;
mod state;
pub(crate) mod store;
mod trial;
pub(crate) mod trust;

use anyhow::Result;
use clap::error::ErrorKind;
use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use crate::context::Context;
use crate::exit::Exit;

/// Runs security rules as sandboxed WebAssembly components
///
/// Exit codes: 0 done, 1 done and something was found, denied or differs, 2 error.
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
    Run(Box<run::Run>),
    Serve(serve::Serve),
    Ctl(ctl::Ctl),
    Replay(replay::Replay),
    Explain(replay::Explain),
    /// Look at the configuration of a server
    #[command(subcommand)]
    Config(config::Command),
    /// Look at what a server remembers
    #[command(subcommand)]
    State(state::Command),
    /// Look at what operators did to a server
    #[command(subcommand)]
    Audit(audit::Command),
    /// Ask policies about disclosure requests
    #[command(subcommand)]
    Policy(Box<policy::Command>),
    /// Write, build and try plugins
    #[command(subcommand)]
    Plugin(plugin::Command),
    /// Build, sign, certify, verify and install packs
    #[command(subcommand)]
    Pack(Box<pack::Command>),
    /// Make keys for signing
    #[command(subcommand)]
    Key(key::Command),
    /// Say whom this site trusts, and for what
    #[command(subcommand)]
    Trust(trust::Command),
    /// Keep components and other blobs by their digest
    #[command(subcommand)]
    Store(store::Command),
    Completions(completions::Completions),
    /// Compile one component on stdin within limits; the runtime starts this by itself
    #[command(hide = true)]
    CompileComponent(compile_component::CompileComponent),
    /// Try other plugins on a server's journal; a server starts this by itself
    #[command(hide = true)]
    Trial(trial::Trial),
}

impl Cli {
    /// The command line as a person meets it: every command offers the formats that it writes.
    pub(crate) fn command_line() -> clap::Command {
        let line = formats::narrowed(Cli::command());
        line.mut_subcommands(with_exit_codes)
    }

    /// Reads the command line; what is wrong with it ends the program with code 2, as `--help`
    /// ends it with 0.
    pub(crate) fn read() -> Cli {
        let mut line = Cli::command_line();
        let read = || {
            let matches = line.try_get_matches_from_mut(std::env::args_os())?;
            if let Err(problem) = formats::check(&matches) {
                return Err(line.error(ErrorKind::InvalidValue, problem));
            }
            Cli::from_arg_matches(&matches).map_err(|error| error.format(&mut line))
        };
        match { read }() {
            Ok(cli) => cli,
            Err(error) => misread::exit(error),
        }
    }

    /// Does what was asked for.
    ///
    /// # Errors
    /// When it cannot be done.
    pub(crate) fn run(self) -> Result<Exit> {
        match self.command {
            Command::Run(command) => command.run(&self.context),
            Command::Serve(command) => command.run(&self.context),
            Command::Ctl(command) => command.run(&self.context),
            Command::Replay(command) => command.run(&self.context),
            Command::Explain(command) => command.run(&self.context),
            Command::Config(command) => command.run(&self.context),
            Command::State(command) => command.run(&self.context),
            Command::Audit(command) => command.run(&self.context),
            Command::Policy(command) => command.run(&self.context),
            Command::Plugin(command) => command.run(&self.context),
            Command::Pack(command) => command.run(&self.context),
            Command::Key(command) => command.run(&self.context),
            Command::Trust(command) => command.run(&self.context),
            Command::Store(command) => command.run(&self.context),
            Command::Completions(command) => command.run(),
            Command::CompileComponent(command) => command.run(),
            Command::Trial(command) => command.run(&self.context),
        }
    }
}

/// The command, and those below it, each with where its exit codes are told if it does not say more
/// of them itself.
fn with_exit_codes(command: clap::Command) -> clap::Command {
    let command = command.mut_subcommands(with_exit_codes);
    let about = command.get_long_about().map(ToString::to_string);
    match about.is_some_and(|about| about.contains("Exit code")) {
        true => command,
        false => command.after_help("Exit codes: `palisade --help` tells them for all commands."),
    }
}
