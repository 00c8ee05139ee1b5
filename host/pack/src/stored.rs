//! Packs in the store.
//!
//! The listing is the blob that has the pack's digest; the files are blobs of their own, so
//! that versions share what did not change. Attestations have a listing too. Names:
//! `pack.<vendor>.<name>` is the installed version, `pack.<vendor>.<name>@<version>` each that
//! is kept, and `attestations.<vendor>.<name>@<version>` what is attested of it.

use palisade_events::Digest;
use palisade_store::{GetError, Name, NameError, NameParseError, PutError, Store};

use crate::content::{ATTESTATIONS, MAX_FILE_BYTES, MAX_FILES};
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
    /// No such pack.
    #[error("the store has no pack `{0}`; see `palisade store list`, or install it")]
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

/// Puts a pack and its attestations into the store, and makes it the installed version.
///
/// # Errors
/// When the store cannot be written. Names are set last, so that no half pack has one.
pub fn put(store: &Store, pack: &Pack) -> Result<(), StoredError> {
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
    store.set_name(
        &name("attestations", vendor, pack_name, Some(version))?,
        &attested.digest,
    )?;
    store.set_name(
        &name("pack", vendor, pack_name, Some(version))?,
        &listing.digest,
    )?;
    store.set_name(&name("pack", vendor, pack_name, None)?, &listing.digest)?;
    Ok(())
}

/// Gets a pack by `vendor/name` or `vendor/name@version`. Every blob is checked against its
/// digest, and the pack as a whole; whether it is trusted must be asked again.
///
/// # Errors
/// When it is not there, or something of it was changed.
pub fn get(store: &Store, title: &str) -> Result<Pack, StoredError> {
    let absent = || StoredError::Absent(title.to_owned());
    let (full, version) = match title.split_once('@') {
        None => (title, None),
        Some((full, version)) => (full, Some(version)),
    };
    let (vendor, pack) = full.split_once('/').ok_or_else(absent)?;
    let digest = store
        .name(&name("pack", vendor, pack, version)?)?
        .ok_or_else(absent)?;
    let listing = listing(store, &digest)?;
    let mut content = Content::default();
    fill(store, &listing, &mut content)?;
    let manifest = PackManifest::read(content.file(crate::manifest::PACK_TOML)?)?;
    let expected = version.unwrap_or(&manifest.version);
    if manifest.title() != full || manifest.version != expected {
        return Err(Refusal::Stored {
            problem: format!("the name `{title}` leads to `{}`", manifest.full_title()),
        }
        .into());
    }
    let attested = name("attestations", vendor, pack, Some(&manifest.version))?;
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
        fill(store, &attested, &mut content)?;
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

fn fill(store: &Store, listing: &Listing, content: &mut Content) -> Result<(), StoredError> {
    for entry in listing.entries() {
        let bytes = store.get(&entry.digest, MAX_FILE_BYTES)?;
        content.add(entry.path.as_str(), bytes)?;
    }
    Ok(())
}
