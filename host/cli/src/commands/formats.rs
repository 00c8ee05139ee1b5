//! Which formats each command writes, in its `--help` as in what it takes.

use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use clap::{Arg, ArgMatches, Command, ValueEnum as _};

use crate::output::Format;

/// The id of the option.
const OPTION: &str = "format";
const TABLE: &[Format] = &[Format::Table];
const JSON: &[Format] = &[Format::Table, Format::Json];
const LINES: &[Format] = &[Format::Table, Format::Ndjson, Format::Json];

/// What the command with these names can write.
fn offered(command: &[&str]) -> &'static [Format] {
    match command {
        ["run"] => Format::value_variants(),
        ["policy", "check"] | ["store", "list"] => LINES,
        ["ctl", "status" | "swap" | "rollback" | "swaps"]
        | ["ctl", "dead-letters" | "quarantine", _] => JSON,
        ["audit", "verify"] | ["ctl", "what-if" | "promote"] | ["ctl", "shadow", _] => JSON,
        ["plugin", "build"] => &[Format::Table, Format::Ndjson],
        ["replay" | "explain"]
        | ["key", _]
        | ["plugin", "bench" | "inspect" | "schema"]
        | ["store", "verify" | "gc" | "add"]
        | ["trust", "show"]
        | [
            "pack",
            "build" | "certify" | "diff" | "inspect" | "install" | "pull" | "push" | "schema"
            | "verify",
        ] => JSON,
        _ => TABLE,
    }
}

/// The command line, with only those formats in each command's `--help` that it writes.
pub(super) fn narrowed(cli: Command) -> Command {
    below(cli, &[])
}

fn below(mut command: Command, names: &[&str]) -> Command {
    for sub in command.get_subcommands_mut() {
        let name = sub.get_name().to_owned();
        let names = [names, &[name.as_str()]].concat();
        let taken = std::mem::take(sub);
        *sub = below(taken, &names);
        // One with commands of its own writes nothing, but the option may stand before theirs.
        let option = match sub.has_subcommands() {
            true => option(Format::value_variants()).hide(true),
            false => option(offered(&names)),
        };
        *sub = std::mem::take(sub).arg(option);
    }
    command
}

/// The option of [`Context`](crate::context::Context) with these formats alone.
fn option(formats: &[Format]) -> Arg {
    let names = PossibleValuesParser::new(formats.iter().filter_map(Format::to_possible_value));
    let parser = names.try_map(|name| Format::from_str(&name, false));
    Arg::new(OPTION)
        .long(OPTION)
        .help("How results are written")
        .default_value("table")
        .value_name("FORMAT")
        .value_parser(parser)
        .hide(formats.len() == 1)
        .global(true)
        .display_order(100)
}

/// Refuses a format that stands before the command's name and is none of those that it writes.
///
/// # Errors
/// Names the command and those that it can write.
pub(super) fn check(matches: &ArgMatches) -> Result<(), String> {
    let mut names = Vec::new();
    let mut at = matches;
    while let Some((name, sub)) = at.subcommand() {
        names.push(name);
        at = sub;
    }
    let Some(asked) = matches.get_one::<Format>(OPTION) else {
        return Ok(());
    };
    let offered = offered(&names);
    if offered.contains(asked) {
        return Ok(());
    }
    let offered: Vec<_> = offered.iter().map(ToString::to_string).collect();
    Err(format!(
        "`{}` cannot write {asked}; choose --format {}",
        names.join(" "),
        offered.join(" or ")
    ))
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory as _, Parser as _};

    use super::*;

    /// Every command without commands of its own, by its names.
    fn leaves(command: &Command, names: &[String], found: &mut Vec<Vec<String>>) {
        for sub in command.get_subcommands() {
            let names = [names, &[sub.get_name().to_owned()]].concat();
            if sub.has_subcommands() {
                leaves(sub, &names, found);
            } else {
                found.push(names);
            }
        }
    }

    #[test]
    fn every_command_is_listed_as_it_is_called() {
        let cli = narrowed(super::super::Cli::command());
        cli.clone().debug_assert();
        let mut found = Vec::new();
        leaves(&cli, &[], &mut found);
        assert!(found.len() > 25, "{found:?}");
        for command in [
            "run",
            "policy check",
            "plugin build",
            "plugin bench",
            "store gc",
            "trust show",
            "pack diff",
            "key show",
        ] {
            let names: Vec<String> = command.split(' ').map(str::to_owned).collect();
            assert!(found.contains(&names), "{command}");
        }
        assert!(super::super::Cli::try_parse_from(["palisade", "store", "list"]).is_ok());
    }
}
