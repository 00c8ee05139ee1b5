//! TLS, by rustls with ring, as everywhere in this program.

use std::path::Path;
use std::sync::Arc;

use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::secret::closed;

/// The largest file of certificates.
const MAX_PEM: u64 = 1 << 20;

/// A field, and what is wrong with it.
type Wrong = (String, String);

fn certificates(field: &str, path: &Path) -> Result<Vec<CertificateDer<'static>>, Wrong> {
    let wrong = |problem: String| (field.to_owned(), problem);
    let bytes = palisade_private::read_private(path, MAX_PEM);
    let bytes = bytes.map_err(|error| wrong(error.to_string()))?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) => Err(wrong(format!(
            "{} has no certificate in PEM",
            path.display()
        ))),
        Err(error) => Err(wrong(format!("{}: {error}", path.display()))),
    }
}

/// What a listener speaks.
///
/// # Errors
/// The field that is wrong, and why.
pub(crate) fn acceptor(cert: &Path, key: &Path) -> Result<TlsAcceptor, Wrong> {
    let chain = certificates("tls_cert", cert)?;
    let wrong = |problem: String| ("tls_key".to_owned(), problem);
    let bytes = closed(key, MAX_PEM).map_err(wrong)?;
    let parsed = PrivateKeyDer::from_pem_slice(&bytes);
    let parsed = parsed.map_err(|error| wrong(format!("{}: {error}", key.display())))?;
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| wrong(error.to_string()))?
        .with_no_client_auth()
        .with_single_cert(chain, parsed);
    let mut config = config.map_err(|error| wrong(error.to_string()))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// What a broker is spoken to with.
///
/// # Errors
/// The field that is wrong, and why.
pub(crate) fn connector(ca: &Path) -> Result<TlsConnector, Wrong> {
    let wrong = |problem: String| ("ca_file".to_owned(), problem);
    let mut roots = RootCertStore::empty();
    for certificate in certificates("ca_file", ca)? {
        let added = roots.add(certificate);
        added.map_err(|error| wrong(error.to_string()))?;
    }
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| wrong(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}
