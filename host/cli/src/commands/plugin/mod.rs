//! `palisade plugin`: what an author needs.

mod bench;
mod beside;
mod build;
mod held_back;
mod inspect;
mod new;
pub(crate) mod outcome;
mod repeat;
mod schema;
mod seen;
pub(crate) mod test;
pub(crate) mod trial;

use anyhow::Result;
use clap::Subcommand;

use crate::context::Context;
use crate::exit::Exit;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Bench(Box<bench::Bench>),
    Build(build::Build),
    Inspect(inspect::Inspect),
    New(new::New),
    Schema(schema::Schema),
    Test(test::Test),
}

impl Command {
    pub(crate) fn run(self, context: &Context) -> Result<Exit> {
        match self {
            Self::Bench(bench) => bench.run(context),
            Self::Build(build) => build.run(context),
            Self::Inspect(inspect) => inspect.run(context),
            Self::New(new) => new.run(context),
            Self::Schema(schema) => schema.run(context),
            Self::Test(test) => test.run(context),
        }
    }
}
