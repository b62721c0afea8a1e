//! A real server on a port of its own, gone when dropped.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use ws_mock::base::Limits;
use ws_mock::config::{Access, ClockStart, Config, Listen, Play};
use ws_mock::hub::Hub;
use ws_mock::net::Control;
use ws_mock::server::{Server, ServerError, Urls};

/// One running server.
pub(crate) struct TestServer {
    pub(crate) address: SocketAddr,
    pub(crate) urls: Urls,
    stop: Option<oneshot::Sender<()>>,
    running: JoinHandle<Result<(), ServerError>>,
}

impl TestServer {
    /// Starts one that listens on 127.0.0.1.
    pub(crate) fn start(config: &Config, hub: Hub, control: Option<Control>) -> Self {
        let server = Server::bind(config, hub, control).unwrap();
        let (address, urls) = (server.addresses()[0], server.urls().clone());
        let (stop, stopped) = oneshot::channel();
        let running = tokio::spawn(server.run(async move {
            let _ = stopped.await;
        }));
        Self {
            address,
            urls,
            stop: Some(stop),
            running,
        }
    }

    /// Stops it and waits until it has ended.
    pub(crate) async fn stop(mut self) {
        drop(self.stop.take());
        tokio::time::timeout(Duration::from_secs(6), self.running)
            .await
            .unwrap()
            .unwrap()
            .unwrap();
    }
}

/// The hub of a scenario's text.
pub(crate) fn hub(text: &str, limits: Limits) -> Hub {
    let scenario = ws_mock::lang::read_text("test.yaml", text, &ws_mock::lang::NoFiles, &|_| None)
        .unwrap_or_else(|problems| panic!("{problems}"));
    Hub::new(scenario, config(limits).play, limits).unwrap()
}

/// A hub that echoes on these paths.
pub(crate) fn echo_hub(paths: &[&str], limits: Limits) -> Hub {
    let paths = format!("listen: {{ protocol: raw, port: 9001, paths: {paths:?} }}");
    hub(
        &include_str!("echo.yaml").replace("listen: { protocol: raw, port: 9001 }", &paths),
        limits,
    )
}

/// A configuration for tests.
pub(crate) fn config(limits: Limits) -> Config {
    Config {
        listen: Listen {
            host: "127.0.0.1".into(),
            addresses: vec![IpAddr::V4(Ipv4Addr::LOCALHOST)],
            port: 0,
            tls: None,
            ready_file: None,
        },
        play: Play {
            seed: 1,
            clock: ClockStart::Real,
            counts: Vec::new(),
            timers: Vec::new(),
            timers_run: true,
            strict: false,
            faults: Vec::new(),
        },
        access: Access {
            control: true,
            ..Access::default()
        },
        limits,
    }
}
