//! A certificate chain and its key, from files to a TLS acceptor.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{CipherSuite, ServerConfig};
use tokio_rustls::TlsAcceptor;

use super::stream::Security;
use crate::config::Tls;
use crate::disk;

/// Bytes of a file with a chain or a key.
const MAX_PEM: usize = 1 << 20;

#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("certificate `{}` cannot be read: {cause}; hint: a PEM file, given with `--cert`", path.display())]
    Cert { path: PathBuf, cause: String },
    #[error("key `{}` cannot be read: {cause}; hint: a PEM file, given with `--key`", path.display())]
    Key { path: PathBuf, cause: String },
    #[error("certificate `{}` and its key cannot be used: {cause}", path.display())]
    Unfit { path: PathBuf, cause: rustls::Error },
}

/// The protocols that the port accepts under this configuration.
pub fn security(tls: Option<&Tls>) -> Result<Security, TlsError> {
    let Some(tls) = tls else {
        return Ok(Security::Plain);
    };
    let acceptor = TlsAcceptor::from(Arc::new(server_config(tls)?));
    Ok(if tls.only {
        Security::TlsOnly(acceptor)
    } else {
        Security::Both(acceptor)
    })
}

fn server_config(tls: &Tls) -> Result<ServerConfig, TlsError> {
    let unfit = |cause| TlsError::Unfit {
        path: tls.cert.clone(),
        cause,
    };
    // The suite that browsers prefer. Processors have instructions for its hash, which saves a tenth of a handshake.
    let mut provider = rustls::crypto::ring::default_provider();
    provider
        .cipher_suites
        .sort_by_key(|suite| suite.suite() != CipherSuite::TLS13_AES_128_GCM_SHA256);
    let mut config = ServerConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()
        .map_err(unfit)?
        .with_no_client_auth()
        .with_single_cert(chain(&tls.cert)?, key(&tls.key)?)
        .map_err(unfit)?;
    config.ignore_client_order = true;
    // A client resumes with one ticket; each costs time in every handshake.
    config.send_tls13_tickets = 1;
    // With head and tag such a record fits into 8 KiB, which the allocator has in warm memory.
    config.max_fragment_size = Some(8000);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

fn chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let chain = disk::read(path, MAX_PEM).and_then(|pem| {
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
        match chain {
            Ok(chain) if chain.is_empty() => Err("there is no certificate in it".to_owned()),
            chain => chain.map_err(|error| error.to_string()),
        }
    });
    let path = path.to_owned();
    chain.map_err(|cause| TlsError::Cert { path, cause })
}

fn key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let key = disk::read(path, MAX_PEM)
        .and_then(|pem| PrivateKeyDer::from_pem_slice(&pem).map_err(|error| error.to_string()));
    let path = path.to_owned();
    key.map_err(|cause| TlsError::Key { path, cause })
}
