//! What is prepared once: a folder, a certificate for everybody's TLS, the peers' packages, room for many sockets.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use rustls::client::Resumption;
use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};
use tempfile::TempDir;
use tokio_rustls::TlsConnector;

use crate::servers::Server;

/// Where things are.
pub(crate) struct Setup {
    folder: TempDir,
    connector: TlsConnector,
    peers: PathBuf,
    ws_mock: PathBuf,
    sockets: u64,
}

impl Setup {
    /// Makes the folder and, in it, a P-256 certificate that its clients trust.
    pub(crate) fn new(ws_mock: &Path) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
        std::fs::write(folder.path().join("cert.pem"), made.cert.pem())?;
        std::fs::write(
            folder.path().join("cert.key"),
            made.signing_key.serialize_pem(),
        )?;
        let mut roots = RootCertStore::empty();
        roots.add(made.cert.der().clone())?;
        let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        // Every client is a new one, and a new one has no ticket.
        config.resumption = Resumption::disabled();
        Ok(Self {
            folder,
            connector: TlsConnector::from(Arc::new(config)),
            peers: Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peers"),
            ws_mock: ws_mock.to_owned(),
            sockets: rlimit::increase_nofile_limit(u64::MAX)
                .context("raising the limit of files")?,
        })
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn certificate(&self) -> PathBuf {
        self.folder().join("cert.pem")
    }

    pub(crate) fn key(&self) -> PathBuf {
        self.folder().join("cert.key")
    }

    pub(crate) fn connector(&self) -> TlsConnector {
        self.connector.clone()
    }

    /// The folder of the Node and Python peers.
    pub(crate) fn peers(&self) -> &Path {
        &self.peers
    }

    /// `ws-mock serve stations` on a free port, as somebody who has just installed it would have it.
    pub(crate) fn ws_mock(&self, ready_file: &Path) -> Command {
        let mut command = Command::new(&self.ws_mock);
        command
            .args(["serve", "stations", "--port", "0", "--seed", "1"])
            .arg("--ready-file")
            .arg(ready_file)
            .current_dir(self.folder())
            .env("HOME", self.folder())
            .env("XDG_DATA_HOME", self.folder().join("data"));
        command
    }

    /// Refuses a number of connections for which there are no file descriptors.
    pub(crate) fn check_room(&self, connections: usize) -> Result<()> {
        let room = self.sockets.saturating_sub(100) as usize;
        ensure!(
            connections <= room,
            "`{connections}` connections at once, the limit of open files allows `{room}`; \
             hint: raise the hard limit (`ulimit -Hn`), or ask for fewer"
        );
        Ok(())
    }

    /// Installs the packages that a peer needs, if they are not there.
    pub(crate) fn install(&self, server: Server) -> Result<()> {
        let (name, there) = match server {
            Server::Node => ("node", "node/node_modules/ws/package.json"),
            Server::Python => ("python", "python/.venv/bin/python"),
            Server::WsMock | Server::Tungstenite | Server::Codec => return Ok(()),
        };
        if self.peers.join(there).exists() {
            return Ok(());
        }
        let status = Command::new(self.peers.join("setup.sh"))
            .arg(name)
            .status()?;
        ensure!(
            status.success(),
            "the peer `{name}` cannot be had, see above"
        );
        Ok(())
    }
}
