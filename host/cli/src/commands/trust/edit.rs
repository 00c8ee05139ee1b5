//! Writing trust documents, before they are signed.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail, ensure};
use clap::Args;
use palisade_events::without_mark;
use palisade_pack::content::MAX_ATTESTATION_BYTES;
use palisade_pack::dsse::Envelope;
use palisade_pack::trust::{Policy, Revocations, Role, Root, RootKey, TimeReset};
use palisade_pack::{KeyId, Time};
use palisade_runtime::manifest::Capability;
use palisade_store::Digest;

use super::{WhichTrust, read, say, write};
use crate::commands::key::hex;
use crate::context::Context;
use crate::exit::Exit;
use crate::signer::{now, public, time};

/// Options of `trust root`.
#[derive(Debug, Args)]
pub(crate) struct RootOptions {
    /// Where the document goes
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// The version before; what is not named stays as it is there
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
    /// When it expires: a time, or days from now
    #[arg(long, value_name = "TIME", value_parser = time)]
    expires: Time,
    /// A key by the name that people know it by
    #[arg(long, value_name = "NAME=FILE.pub")]
    key: Vec<String>,
    /// When keys given with --key expire
    #[arg(long, value_name = "TIME", value_parser = time)]
    key_expires: Option<Time>,
    /// Take the key of this name out of the document and all roles
    #[arg(long, value_name = "NAME")]
    remove_key: Vec<String>,
    /// A role: how many of which keys; `root`, `policy` and `revocation` are needed
    #[arg(long, value_name = "ROLE=N:NAME,NAME…")]
    role: Vec<String>,
}

impl RootOptions {
    pub(super) fn run(self, context: &Context) -> Result<Exit> {
        let mut root = match &self.from {
            None => Root {
                version: 0,
                expires: self.expires,
                keys: BTreeMap::new(),
                roles: BTreeMap::new(),
            },
            Some(path) => {
                Root::read(&read(path)?).with_context(|| format!("read {}", path.display()))?
            }
        };
        root.version += 1;
        root.expires = self.expires;
        for name in &self.remove_key {
            let found = root.keys.iter().find(|(_, key)| key.name == *name);
            let Some((id, _)) = found else {
                let known: Vec<&str> = root.keys.values().map(|key| key.name.as_str()).collect();
                bail!(
                    "`--remove-key {name}`: there is no such key; the document has: {}",
                    known.join(", ")
                );
            };
            let id = id.clone();
            root.keys.remove(&id);
            for role in root.roles.values_mut() {
                role.keys.remove(&id);
            }
        }
        for option in &self.key {
            let (name, path) = option
                .split_once('=')
                .with_context(|| format!("`--key {option}`: write NAME=FILE.pub"))?;
            ensure!(
                root.keys.values().all(|key| key.name != name),
                "there is a key `{name}` already; --remove-key takes it out"
            );
            let key = public(path.as_ref())?;
            if let Some(known) = root.keys.get(key.id()) {
                bail!(
                    "`--key {option}`: this key is `{}` already, and a threshold counts keys, not \
                     names; give each name a key of its own, or take it out with --remove-key {}",
                    known.name,
                    known.name
                );
            }
            root.keys.insert(
                key.id().clone(),
                RootKey {
                    name: name.into(),
                    public: hex(key.as_bytes()),
                    expires: self.key_expires,
                },
            );
        }
        for option in &self.role {
            let parts = option.split_once('=').and_then(|(role, rest)| {
                let (threshold, names) = rest.split_once(':')?;
                Some((role, threshold.parse::<usize>().ok()?, names))
            });
            let (role, threshold, names) =
                parts.with_context(|| format!("`--role {option}`: write ROLE=N:NAME,NAME"))?;
            let keys = names
                .split(',')
                .map(|name| id_of(&root, name))
                .collect::<Result<_>>()?;
            root.roles.insert(role.to_owned(), Role { threshold, keys });
        }
        let envelope = root.envelope();
        // What would be refused later is refused now.
        Root::read(&envelope)?;
        finish(context, "root document", root.version, &self.out, &envelope)
    }
}

/// The id of the key that people know by a name.
fn id_of(root: &Root, name: &str) -> Result<KeyId> {
    let found = root.keys.iter().find(|(_, key)| key.name == name);
    let found = found
        .with_context(|| format!("there is no key `{name}`; give it with --key {name}=FILE.pub"))?;
    Ok(found.0.clone())
}

