//! A certificate chain and its key, from files to what rustls serves with.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{CipherSuite, ServerConfig};
use tokio_rustls::TlsAcceptor;

use super::stream::Security;
use crate::config::Tls;
use crate::disk;

/// Bytes in a chain or a key.
const MAX_PEM: usize = 1 << 20;

/// Why TLS cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The chain.
    #[error("certificate `{}` cannot be read: {cause}; hint: a PEM file, given with `--cert`", path.display())]
    Cert {
        /// Where it was looked for.
        path: PathBuf,
        /// What went wrong.
        cause: String,
    },
    /// The key.
    #[error("key `{}` cannot be read: {cause}; hint: a PEM file, given with `--key`", path.display())]
    Key {
        /// Where it was looked for.
        path: PathBuf,
        /// What went wrong.
        cause: String,
    },
    /// Both can be read but are of no use.
    #[error("certificate `{}` and its key cannot be used: {cause}", path.display())]
    Unfit {
        /// The chain.
        path: PathBuf,
        /// What went wrong.
        cause: rustls::Error,
    },
}

/// What the port takes under this configuration.
pub fn security(tls: Option<&Tls>) -> Result<Security, TlsError> {
    let Some(tls) = tls else {
        return Ok(Security::Plain);
    };
    let acceptor = TlsAcceptor::from(Arc::new(server_config(tls)?));
    Ok(if tls.only {
        Security::Only(acceptor)
    } else {
        Security::Both(acceptor)
    })
}

fn server_config(tls: &Tls) -> Result<ServerConfig, TlsError> {
    let unfit = |cause| TlsError::Unfit {
        path: tls.cert.clone(),
        cause,
    };
    // The first is what browsers want, and its hash is the one that processors know: it takes a tenth from a handshake.
    let mut provider = rustls::crypto::ring::default_provider();
    provider
        .cipher_suites
        .sort_by_key(|suite| suite.suite() != CipherSuite::TLS13_AES_128_GCM_SHA256);
    let provider = Arc::new(provider);
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(unfit)?
        .with_no_client_auth()
        .with_single_cert(chain(&tls.cert)?, key(&tls.key)?)
        .map_err(unfit)?;
    config.ignore_client_order = true;
    // Clients come back on one; each costs time in every handshake.
    config.send_tls13_tickets = 1;
    // With its head and its tag a record fits into 8 KiB: the allocator has such memory warm, larger only cold.
    config.max_fragment_size = Some(8000);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

fn chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let wrong = |cause| TlsError::Cert {
        path: path.to_owned(),
        cause,
    };
    let pem = disk::read(path, MAX_PEM).map_err(wrong)?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let chain = chain.map_err(|error| wrong(error.to_string()))?;
    if chain.is_empty() {
        return Err(wrong("there is no certificate in it".to_owned()));
    }
    Ok(chain)
}

fn key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    disk::read(path, MAX_PEM)
        .and_then(|pem| PrivateKeyDer::from_pem_slice(&pem).map_err(|error| error.to_string()))
        .map_err(|cause| TlsError::Key {
            path: path.to_owned(),
            cause,
        })
}
