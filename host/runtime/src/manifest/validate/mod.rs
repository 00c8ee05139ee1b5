//! From TOML to a manifest that makes sense.

mod check;
mod parser;
mod subscription;
mod table;
#[cfg(test)]
mod tests;

use super::duration::{duration, size};
use super::raw::{ONLY_PARSERS, RawManifest};
use super::*;
pub use check::hint;
pub(super) use check::{MAX_VALUES, case};
use check::{name, named, severity, unique};
pub(super) use parser::MAX_OFFSET;
use parser::parser;
pub(super) use subscription::MAX_FIELDS;
use subscription::subscription;
use table::table;
pub(super) use table::{DEFAULT_MAX_KEYS, MAX_KEYS};

/// Bytes of a page of linear memory.
const PAGE: u64 = 64 << 10;

/// The most subscriptions, rules, tables, datasets and settings, each.
pub(super) const MAX_ITEMS: usize = 1024;

pub(super) fn manifest(raw: RawManifest) -> Result<Manifest, ManifestError> {
    let plugin = raw.plugin;
    let world = case(
        "plugin.kind",
        &plugin.kind,
        &World::ALL.map(|w| (w.name(), w)),
    )?;
    if plugin.wit != WIT_VERSION {
        return Err(ManifestError::value(
            "plugin.wit",
            format!(
                "is `{}`; this host offers `{WIT_VERSION}`, rebuild the plugin for it",
                plugin.wit
            ),
        ));
    }
    name("plugin.name", &plugin.name)?;
    name("plugin.pack", &plugin.pack)?;
    semver::Version::parse(&plugin.version).map_err(|e| {
        let problem = format!(
            "`{}` is not MAJOR.MINOR.PATCH, such as 1.0.0: {e}",
            plugin.version
        );
        ManifestError::value("plugin.version", problem)
    })?;
    for (place, count) in [
        ("subscription", raw.subscription.len()),
        ("rule", raw.rule.len()),
        ("table", raw.table.len()),
        ("dataset", raw.dataset.len()),
        ("setting", raw.setting.len()),
    ] {
        if count > MAX_ITEMS {
            return Err(ManifestError::value(
                place,
                format!("there are {count}; at most {MAX_ITEMS} are allowed"),
            ));
        }
    }
    let capabilities = named(
        "plugin.capabilities",
        &plugin.capabilities,
        &Capability::ALL.map(|c| (c.name(), c)),
    )?;
    let exports = named(
        "plugin.exports",
        &plugin.exports,
        &OptionalExport::ALL.map(|e| (e.name(), e)),
    )?;
    let ordering = match plugin.ordering.as_deref() {
        None => Ordering::Exact,
        Some(name) => case(
            "plugin.ordering",
            name,
            &Ordering::ALL.map(|o| (o.name(), o)),
        )?,
    };
    let datasets: Vec<String> = raw.dataset.into_iter().map(|d| d.name).collect();
    let subscriptions = raw
        .subscription
        .into_iter()
        .enumerate()
        .map(|(i, s)| subscription(&format!("subscription[{i}]"), world, &datasets, s))
        .collect::<Result<Vec<_>, _>>()?;
    let rules = raw
        .rule
        .into_iter()
        .enumerate()
        .map(|(i, rule)| {
            let place = format!("rule[{i}].severity");
            Ok(Rule {
                severity: severity(&place, &rule.severity)?,
                id: rule.id,
                title: rule.title,
                requirements: rule.requirements,
                duty: rule.duty,
                attack: rule.attack,
                references: rule.references,
            })
        })
        .collect::<Result<Vec<_>, ManifestError>>()?;
    let tables = raw
        .table
        .into_iter()
        .enumerate()
        .map(|(i, t)| table(&format!("table[{i}]"), &subscriptions, t))
        .collect::<Result<Vec<_>, _>>()?;
    let settings = raw
        .setting
        .into_iter()
        .enumerate()
        .map(|(i, s)| SettingSpec::from_raw(&format!("setting[{i}]"), s))
        .collect::<Result<Vec<_>, _>>()?;
    unique("rule", "id", rules.iter().map(|r| r.id.as_str()))?;
    unique("table", "name", tables.iter().map(|t| t.name.as_str()))?;
    unique("dataset", "name", datasets.iter().map(String::as_str))?;
    unique("setting", "name", settings.iter().map(|s| s.name.as_str()))?;
    let limits = RequestedLimits {
        memory: raw.limits.memory.map(|text| memory(&text)).transpose()?,
        call_time: raw
            .limits
            .call_time
            .map(|text| duration(&text).map_err(|p| ManifestError::value("limits.call-time", p)))
            .transpose()?,
        findings: raw.limits.findings,
        host_calls: raw.limits.host_calls,
        fuel: raw.limits.fuel,
    };
    let manifest = Manifest {
        name: plugin.name,
        version: plugin.version,
        world,
        pack: plugin.pack,
        description: plugin.description,
        capabilities,
        exports,
        ordering,
        subscriptions,
        rules,
        tables,
        datasets,
        settings,
        limits,
        parser: raw.parser.map(parser).transpose()?,
    };
    coherent(&manifest)?;
    Ok(manifest)
}

