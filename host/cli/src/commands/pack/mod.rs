//! `palisade pack`: from built components to a pack that a site may trust.

mod behaviour;
mod build;
mod certify;
mod compare;
mod credentials;
mod datasets;
mod diff;
mod examine;
mod fuzz;
mod guard;
mod inspect;
mod install;
mod load;
mod open;
mod pull;
mod push;
mod remote;
mod save;
mod schema;
mod sign;
mod test;
mod verify;

use anyhow::Result;
use clap::Subcommand;

use crate::context::Context;
use crate::exit::Exit;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Build(build::Build),
    Inspect(inspect::Inspect),
    Sign(sign::Sign),
    Test(test::Test),
    Certify(Box<certify::Certify>),
    Verify(verify::Verify),
    Diff(Box<diff::Diff>),
    Push(Box<push::Push>),
    Pull(pull::Pull),
    Save(save::Save),
    Load(load::Load),
    Install(install::Install),
    Schema(schema::Schema),
}

impl Command {
    pub(crate) fn run(self, context: &Context) -> Result<Exit> {
        match self {
            Self::Build(command) => command.run(context),
            Self::Inspect(command) => command.run(context),
            Self::Sign(command) => command.run(context),
            Self::Test(command) => command.run(context),
            Self::Certify(command) => command.run(context),
            Self::Verify(command) => command.run(context),
            Self::Diff(command) => command.run(context),
            Self::Push(command) => command.run(context),
            Self::Pull(command) => command.run(context),
            Self::Save(command) => command.run(context),
            Self::Load(command) => command.run(context),
            Self::Install(command) => command.run(context),
            Self::Schema(command) => command.run(context),
        }
    }
}
