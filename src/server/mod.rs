//! One running server, put together from its parts: sockets, hub and control API.

mod run;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::{Access, Config, Listen};
use crate::hub::Hub;
use crate::net::access::Rules;
use crate::net::listener::{self, BindError};
use crate::net::tls::{self, TlsError};
use crate::net::{Control, Net, Sessions, descriptors};

pub use run::{Reload, run};

/// How long connections have to end once the server stops.
const FAREWELL: Duration = Duration::from_secs(5);

/// Why a server cannot run.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The port.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The certificate.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The ready file.
    #[error("ready file `{}` cannot be written: {cause}", path.display())]
    Ready {
        /// Where it should be.
        path: PathBuf,
        /// What the system says.
        cause: io::Error,
    },
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

/// Where a server is found.
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
    /// Listens as configured. The file descriptors that the system allows are raised first, and told.
    pub fn bind(config: &Config, hub: Hub, control: Option<Control>) -> Result<Self, ServerError> {
        let security = tls::security(config.listen.tls.as_ref())?;
        let listeners = listener::bind(&config.listen.addresses, config.listen.port)?;
        let addresses: Vec<_> = listeners
            .iter()
            .filter_map(|listener| listener.local_addr().ok())
            .collect();
        let port = addresses
            .first()
            .map_or(config.listen.port, SocketAddr::port);
        let scenario = hub.scenario();
        let path = scenario.listen.paths.first().map_or("/", String::as_str);
        let most_sockets = most_sockets(config.limits.connections);
        let net = Net {
            rules: rules(&config.listen, &config.access),
            hub,
            control: control.filter(|_| config.access.control),
            security,
            shutdown: CancellationToken::new(),
            tasks: TaskTracker::new(),
            most_sockets,
            sockets: AtomicUsize::new(0),
            sessions: Sessions::default(),
            peers: AtomicUsize::new(0),
        };
        Ok(Self {
            listeners,
            addresses,
            urls: Urls::new(&config.listen, port, path),
            ready_file: config.listen.ready_file.clone(),
            net: Arc::new(net),
        })
    }

    /// The addresses it listens on.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// The port, the same on all addresses.
    pub fn port(&self) -> u16 {
        self.addresses.first().map_or(0, SocketAddr::port)
    }

    /// Where it is found.
    pub fn urls(&self) -> &Urls {
        &self.urls
    }

    /// Accepts connections until `shutdown` comes, then closes them all; ends within five seconds of it.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> Result<(), ServerError> {
        let (net, port) = (self.net.clone(), self.port());
        for listener in self.listeners {
            net.tasks.spawn(listener::accept(listener, net.clone()));
        }
        if let Some(path) = self.ready_file
            && let Err(cause) = write_ready(&path, port, &self.urls)
        {
            net.shutdown.cancel();
            return Err(ServerError::Ready { path, cause });
        }
        shutdown.await;
        net.shutdown.cancel();
        net.tasks.close();
        if timeout(FAREWELL, net.tasks.wait()).await.is_err() {
            tracing::warn!(
                left = net.tasks.len(),
                "connections that did not end in time are dropped"
            );
        }
        Ok(())
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

/// A connection needs a descriptor; what is asked for beyond what the system gives is told at start.
fn most_sockets(wanted: usize) -> usize {
    let Some(allowed) = descriptors::raise() else {
        return usize::MAX;
    };
    if allowed < wanted {
        tracing::info!(
            allowed,
            wanted,
            "file descriptors allow fewer connections; hint: `ulimit -n` raises their number"
        );
    }
    allowed
}

/// Written beside its place and renamed, so that whoever sees it sees all of it.
fn write_ready(path: &Path, port: u16, urls: &Urls) -> io::Result<()> {
    let ready = serde_json::json!({
        "pid": std::process::id(),
        "port": port,
        "ws": urls.ws,
        "http": urls.http,
        "control": urls.control,
    });
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}", std::process::id()));
    let beside = path.with_file_name(name);
    std::fs::write(&beside, format!("{ready}\n"))?;
    std::fs::rename(&beside, path)
}