/// Bytes of memory, of which an instance needs a page at least.
fn memory(text: &str) -> Result<u64, ManifestError> {
    let wrong = |problem| ManifestError::value("limits.memory", problem);
    let bytes = size(text).map_err(wrong)?;
    if bytes >= PAGE {
        return Ok(bytes);
    }
    let meant = match text.trim().parse::<u64>() {
        Ok(number) => format!("; a number without a unit is bytes: did you mean `{number}MiB`?"),
        Err(_) => String::new(),
    };
    Err(wrong(format!(
        "`{text}` is {bytes} bytes, and no instance begins with less than a page of 64KiB; write \
         `64KiB` up to the host's 64MiB, beyond which it changes nothing{meant}"
    )))
}

/// What no single key can tell.
fn coherent(manifest: &Manifest) -> Result<(), ManifestError> {
    let missing = |place: &str, problem: &str| Err(ManifestError::value(place, problem));
    match manifest.world {
        World::Parser => {
            if manifest.parser.is_none() {
                return missing("parser", "a parser needs a `[parser]` table");
            }
            if !manifest.subscriptions.is_empty() {
                return missing(
                    "subscription",
                    "a parser reads bytes and has no subscription",
                );
            }
        }
        World::Detector | World::Policy => {
            if manifest.parser.is_some() {
                return missing("parser", ONLY_PARSERS);
            }
            if manifest.subscriptions.is_empty() {
                return missing(
                    "subscription",
                    "without one the plugin would never be called",
                );
            }
            if manifest.rules.is_empty() {
                return missing(
                    "rule",
                    "every finding and judgement names a rule; declare one",
                );
            }
        }
    }
    if manifest.world == World::Policy {
        let decides = manifest
            .subscriptions
            .iter()
            .any(|s| s.role == Role::Decide);
        let observes = manifest
            .subscriptions
            .iter()
            .any(|s| s.role == Role::Observe);
        if !decides {
            return missing(
                "subscription",
                "a policy needs one with `role = \"decide\"`",
            );
        }
        if observes != manifest.exports(OptionalExport::Observe) {
            return missing(
                "plugin.exports",
                "must list `observe` exactly when a subscription has `role = \"observe\"`",
            );
        }
    } else if manifest.exports(OptionalExport::Observe) {
        return missing("plugin.exports", "`observe` is an export of policies only");
    }
    if manifest.exports(OptionalExport::OnTimer) && !manifest.asks_for(Capability::Timers) {
        return missing(
            "plugin.capabilities",
            "must list `timers`, because `plugin.exports` lists `on-timer`",
        );
    }
    if !manifest.tables.is_empty() && !manifest.asks_for(Capability::State) {
        return missing(
            "plugin.capabilities",
            "must list `state`, because there are tables",
        );
    }
    if !manifest.datasets.is_empty() && !manifest.asks_for(Capability::Datasets) {
        return missing(
            "plugin.capabilities",
            "must list `datasets`, because there are some",
        );
    }
    Ok(())
}
