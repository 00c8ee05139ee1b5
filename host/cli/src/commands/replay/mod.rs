//! `palisade replay` and `palisade explain`: findings after the fact.

mod explain;
mod run;
mod subject;

pub(super) use explain::Explain;
pub(super) use run::Replay;
