//! One running server, put together from its parts: sockets, hub and control API.

mod ready;
mod run;
mod stop;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::time::timeout;

use crate::config::{Access, Config, Listen};
use crate::hub::Hub;
use crate::net::access::Rules;
use crate::net::listener::{self, BindError, Bound};
use crate::net::stream::Security;
use crate::net::tls::{self, TlsError};
use crate::net::{Control, Net, descriptors};

pub use run::{Reload, prepare, run};
pub use stop::stop_token;

/// How long open connections have to close. A server ends within five seconds, all included.
const CLOSE_TIME: Duration = Duration::from_millis(4500);

#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    #[error(transparent)]
    Bind(#[from] BindError),
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error("ready file `{}` cannot be written: {cause}", path.display())]
    Ready { path: PathBuf, cause: io::Error },
}

/// A server's port and certificate, taken before data is made, because that may take long and these may fail.
pub struct Claim {
    bound: Bound,
    security: Security,
}

impl Claim {
    /// Removes the ready file of an earlier run as well: only the owner of the port may.
    pub fn new(listen: &Listen) -> Result<Self, ServerError> {
        let claim = Claim {
            security: tls::security(listen.tls.as_ref())?,
            bound: listener::bind(&listen.addresses, listen.port)?,
        };
        if let Some(path) = &listen.ready_file {
            ready::remove(path)?;
        }
        Ok(claim)
    }
}

/// A server that listens but does not accept yet.
#[derive(Debug)]
pub struct Server {
    listeners: Vec<TcpListener>,
    addresses: Vec<SocketAddr>,
    urls: Urls,
    ready_file: Option<PathBuf>,
    net: Arc<Net>,
}

/// The URLs of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Urls {
    /// `wss://localhost:10009/ws`
    pub ws: String,
    /// `https://localhost:10009`
    pub http: String,
    /// `https://localhost:10009/__mock/`
    pub control: String,
}

impl Server {
    /// Raises the limit of open files, too, and logs if it allows fewer connections than configured.
    pub fn new(
        claim: Claim,
        config: &Config,
        hub: Hub,
        control: Option<Control>,
    ) -> Result<Self, ServerError> {
        let listeners = claim.bound.listen()?;
        let addresses: Vec<_> = listeners
            .iter()
            .filter_map(|listener| listener.local_addr().ok())
            .collect();
        let port = addresses
            .first()
            .map_or(config.listen.port, SocketAddr::port);
        let scenario = hub.scenario();
        let path = scenario.listen.paths.first().map_or("/", String::as_str);
        let max_sockets = most_sockets(hub.limits().connections);
        let net = Net::new(
            hub,
            rules(&config.listen, &config.access),
            control.filter(|_| config.access.control),
            claim.security,
            max_sockets,
        );
        Ok(Self {
            listeners,
            addresses,
            urls: Urls::new(&config.listen, port, path),
            ready_file: config.listen.ready_file.clone(),
            net: Arc::new(net),
        })
    }

    pub fn bind(config: &Config, hub: Hub, control: Option<Control>) -> Result<Self, ServerError> {
        Self::new(Claim::new(&config.listen)?, config, hub, control)
    }

    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// The port, the same on all addresses.
    pub fn port(&self) -> u16 {
        self.addresses.first().map_or(0, SocketAddr::port)
    }

    pub fn urls(&self) -> &Urls {
        &self.urls
    }

    /// Accepts connections and writes the ready file. Nothing can fail after that.
    pub fn accept(self) -> Result<Accepting, ServerError> {
        let port = self.port();
        let accepting = Accepting(self.net);
        for listener in self.listeners {
            let accept = listener::accept(listener, accepting.0.clone());
            accepting.0.tasks.spawn(accept);
        }
        if let Some(path) = &self.ready_file {
            ready::write(path, port, &self.urls)?;
        }
        Ok(accepting)
    }

    /// Accepts connections until `shutdown`, then closes them.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> Result<(), ServerError> {
        let accepting = self.accept()?;
        shutdown.await;
        accepting.close().await;
        Ok(())
    }
}

/// A server that accepts connections until it is dropped.
pub struct Accepting(Arc<Net>);

impl Accepting {
    /// Closes all connections, and drops those that do not close in time.
    pub async fn close(self) {
        let net = &self.0;
        net.shutdown.cancel();
        net.tasks.close();
        if timeout(CLOSE_TIME, net.tasks.wait()).await.is_err() {
            tracing::warn!(
                left = net.tasks.len(),
                "some connections did not close in time and are dropped"
            );
        }
    }
}

impl Drop for Accepting {
    fn drop(&mut self) {
        self.0.shutdown.cancel();
    }
}

impl Urls {
    fn new(listen: &Listen, port: u16, path: &str) -> Self {
        let host = match listen.host.parse::<IpAddr>() {
            Ok(ip) if ip.is_unspecified() => "localhost".to_owned(),
            Ok(IpAddr::V6(ip)) => format!("[{ip}]"),
            _ => listen.host.clone(),
        };
        let s = if listen.tls.is_some() { "s" } else { "" };
        let http = format!("http{s}://{host}:{port}");
        Self {
            ws: format!("ws{s}://{host}:{port}{path}"),
            control: format!("{http}/__mock/"),
            http,
        }
    }
}

fn rules(listen: &Listen, access: &Access) -> Rules {
    let mut names: Vec<_> = access
        .hosts
        .iter()
        .map(|name| name.to_lowercase())
        .collect();
    names.push(listen.host.to_lowercase());
    if !listen.addresses.iter().all(IpAddr::is_loopback)
        && let Ok(name) = sysinfo::System::host_name()
    {
        let name = name.to_lowercase();
        names.push(format!("{name}.local"));
        names.push(name);
    }
    Rules {
        addresses: listen.addresses.clone(),
        names,
        origins: access.origins.clone(),
        control_origins: access.control_origins.clone(),
    }
}

/// The number of sockets that the system allows: each needs a file descriptor.
fn most_sockets(wanted: usize) -> usize {
    let Some(allowed) = descriptors::raise() else {
        return usize::MAX;
    };
    if allowed < wanted {
        tracing::info!(
            allowed,
            wanted,
            "the limit of open files allows fewer connections; hint: raise it with `ulimit -n`"
        );
    }
    allowed
}
