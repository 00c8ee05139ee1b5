//! What goes wrong with a registry.

use oci_client::errors::OciDistributionError;

/// Why something could not be pushed to or pulled from a registry.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// Text that names no artifact.
    #[error("`{text}` names no artifact: {problem}; write HOST[:PORT]/NAME[:TAG][@sha256:DIGEST]")]
    Reference {
        /// What was written.
        text: String,
        /// What is wrong.
        problem: String,
    },
    /// The client cannot be set up.
    #[error("cannot set up the connection to registries: {0}")]
    Setup(String),
    /// The registry does not answer, or refuses.
    #[error("cannot {what} at {registry}: {}", reason(source))]
    Registry {
        /// What was being done.
        what: String,
        /// Host and port.
        registry: String,
        /// Its answer.
        #[source]
        source: Box<OciDistributionError>,
    },
    /// The registry sent something else than what was asked for.
    #[error(
        "{what} at {registry} is not what it claims: asked for {expected}, got {found}; do not use it"
    )]
    Digest {
        /// What was pulled.
        what: String,
        /// Host and port.
        registry: String,
        /// The digest or size that was asked for.
        expected: String,
        /// What came.
        found: String,
    },
    /// Something is larger than what is accepted.
    #[error("{what} at {registry} has {size} bytes; at most {limit} are accepted")]
    TooLarge {
        /// What it is.
        what: String,
        /// Host and port.
        registry: String,
        /// Its size, claimed or real.
        size: u64,
        /// The limit.
        limit: u64,
    },
    /// Something takes too long.
    #[error(
        "cannot {what} at {registry}: it sends too slowly, less than is accepted in {} s; try again, or ask whoever runs it", .limit.as_secs()
    )]
    Slow {
        /// What was being done.
        what: String,
        /// Host and port.
        registry: String,
        /// The time in which more should have come.
        limit: std::time::Duration,
    },
    /// There are more referrers or layers than what is accepted.
    #[error("{what} at {registry} lists {count} entries; at most {limit} are accepted")]
    TooMany {
        /// What lists them.
        what: String,
        /// Host and port.
        registry: String,
        /// How many.
        count: usize,
        /// The limit.
        limit: usize,
    },
    /// A manifest that is not an artifact's.
    #[error("{what} at {registry} is not an artifact: {problem}")]
    Manifest {
        /// What was pulled.
        what: String,
        /// Host and port.
        registry: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A local file cannot be read or written.
    #[error("cannot {what}: {source}")]
    File {
        /// What was being done.
        what: &'static str,
        /// Why not.
        source: std::io::Error,
    },
}

impl RegistryError {
    /// Whether the registry says that it has no such thing.
    pub(crate) fn is_absent(&self) -> bool {
        matches!(self, RegistryError::Registry { source, .. }
            if matches!(**source, OciDistributionError::ImageManifestNotFoundError(_)))
    }

    /// Whether the same call may go through later: the connection broke, or the registry is busy.
    pub fn may_pass(&self) -> bool {
        match self {
            RegistryError::Registry { source, .. } => match &**source {
                OciDistributionError::RequestError(error) => {
                    error.status().is_none_or(|status| passes(status.as_u16()))
                }
                OciDistributionError::IoError(_) => true,
                OciDistributionError::ServerError { code, .. } => passes(*code),
                _ => false,
            },
            RegistryError::Slow { .. } => true,
            _ => false,
        }
    }
}

const LOG_IN: &str = "it does not let you in; log in with `docker login` or `podman login`";

/// Whether a status says that the registry is busy or broken rather than that it refuses.
fn passes(status: u16) -> bool {
    status >= 500 || status == 429
}

/// The registry's answer with what to do about it, all causes in one line: the outermost
/// error of a refused connection says only that a request failed.
fn reason(error: &OciDistributionError) -> String {
    let mut text = match error {
        OciDistributionError::UnauthorizedError { .. }
        | OciDistributionError::AuthenticationFailure(_) => LOG_IN.to_owned(),
        OciDistributionError::RequestError(error)
            if error.status().is_some_and(|s| s.as_u16() == 401) =>
        {
            LOG_IN.to_owned()
        }
        OciDistributionError::ImageManifestNotFoundError(_) => "it is not there".to_owned(),
        OciDistributionError::RequestError(error) if error.is_connect() => {
            format!("{error}; check host and port, and that it runs")
        }
        other => other.to_string(),
    };
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text.push_str(": ");
            text.push_str(&inner_text);
        }
        cause = inner.source();
    }
    text
}