/// Options of `trust revocations`.
#[derive(Debug, Args)]
pub(crate) struct RevocationsOptions {
    /// Where the document goes
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// The version before; what it revokes stays revoked
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
    /// When the next list must be there: a time, or days from now
    #[arg(long, value_name = "TIME", value_parser = time)]
    expires: Time,
    /// Revoke a key by its id
    #[arg(long, value_name = "ID=REASON")]
    key: Vec<String>,
    /// Revoke a pack by its digest
    #[arg(long, value_name = "DIGEST=REASON")]
    pack: Vec<String>,
    /// Revoke a certificate by the digest of its statement, as `pack inspect` lists it
    #[arg(long, value_name = "DIGEST=REASON")]
    certificate: Vec<String>,
}

impl RevocationsOptions {
    pub(super) fn run(self, context: &Context) -> Result<Exit> {
        let mut list = match &self.from {
            None => Revocations {
                version: 0,
                expires: self.expires,
                keys: BTreeMap::new(),
                packs: BTreeMap::new(),
                certificates: BTreeMap::new(),
            },
            Some(path) => Revocations::read(&read(path)?)
                .with_context(|| format!("read {}", path.display()))?,
        };
        list.version += 1;
        list.expires = self.expires;
        list.keys.extend(pairs::<KeyId>("--key", "ID", &self.key)?);
        list.packs
            .extend(pairs::<Digest>("--pack", "DIGEST", &self.pack)?);
        list.certificates.extend(pairs::<Digest>(
            "--certificate",
            "DIGEST",
            &self.certificate,
        )?);
        finish(
            context,
            "revocation list",
            list.version,
            &self.out,
            &list.envelope(),
        )
    }
}

fn pairs<K>(option: &str, what: &str, given: &[String]) -> Result<Vec<(K, String)>>
where
    K: std::str::FromStr,
    K::Err: std::error::Error + Send + Sync + 'static,
{
    let pair = |text: &String| {
        let (key, reason) = text
            .split_once('=')
            .with_context(|| format!("`{option} {text}`: write {option} {what}=REASON"))?;
        Ok((
            key.parse().with_context(|| format!("`{option} {text}`"))?,
            reason.to_owned(),
        ))
    };
    given.iter().map(pair).collect()
}

/// Options of `trust policy`.
#[derive(Debug, Args)]
pub(crate) struct PolicyOptions {
    /// The policy as you wrote it
    #[arg(value_name = "TRUST.TOML")]
    file: PathBuf,
    /// Where the document goes
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

impl PolicyOptions {
    pub(super) fn run(self, context: &Context) -> Result<Exit> {
        let bytes = crate::named::read(&self.file, MAX_ATTESTATION_BYTES as u64)?;
        let text = std::str::from_utf8(without_mark(&bytes))
            .with_context(|| format!("{} is not text in UTF-8", self.file.display()))?;
        let policy = Policy::parse(text.as_bytes())
            .with_context(|| format!("read {}", self.file.display()))?;
        ensure!(
            policy.version > 0,
            "{}: version = 0; versions begin at 1, and each later policy has a higher one",
            self.file.display()
        );
        for rule in &policy.packs {
            let named = rule.signed_by.iter().flat_map(|who| &who.for_capabilities);
            let known = Capability::ALL.map(Capability::name);
            for name in rule.capabilities.iter().chain(named) {
                ensure!(
                    known.contains(&name.as_str()),
                    "{}: the rule for `{}` names `{name}`, which is no capability; there are: {}",
                    self.file.display(),
                    rule.pattern,
                    known.join(", ")
                );
            }
        }
        finish(
            context,
            "trust policy",
            policy.version,
            &self.out,
            &Policy::envelope(text),
        )
    }
}

/// Options of `trust reset-time`.
#[derive(Debug, Args)]
pub(crate) struct ResetOptions {
    /// Where the document goes
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// The time to remember instead [default: now]
    #[arg(long, value_name = "TIME", value_parser = time)]
    to: Option<Time>,
    #[command(flatten)]
    which: WhichTrust,
}

impl ResetOptions {
    pub(super) fn run(self, context: &Context) -> Result<Exit> {
        let dir = self.which.open(context)?;
        let reset = dir.next_reset(self.to.unwrap_or_else(now))?;
        let envelope = reset.envelope();
        TimeReset::read(&envelope)
            .with_context(|| format!("this site remembers {}, which is not ahead", reset.from))?;
        finish(context, "time reset", reset.version, &self.out, &envelope)
    }
}

fn finish(
    context: &Context,
    what: &str,
    version: u64,
    out: &std::path::Path,
    envelope: &Envelope,
) -> Result<Exit> {
    write(out, envelope)?;
    let digest = Digest::of(envelope.payload());
    say(
        context,
        &format!("{what} version {version}  {digest}; sign it with `palisade trust sign`"),
    )
}
