//! Packs in the store.
//!
//! The listing is the blob that has the pack's digest; the files are blobs of their own, so
//! that versions share what did not change. Attestations have a listing too. Names:
//! `pack.<vendor>.<name>` is the installed version, `pack.<vendor>.<name>@<version>` each that
//! is kept, and `attestations.<vendor>.<name>@<version>` what is attested of it. What was only
//! delivered has names of its own, so that it neither runs nor takes the place of anything:
//! `delivered.<vendor>.<name>`, with a version as well, and `delivered-attestations.…`.

use std::collections::BTreeMap;

use palisade_events::Digest;
use palisade_store::{GetError, Name, NameError, NameParseError, PutError, Store};

use crate::content::{ATTESTATIONS, MAX_FILE_BYTES, MAX_FILES, MAX_TOTAL_BYTES};
use crate::listing::{Entry, Listing};
use crate::manifest::PackManifest;
use crate::{Content, Pack, PackPath, Refusal};

/// The largest listing: every file with the longest path.
const MAX_LISTING_BYTES: u64 = 32 + (MAX_FILES as u64) * (crate::path::MAX_PATH as u64 + 48);

/// Why a pack is not put into the store, or not got from it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoredError {
    /// What the store holds is refused.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// A blob is missing or was changed.
    #[error(transparent)]
    Get(#[from] GetError),
    /// A blob cannot be put.
    #[error(transparent)]
    Put(#[from] PutError),
    /// A name cannot be read or set.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The pack's name does not make a name of the store.
    #[error("the pack cannot be named in the store: {0}")]
    BadName(#[from] NameParseError),
    /// It takes more memory than there is for it.
    #[error(
        "the pack `{pack}` has {bytes} bytes or more, and {most} may be held while it is loaded"
    )]
    Room {
        /// What it is called.
        pack: String,
        /// What it takes at least.
        bytes: u64,
        /// What it may take.
        most: u64,
    },
    /// No such pack.
    #[error("the store has no installed pack `{0}`; see `palisade store list`, or install it")]
    Absent(String),
}

fn name(
    prefix: &str,
    vendor: &str,
    pack: &str,
    version: Option<&str>,
) -> Result<Name, NameParseError> {
    match version {
        None => format!("{prefix}.{vendor}.{pack}").parse(),
        Some(version) => format!("{prefix}.{vendor}.{pack}@{version}").parse(),
    }
}

/// A pack of the store, by its name there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct Held {
    /// `vendor/name@version`.
    pub pack: String,
    /// How far it has come.
    pub state: HeldState,
    /// Its digest.
    pub digest: Digest,
}

/// How far a pack of the store has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum HeldState {
    /// It is the version that runs.
    Active,
    /// It was active, and can be again.
    Kept,
    /// It is here, and nothing more.
    Delivered,
}

impl HeldState {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            HeldState::Active => "active",
            HeldState::Kept => "kept",
            HeldState::Delivered => "delivered",
        }
    }
}

/// The packs of the store by name and version. Nothing of them is read: whether they are whole
/// and trusted is said by [`get`] and `verify`.
///
/// # Errors
/// When names cannot be read.
pub fn list(store: &Store) -> Result<Vec<Held>, StoredError> {
    let names: BTreeMap<Name, Digest> = store.names()?.into_iter().collect();
    let mut held = Vec::new();
    for (name, digest) in &names {
        let name = name.to_string();
        for stage in [Stage::Delivered, Stage::Installed] {
            let (prefix, _) = stage.prefixes();
            // Vendors and names have no dots, versions have.
            let parts = name.strip_prefix(prefix).and_then(|rest| {
                let (title, version) = rest.strip_prefix('.')?.split_once('@')?;
                Some((title.split_once('.')?, version))
            });
            let Some(((vendor, pack), version)) = parts else {
                continue;
            };
            let latest = self::name(prefix, vendor, pack, None)?;
            let is_latest = names.get(&latest) == Some(digest);
            held.push(Held {
                pack: format!("{vendor}/{pack}@{version}"),
                state: match (stage, is_latest) {
                    (Stage::Delivered, _) => HeldState::Delivered,
                    (Stage::Installed, true) => HeldState::Active,
                    (Stage::Installed, false) => HeldState::Kept,
                },
                digest: *digest,
            });
        }
    }
    held.sort();
    Ok(held)
}

