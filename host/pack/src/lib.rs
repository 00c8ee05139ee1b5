//! Packs: plugins, datasets, vectors and documents under one digest, and what must be known
//! before one may run.
//!
//! - [`Content`] is the files of a pack, from a folder, an archive or the store; hostile
//!   until read. [`Pack::open`] checks that `pack.toml` says what follows from the files.
//! - [`Listing`] is the canonical listing; its BLAKE3 is the pack's identity.
//! - [`statement`] are signatures and certificates: in-toto statements in DSSE envelopes
//!   ([`dsse`]), bound to that digest.
//! - [`trust`] is what a site trusts: root document, revocation list, trust policy.
//! - [`verify`] brings these together and gives the chain of reasons.
//! - [`stored`] keeps packs in the store.
//!
//! Roles and threats follow the specification of The Update Framework (TUF 1.0): the root
//! document has its `root`; the vendor's roles are its `targets`; the revocation list, which
//! expires, is its `timestamp`; what a `snapshot` guards against (mix and match) cannot arise
//! within a pack, since one digest covers all of it. The crates that implement TUF serve
//! repositories of targets over HTTP; here the unit is one pack, judged offline by an
//! operator's policy, with certificates of third parties. Their metadata does not express
//! that, so the documents are our own and only the ideas are theirs.

mod canonical;
mod certificate;
mod component;
pub mod content;
mod diff;
pub mod dsse;
mod invisible;
mod key;
mod labelled;
mod labels;
mod listing;
mod manifest;
mod origin;
mod pack;
mod path;
mod refusal;
mod sbom;
pub mod statement;
pub mod stored;
pub mod trust;
mod verify;

pub use canonical::{MAX_TOML_BYTES, Time, TimeError};
pub use component::PackedPlugin;
pub use content::Content;
pub use diff::{Change, Difference};
pub use key::{KeyError, KeyId, MIN_PASSPHRASE, PrivateKey, PublicKey, Sign};
pub use labels::{Ground, Labels, Restriction, Tlp, TlpError, Unread};
pub use listing::{Entry, Listing};
pub use manifest::{
    Abi, DatasetEntry, DatasetSource, PACK_TOML, PackManifest, PackSource, PluginEntry,
};
pub use origin::Origin;
pub use pack::Pack;
pub use path::{MAX_PATH, PackPath};
pub use refusal::Refusal;
pub use sbom::SBOM;
pub use verify::{Report, Step, Verdict, verify};
