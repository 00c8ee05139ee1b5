//! `palisade config`: what a server would make of its configuration.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow, ensure};
use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use palisade_serve::Config;

use crate::context::Context;
use crate::exit::Exit;
use crate::host::HostOptions;

/// The longest configuration.
const MAX_CONFIG: u64 = 1 << 20;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Check(Check),
    Print(Print),
}

/// Say what is wrong with a configuration, if anything
#[derive(Debug, Args)]
pub(crate) struct Check {
    /// The configuration
    #[arg(default_value = "palisade.toml", value_name = "FILE")]
    config: PathBuf,
}

/// Write a configuration with everything that it leaves to defaults
#[derive(Debug, Args)]
pub(crate) struct Print {
    /// The configuration
    #[arg(default_value = "palisade.toml", value_name = "FILE")]
    config: PathBuf,
}

impl Command {
    pub(crate) fn run(self, context: &Context) -> Result<Exit> {
        let mut out = context.output();
        match self {
            Command::Check(Check { config }) => {
                let (served, host) = read(&config)?;
                palisade_serve::check(&served).with_context(|| format!("{}", config.display()))?;
                let loaded = host.load(host.given()?)?;
                let why = loaded.left_out.iter().map(ToString::to_string);
                let why: Vec<String> = why.collect();
                ensure!(
                    !loaded.plugins.is_empty(),
                    "no plugin is left: {}",
                    why.join("; ")
                );
                why.iter().for_each(|why| crate::output::warn(why));
                out.line(&format!("{}: good", config.display()))?;
            }
            Command::Print(Print { config }) => {
                let (config, _) = read(&config)?;
                let text = toml::to_string_pretty(&config).context("write the configuration")?;
                text.lines().try_for_each(|line| out.line(line))?;
            }
        }
        out.finish()?;
        Ok(Exit::Done)
    }
}

/// The options of the host, as a command line of their own.
#[derive(Debug, Parser)]
#[command(name = "[host]", no_binary_name = true, disable_help_flag = true)]
struct HostLine {
    #[command(flatten)]
    host: HostOptions,
}

/// Reads a configuration, and the options in its table `host`.
///
/// # Errors
/// With file, line and field.
pub(crate) fn read(path: &Path) -> Result<(Config, HostOptions)> {
    // It says which code runs: nobody else may have written it.
    let bytes = palisade_private::read_private(path, MAX_CONFIG)?;
    let text = String::from_utf8(bytes)
        .ok()
        .with_context(|| format!("{} is no text in UTF-8", path.display()))?;
    let config = Config::parse(&text, path)?;
    let line = arguments(&config.host).with_context(|| format!("{}: [host]", path.display()))?;
    let matches = HostLine::command().try_get_matches_from(line);
    let parsed = matches.and_then(|matches| HostLine::from_arg_matches(&matches));
    let parsed = parsed.map_err(|error| {
        let text = error.render().to_string();
        let first = text.lines().next().unwrap_or_default();
        anyhow!(
            "{}: [host]: {}",
            path.display(),
            first.trim_start_matches("error: ")
        )
    })?;
    Ok((config, parsed.host))
}

/// A table as the options of a command line.
fn arguments(table: &toml::Table) -> Result<Vec<String>> {
    let mut line = Vec::new();
    for (key, value) in table {
        let option = format!("--{}", key.replace('_', "-"));
        let one = |value: &toml::Value| match value {
            toml::Value::String(text) => Ok(text.clone()),
            toml::Value::Integer(number) => Ok(number.to_string()),
            other => Err(anyhow!(
                "`{key}` is {}; write a text or a number",
                other.type_str()
            )),
        };
        match value {
            toml::Value::Boolean(true) => line.push(option),
            toml::Value::Boolean(false) => {}
            toml::Value::Array(values) => {
                for value in values {
                    line.extend([option.clone(), one(value)?]);
                }
            }
            toml::Value::Table(values) => {
                for (name, value) in values {
                    line.extend([option.clone(), format!("{name}={}", one(value)?)]);
                }
            }
            value => line.extend([option, one(value)?]),
        }
    }
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_has_a_mebibyte_at_most() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("palisade.toml");
        let good = "data = \"d\"\n[[source]]\nname = \"a\"\nkind = \"file\"\npath = \"x\"\n#";
        let of = |bytes: usize| good.to_owned() + &"x".repeat(bytes - good.len());
        std::fs::write(&path, of(1 << 20)).unwrap();
        read(&path).unwrap();
        std::fs::write(&path, of((1 << 20) + 1)).unwrap();
        let error = format!("{:#}", read(&path).unwrap_err());
        assert!(
            error.contains("palisade.toml") && error.contains("1048576"),
            "{error}"
        );
    }
}