/// Which names a pack of the store has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// It is here, and nothing more.
    Delivered,
    /// It was verified and accepted: its latest version runs.
    Installed,
}

impl Stage {
    /// What the names of packs and of their attestations begin with.
    fn prefixes(self) -> (&'static str, &'static str) {
        match self {
            Stage::Delivered => ("delivered", "delivered-attestations"),
            Stage::Installed => ("pack", "attestations"),
        }
    }
}

/// Puts a pack and its attestations into the store, and makes it the installed version; what
/// was delivered of that version is then no longer apart.
///
/// # Errors
/// When the store cannot be written. Names are set last, so that no half pack has one.
pub fn put(store: &Store, pack: &Pack) -> Result<(), StoredError> {
    put_as(store, pack, Stage::Installed)?;
    let manifest = pack.manifest();
    let (packs, attested) = Stage::Delivered.prefixes();
    let (vendor, title, version) = (&manifest.vendor, &manifest.name, &manifest.version);
    // Of another content with the same version, it is still only delivered.
    let versioned = name(packs, vendor, title, Some(version))?;
    if store.name(&versioned)? == Some(pack.digest()) {
        let latest = name(packs, vendor, title, None)?;
        if store.name(&latest)? == Some(pack.digest()) {
            store.remove_name(&latest)?;
        }
        store.remove_name(&versioned)?;
        store.remove_name(&name(attested, vendor, title, Some(version))?)?;
    }
    Ok(())
}

/// Puts a pack and its attestations into the store as delivered: it can be looked at,
/// verified and installed by its name, and does not run.
///
/// # Errors
/// As [`put`].
pub fn deliver(store: &Store, pack: &Pack) -> Result<(), StoredError> {
    put_as(store, pack, Stage::Delivered)
}

fn put_as(store: &Store, pack: &Pack, stage: Stage) -> Result<(), StoredError> {
    let manifest = pack.manifest();
    let PackManifest {
        vendor,
        name: pack_name,
        version,
        ..
    } = manifest;
    // Until the names are set, nothing else keeps the blobs.
    let _hold = store.hold().map_err(NameError::from)?;
    for (_, bytes) in pack.content().files() {
        store.put(bytes, MAX_FILE_BYTES)?;
    }
    let mut attested = Vec::new();
    for (file, bytes) in pack.content().attestations() {
        let blob = store.put(bytes.as_slice(), MAX_FILE_BYTES)?;
        let path = PackPath::new(&format!("{ATTESTATIONS}/{file}"))?;
        attested.push(Entry {
            path,
            size: blob.size,
            digest: blob.digest,
        });
    }
    let attested = store.put(
        Listing::new(attested).encode().as_slice(),
        MAX_LISTING_BYTES,
    )?;
    let listing = store.put(pack.listing().encode().as_slice(), MAX_LISTING_BYTES)?;
    let (packs, attestations) = stage.prefixes();
    store.set_name(
        &name(attestations, vendor, pack_name, Some(version))?,
        &attested.digest,
    )?;
    store.set_name(
        &name(packs, vendor, pack_name, Some(version))?,
        &listing.digest,
    )?;
    store.set_name(&name(packs, vendor, pack_name, None)?, &listing.digest)?;
    Ok(())
}

/// Gets an installed pack by `vendor/name` or `vendor/name@version`. Every blob is checked
/// against its digest, and the pack as a whole; whether it is trusted must be asked again.
///
/// # Errors
/// When it is not there, or something of it was changed.
pub fn get(store: &Store, title: &str) -> Result<Pack, StoredError> {
    get_as(store, title, Stage::Installed, MAX_TOTAL_BYTES)
}

/// The same of a pack of at most so many bytes, all of which are held.
///
/// # Errors
/// As [`get`], and when it is larger.
pub fn get_within(store: &Store, title: &str, most: u64) -> Result<Pack, StoredError> {
    get_as(store, title, Stage::Installed, most)
}

