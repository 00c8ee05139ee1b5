//! Everything for which a pack, a signature or a trust document is refused.

/// Defines the refusals with their codes and texts in one place, so that none lacks either.
macro_rules! refusals {
    ($( $(#[$doc:meta])* $name:ident $( { $($field:ident),* } )? = $code:literal, $text:literal; )*) => {
        /// Why something is refused. The text says what, where and what to do; the code is
        /// stable and meant for programs.
        #[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
        #[non_exhaustive]
        #[allow(missing_docs, reason = "the fields are what the text names")]
        pub enum Refusal {
            $( $(#[$doc])* #[error($text)] $name $( { $($field: String),* } )?, )*
        }

        impl Refusal {
            /// A short stable name, such as `signature-invalid`.
            pub fn code(&self) -> &'static str {
                match self {
                    $( Refusal::$name $( { $($field: _),* } )? => $code, )*
                }
            }

            /// Every code, in the order of this list.
            pub const CODES: &'static [&'static str] = &[$($code),*];
        }
    };
}

refusals! {
    /// Not a path that a pack may have.
    Path { path, problem } = "path", "the pack has the path `{path}`, which {problem}; build it again with `palisade pack build`";
    /// Two paths that some file system would not tell apart.
    PathCollision { path, other } = "path-collision", "`{path}` and `{other}` differ only in case or in the form of their letters; rename one";
    /// The same path twice.
    PathTwice { path } = "path-twice", "the archive has `{path}` twice; which one counts is not guessed";
    /// A path that is a file and a folder.
    PathFileAndFolder { path } = "path-file-and-folder", "`{path}` is a file and a folder";
    /// A link in a folder or archive.
    Link { path, found } = "link", "`{path}` is {found}; a pack has regular files only";
    /// More than a pack may have.
    TooLarge { what, limit } = "too-large", "{what} is more than the limit of {limit}; split the pack";
    /// Not a tar archive, or cut off.
    Archive { problem } = "archive", "the archive cannot be read: {problem}; it is no pack, or was cut off on the way: get it again";
    /// Something after the end of the archive.
    ArchiveTrailing = "archive-trailing", "the archive goes on after its end; what follows would be seen by other tools only";
    /// A required file is missing.
    FileMissing { path } = "file-missing", "the pack has no `{path}`";
    /// A file for which a pack has no place.
    FileUnexpected { path } = "file-unexpected", "the pack has the file `{path}`, for which `pack.toml` has no use; remove it or list it";
    /// A file differs from what the manifest says.
    FileChanged { path, stated, found } = "file-changed", "`{path}` has digest {found}, but `pack.toml` says {stated}";
    /// Not in the one form that this version writes.
    NotCanonical { what } = "not-canonical", "{what} is not in canonical form (order, spaces, escapes or numbers differ from what `palisade` writes); two readers could read it differently";
    /// Not what the schema says.
    Malformed { what, problem } = "malformed", "{what} cannot be read: {problem}";
    /// Of another format.
    Format { what, found } = "format", "{what} has format {found}; this version of palisade reads format 1";
    /// A plugin of another ABI.
    Abi { from, to, host } = "abi", "the pack needs an ABI from {from} to {to}; this host has {host}";
    /// A component that is no plugin, or not this pack's.
    Plugin { path, problem } = "plugin", "`{path}`: {problem}";
    /// Something that the manifest states does not follow from the content.
    Overstated { what, stated, found } = "overstated", "`pack.toml` says {what} {stated}, but its plugins and datasets say {found}";
    /// A label of a file that the pack does not carry.
    LabelDropped { label, file } = "label-dropped", "`{file}` carries {label}, but `pack.toml` does not say so; a pack carries every label of what it was built from: build it again with `palisade pack build`";
    /// A listing that is not the canonical one.
    Listing { problem } = "listing", "the listing of the pack cannot be read: {problem}";

    /// An envelope that is none.
    Envelope { name, problem } = "envelope", "`{name}` is no DSSE envelope, as `palisade trust`, `pack sign` and `pack certify` write them: {problem}";
    /// No signature.
    SignatureAbsent { name } = "signature-absent", "`{name}` has no signature; whoever answers for it signs it with `palisade trust sign` or `palisade pack sign`";
    /// A signature without key id.
    KeyIdAbsent { name } = "key-id-absent", "`{name}` has a signature without key id";
    /// A signature of the wrong length or alphabet.
    SignatureMalformed { name, key } = "signature-malformed", "`{name}`: the signature of key {key} is not 64 bytes in base64; it was cut off or changed";
    /// A signature that does not verify.
    SignatureInvalid { name, key } = "signature-invalid", "`{name}`: the signature of key {key} does not fit the content; one of them was changed";
    /// One key signs twice in an envelope.
    SignatureTwice { name, key } = "signature-twice", "`{name}`: key {key} signs twice; a key counts once";
    /// A key that the root document does not have.
    KeyUnknown { name, key } = "key-unknown", "`{name}` is signed by key {key}, which the root document does not have";
    /// An expired key.
    KeyExpired { name, key, when } = "key-expired", "`{name}` is signed by key {key}, which expired on {when}";
    /// A revoked key.
    KeyRevoked { name, key, reason } = "key-revoked", "`{name}` is signed by key {key}, which is revoked: {reason}";
    /// A key without the role.
    KeyRole { name, key, role } = "key-role", "`{name}` is signed by key {key}, which does not have the role `{role}`";
    /// Not the type that is expected here.
    PayloadType { name, found } = "payload-type", "`{name}` holds a payload of type `{found}`, which is not expected here; it is another kind of document";
    /// A statement about something else.
    Subject { name, stated, found } = "subject", "`{name}` is about {stated}, not about this pack, whose digest is {found}";
    /// A statement that names another pack or version than the one with its digest.
    SubjectName { name, stated, found } = "subject-name", "`{name}` calls the pack {stated}, but it is {found}";
    /// A statement from the future.
    FutureDate { name, when } = "future-date", "`{name}` is dated {when}, which is later than now; check the clock of whoever signed";
    /// An expired statement.
    StatementExpired { name, when } = "statement-expired", "`{name}` expired on {when}; ask for a new one";

    /// Nothing is trusted yet.
    NoTrust = "no-trust", "there is no root document here, so nothing is trusted; install one with `palisade trust install`";
    /// No policy.
    NoPolicy = "no-policy", "there is no trust policy here, so every pack is refused; install one with `palisade trust install`";
    /// No revocation list.
    NoRevocations = "no-revocations", "there is no revocation list here, so it is not known what is revoked; install one with `palisade trust install`";
    /// An invalid trust document.
    Document { what, problem } = "document", "the {what} is refused: {problem}";
    /// An expired trust document.
    DocumentExpired { what, when } = "document-expired", "the {what} expired on {when}; whoever answers for it makes the next version (`palisade trust root` or `palisade trust revocations` with --from the one before, or `palisade trust policy`) and signs it with `palisade trust sign`; then install it with `palisade trust install`";
    /// Fewer signatures than asked for.
    Threshold { what, role, found, needed } = "threshold", "the {what} has {found} of the {needed} signatures that role `{role}` must give; who has another of its keys signs it with `palisade trust sign`";
    /// An older version.
    DocumentRollback { what, version, known } = "document-rollback", "the {what} has version {version}, but version {known} was seen here before, and versions only rise; install the newer one, or give yours a `version` above {known} and sign it again";
    /// Another document of the same version.
    DocumentFork { what, version } = "document-fork", "another {what} of version {version} was seen here before; if this is the next one, raise its `version` (in trust.toml, or with --from the document before), make it and sign it again; if nobody changed it, one of the two is forged";
    /// A version was left out.
    DocumentGap { what, version, known } = "document-gap", "the {what} has version {version}, but the one here has {known}; install those between, one after the other";
    /// A time reset for another site or another time.
    ResetElsewhere { stated, found } = "reset-elsewhere", "the time reset takes back {stated}, but this site remembers {found}; it was made for another site or time";
    /// What is on disk is not what was installed.
    TrustChanged { what } = "trust-changed", "the {what} on disk is not the one that was installed; install it again";

    /// No rule of the policy is about the pack.
    NoRule { pack } = "no-rule", "no rule of the trust policy is about `{pack}`, and what no rule is about is refused";
    /// A capability that the policy does not grant.
    CapabilityDenied { capability, pack } = "capability-denied", "the pack asks for `{capability}`, which the rule for `{pack}` does not grant";
    /// Not signed by enough.
    SignaturesMissing { role, found, needed, hint } = "signatures-missing", "the pack has {found} of the {needed} signatures that the policy wants of role `{role}`{hint}";
    /// Not certified by enough.
    CertificateMissing { role, found, needed, hint } = "certificate-missing", "the pack has {found} of the {needed} certificates that the policy wants of role `{role}`{hint}";
    /// A certificate that is too old.
    CertificateOld { name, when, limit } = "certificate-old", "`{name}` was issued on {when}; the policy accepts certificates for {limit} days";
    /// A certificate with a failed or missing check.
    CertificateFailed { name, check } = "certificate-failed", "`{name}` does not say that the check `{check}` was passed";
    /// A certificate for other capabilities.
    CertificateCapabilities { name, stated, found } = "certificate-capabilities", "`{name}` certifies the capabilities {stated}, but the pack asks for {found}";
    /// A certificate by an host that the policy does not accept.
    CertificateHost { name, found, wanted } = "certificate-host", "`{name}` was issued with version {found} of the host; the policy wants {wanted}";
    /// A revoked certificate.
    CertificateRevoked { name, reason } = "certificate-revoked", "`{name}` is revoked: {reason}";
    /// A revoked pack.
    PackRevoked { digest, reason } = "pack-revoked", "pack {digest} is revoked: {reason}";
    /// More secret than the policy takes.
    LabelDenied { label, limit } = "label-denied", "the pack is {label}; the rule accepts up to {limit}";

    /// An older version than the one here.
    VersionRollback { pack, version, known } = "version-rollback", "version {version} of `{pack}` is older than {known}, which was installed before; to go back, install it with --allow-rollback {version}";
    /// Another pack with the same version.
    VersionFork { pack, version } = "version-fork", "another pack was installed as version {version} of `{pack}` before; its vendor must choose a new version";
    /// Another line of versions.
    Lineage { pack, found, known } = "lineage", "`{pack}` continues the line `{found}`, but the installed one is of `{known}`";
    /// New capabilities that nobody accepted.
    CapabilityGained { gained, pack } = "capability-gained", "`{pack}` asks for {gained}, which the installed version does not; look at `palisade pack diff` and install with --accept";
    /// A store holds it as installed, but nobody installed it here.
    NotInstalled { pack } = "not-installed", "`{pack}` was never installed by this site, though the store says so; install it with `palisade pack install`";
    /// A store holds another version as the one that runs than was installed last.
    NotActive { pack, version, active } = "not-active", "the store has version {version} of `{pack}` as the one that runs, but {active} was installed last; install what shall run, or name it as `{pack}@{version}`";
    /// The store does not hold what it should.
    Stored { problem } = "stored", "the store does not give the pack: {problem}";
}
