//! What a site remembers so that it cannot be taken back: versions and time.

use std::collections::BTreeMap;

use palisade_events::Digest;
use serde::{Deserialize, Serialize};

use crate::{Pack, Refusal, Time};

/// `state.json`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    /// The latest time seen, in seconds since the epoch: the high-water mark.
    pub time: i64,
    /// Trust documents by file name.
    pub documents: BTreeMap<String, Seen>,
    /// The packs installed, by `vendor/name`.
    pub packs: BTreeMap<String, InstalledPack>,
}

/// A trust document that was installed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seen {
    /// Its version.
    pub version: u64,
    /// BLAKE3 of its payload.
    pub digest: Digest,
}

/// What was installed of one pack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InstalledPack {
    /// The line of versions.
    pub lineage: String,
    /// The highest version that was ever installed.
    pub highest: String,
    /// The version that was installed last, and runs unless another is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active: Option<String>,
    /// Every version that was ever installed, with the digest it had.
    pub versions: BTreeMap<String, Digest>,
    /// Capabilities that somebody accepted.
    pub capabilities: std::collections::BTreeSet<String>,
}

impl State {
    /// The time at which to judge, given what the clock says.
    pub fn now(&self, clock: Time) -> Time {
        clock.max(Time::from_seconds(self.time))
    }

    /// Whether a pack may be installed after what was installed before.
    ///
    /// # Errors
    /// For an older version that is not `rollback`, another pack of a known version, another
    /// line of versions, and capabilities that the installed pack does not have, unless
    /// `accept`.
    pub fn judge(&self, pack: &Pack, accept: bool, rollback: Option<&str>) -> Result<(), Refusal> {
        let manifest = pack.manifest();
        let Some(known) = self.packs.get(&manifest.title()) else {
            return Ok(());
        };
        if known.lineage != manifest.lineage {
            return Err(Refusal::Lineage {
                pack: manifest.title(),
                found: manifest.lineage.clone(),
                known: known.lineage.clone(),
            });
        }
        if known
            .versions
            .get(&manifest.version)
            .is_some_and(|d| *d != pack.digest())
        {
            return Err(Refusal::VersionFork {
                pack: manifest.title(),
                version: manifest.version.clone(),
            });
        }
        let highest = known
            .highest
            .parse()
            .unwrap_or(semver::Version::new(0, 0, 0));
        if manifest.semver() < highest && rollback != Some(manifest.version.as_str()) {
            return Err(Refusal::VersionRollback {
                pack: manifest.title(),
                version: manifest.version.clone(),
                known: known.highest.clone(),
            });
        }
        let gained: Vec<&str> = manifest
            .capabilities
            .difference(&known.capabilities)
            .map(String::as_str)
            .collect();
        if !gained.is_empty() && !accept {
            return Err(Refusal::CapabilityGained {
                gained: gained.join(", "),
                pack: manifest.full_title(),
            });
        }
        Ok(())
    }

    /// Whether a pack that a store holds as installed was installed here: the store alone
    /// proves nothing, as it may be another's. `named` tells that its version was asked for.
    ///
    /// # Errors
    /// [`Refusal::NotInstalled`], and [`Refusal::NotActive`] for another version than the one
    /// that was installed last, unless `named`.
    pub fn runs(&self, pack: &Pack, named: bool) -> Result<(), Refusal> {
        let manifest = pack.manifest();
        let known = self.packs.get(&manifest.title()).filter(|known| {
            let digest = known.versions.get(&manifest.version);
            digest.is_some_and(|digest| *digest == pack.digest())
        });
        let Some(known) = known else {
            return Err(Refusal::NotInstalled {
                pack: manifest.full_title(),
            });
        };
        match &known.active {
            Some(active) if *active != manifest.version && !named => Err(Refusal::NotActive {
                pack: manifest.title(),
                version: manifest.version.clone(),
                active: active.clone(),
            }),
            _ => Ok(()),
        }
    }

    /// Remembers that a pack was installed.
    pub fn installed(&mut self, pack: &Pack) {
        let manifest = pack.manifest();
        let entry = self
            .packs
            .entry(manifest.title())
            .or_insert_with(|| InstalledPack {
                lineage: manifest.lineage.clone(),
                highest: manifest.version.clone(),
                active: None,
                versions: BTreeMap::new(),
                capabilities: manifest.capabilities.clone(),
            });
        let highest = entry
            .highest
            .parse()
            .unwrap_or(semver::Version::new(0, 0, 0));
        if manifest.semver() > highest {
            entry.highest.clone_from(&manifest.version);
        }
        entry.active = Some(manifest.version.clone());
        entry
            .versions
            .insert(manifest.version.clone(), pack.digest());
        // What a rollback gives up must be accepted again, like anything new.
        entry.capabilities.clone_from(&manifest.capabilities);
    }
}