/// The same of a pack that was only delivered.
///
/// # Errors
/// As [`get`].
pub fn get_delivered(store: &Store, title: &str) -> Result<Pack, StoredError> {
    get_as(store, title, Stage::Delivered, MAX_TOTAL_BYTES)
}

fn get_as(store: &Store, title: &str, stage: Stage, most: u64) -> Result<Pack, StoredError> {
    let (packs, attestations) = stage.prefixes();
    let absent = || StoredError::Absent(title.to_owned());
    let (full, version) = match title.split_once('@') {
        None => (title, None),
        Some((full, version)) => (full, Some(version)),
    };
    let (vendor, pack) = full.split_once('/').ok_or_else(absent)?;
    let digest = store
        .name(&name(packs, vendor, pack, version)?)?
        .ok_or_else(absent)?;
    let listing = listing(store, &digest)?;
    let mut content = Content::default();
    // What it says of itself comes first; what is there is counted as it is read.
    let stated = listing.entries().iter().map(|entry| entry.size);
    let stated = stated.fold(0, u64::saturating_add);
    let room = |bytes| StoredError::Room {
        pack: title.to_owned(),
        bytes,
        most,
    };
    if stated > most {
        return Err(room(stated));
    }
    fill(store, &listing, &mut content, most)?.map_err(room)?;
    let manifest = PackManifest::read(content.file(crate::manifest::PACK_TOML)?)?;
    let expected = version.unwrap_or(&manifest.version);
    if manifest.title() != full || manifest.version != expected {
        return Err(Refusal::Stored {
            problem: format!("the name `{title}` leads to `{}`", manifest.full_title()),
        }
        .into());
    }
    let attested = name(attestations, vendor, pack, Some(&manifest.version))?;
    if let Some(attested) = store.name(&attested)? {
        let attested = self::listing(store, &attested)?;
        if let Some(stray) = attested
            .entries()
            .iter()
            .find(|e| !e.path.as_str().starts_with("attestations/"))
        {
            return Err(Refusal::FileUnexpected {
                path: stray.path.to_string(),
            }
            .into());
        }
        fill(store, &attested, &mut content, most)?.map_err(room)?;
    }
    let pack = Pack::open(content)?;
    if pack.digest() != digest {
        return Err(Refusal::Stored {
            problem: format!(
                "the name leads to {digest}, but its files make {}",
                pack.digest()
            ),
        }
        .into());
    }
    Ok(pack)
}

/// The blobs that a blob refers to: the files of a listing, nothing for any other.
///
/// # Errors
/// When the blob is a listing that cannot be read: what it keeps is not known then.
pub fn references(store: &Store, digest: &Digest) -> Result<Vec<Digest>, StoredError> {
    match store.get(digest, MAX_LISTING_BYTES) {
        Ok(bytes) if Listing::is_listing(&bytes) => {
            let listing = Listing::decode(&bytes)?;
            Ok(listing.entries().iter().map(|entry| entry.digest).collect())
        }
        // Too large for a listing.
        Ok(_) | Err(GetError::TooLarge { .. }) => Ok(Vec::new()),
        Err(error) => Err(error.into()),
    }
}

fn listing(store: &Store, digest: &Digest) -> Result<Listing, StoredError> {
    Ok(Listing::decode(&store.get(digest, MAX_LISTING_BYTES)?)?)
}

/// Adds the files of a listing, as long as all that is there has at most so many bytes; else says
/// how many it would be.
fn fill(
    store: &Store,
    listing: &Listing,
    content: &mut Content,
    most: u64,
) -> Result<Result<(), u64>, StoredError> {
    for entry in listing.entries() {
        let room = most.saturating_sub(content.size()).min(MAX_FILE_BYTES);
        let bytes = match store.get(&entry.digest, room) {
            Err(GetError::TooLarge { size, .. }) if room < MAX_FILE_BYTES => {
                return Ok(Err(content.size().saturating_add(size)));
            }
            read => read?,
        };
        content.add(entry.path.as_str(), bytes)?;
    }
    Ok(Ok(()))
}
