//! One running mock: its scenario's file, its control API, its process.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::process;
use crate::ready;

const SCENARIO: &str = include_str!("soak.yaml");
/// Longer than any answer may take, faults included.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
/// Looks at the open file descriptors, and the time between two.
const LOOKS: usize = 20;
const BETWEEN_LOOKS: Duration = Duration::from_millis(10);

/// What the clients of a mock speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    Json,
    SocketIo,
}

/// A mock that runs until this is dropped.
pub(crate) struct Mock {
    pub(crate) dialect: Dialect,
    pub(crate) address: SocketAddr,
    child: Child,
    file: PathBuf,
    edition: AtomicU64,
}

impl Mock {
    pub(crate) fn start(program: &Path, folder: &Path, dialect: Dialect) -> Result<Self> {
        let name = match dialect {
            Dialect::Json => "json",
            Dialect::SocketIo => "socketio",
        };
        let (file, ready_file) = (
            folder.join(format!("{name}.yaml")),
            folder.join(format!("{name}.ready")),
        );
        fs::write(&file, scenario(dialect, 1))?;
        let mut child = Command::new(program)
            .arg("serve")
            .arg(&file)
            .args(["--port", "0", "--host", "127.0.0.1", "-q", "--ready-file"])
            .arg(&ready_file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(folder.join(format!("{name}.log")))?)
            .spawn()
            .context("starting ws-mock")?;
        let port = ready::port_in_file(&ready_file, &mut child)?;
        Ok(Self {
            dialect,
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
            child,
            file,
            edition: AtomicU64::new(1),
        })
    }

    /// Saves the scenario as its next edition.
    pub(crate) fn reload(&self) -> Result<()> {
        let edition = self.edition.fetch_add(1, Ordering::Relaxed) + 1;
        self.save(&scenario(self.dialect, edition))
    }

    /// Saves a scenario that is none: the one that plays goes on.
    pub(crate) fn spoil(&self) -> Result<()> {
        self.save("scenario: soak\nlisten: { port: none }\n")
    }

    fn save(&self, text: &str) -> Result<()> {
        let draft = self.file.with_extension("draft");
        fs::write(&draft, text)?;
        fs::rename(draft, &self.file)?;
        Ok(())
    }

    /// Bytes of memory.
    pub(crate) fn memory(&self) -> Result<u64> {
        process::memory(self.child.id())
    }

    /// Open file descriptors, the fewest of several looks: the socket of the last question may still be closing.
    pub(crate) async fn descriptors(&self) -> Result<usize> {
        let mut fewest = usize::MAX;
        for _ in 0..LOOKS {
            let open = fs::read_dir(format!("/proc/{}/fd", self.child.id()))?.count();
            fewest = fewest.min(open);
            tokio::time::sleep(BETWEEN_LOOKS).await;
        }
        Ok(fewest)
    }

    /// A request of the control API that has to succeed.
    pub(crate) async fn control(&self, method: &str, path: &str, body: &str) -> Result<String> {
        let answer = http(self.address, method, &format!("/__mock/{path}"), body).await?;
        ensure!(
            answer.status < 300,
            "{method} {path} {body}: {} {}",
            answer.status,
            answer.body
        );
        Ok(answer.body)
    }

    pub(crate) async fn items(&self, path: &str) -> Result<Vec<Value>> {
        let json: Value = serde_json::from_str(&self.control("GET", path, "").await?)?;
        let items = json["items"].as_array();
        Ok(items
            .with_context(|| format!("{path} has no items"))?
            .clone())
    }

    pub(crate) async fn figures(&self) -> Result<Figures> {
        let text = self.control("GET", "metrics", "").await?;
        let last = self.items("journal?limit=1").await?;
        let figure = |name: &str| -> u64 {
            let lines = text.lines().filter_map(|line| line.strip_prefix(name));
            lines
                .filter_map(|rest| rest.strip_prefix(' '))
                .filter_map(|value| value.parse::<u64>().ok())
                .sum()
        };
        Ok(Figures {
            open: figure("ws_mock_connections_open"),
            connections: figure("ws_mock_connections_total"),
            received: figure("ws_mock_messages_received_total"),
            sent: figure("ws_mock_messages_sent_total"),
            waiting: figure("ws_mock_mailbox_frames"),
            limited: figure(r#"ws_mock_limits_hit_total{limit="messages_per_second"}"#),
            invalid: figure(r#"ws_mock_errors_total{code="INVALID_JSON"}"#),
            journalled: last
                .first()
                .and_then(|entry| entry["seq"].as_u64())
                .unwrap_or(0),
        })
    }
}

impl Drop for Mock {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a mock has counted.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Figures {
    pub(crate) open: u64,
    pub(crate) connections: u64,
    pub(crate) received: u64,
    pub(crate) sent: u64,
    pub(crate) waiting: u64,
    pub(crate) limited: u64,
    pub(crate) invalid: u64,
    pub(crate) journalled: u64,
}

fn scenario(dialect: Dialect, edition: u64) -> String {
    let (listen, messages) = match dialect {
        Dialect::Json => (
            "{ port: 9100, tls: false, paths: [/ws], heartbeat: { every: 2s, timeout: 4s } }",
            r#"{ name: "${ message.action }", error: { id: "${ message.id }", error: "${ error.code }" } }"#,
        ),
        Dialect::SocketIo => (
            "{ port: 9101, tls: false, protocol: socket.io, paths: [/socket.io/], heartbeat: { every: 2s, timeout: 4s } }",
            r#"{ error: { id: "${ message.id }", error: "${ error.code }" } }"#,
        ),
    };
    SCENARIO
        .replace("EDITION", &edition.to_string())
        .replace("LISTEN", listen)
        .replace("MESSAGES", messages)
}

/// An answer over HTTP.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

/// One request, on a connection of its own.
pub(crate) async fn http(
    address: SocketAddr,
    method: &str,
    target: &str,
    body: &str,
) -> Result<Answer> {
    let kind = if target.starts_with("/__mock/") && !body.is_empty() {
        "content-type: application/json\r\n"
    } else {
        ""
    };
    let request = format!(
        "{method} {target} HTTP/1.1\r\nhost: {address}\r\n{kind}content-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    let exchange = async {
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        anyhow::Ok(String::from_utf8(answer)?)
    };
    let answer = timeout(PATIENCE, exchange)
        .await
        .with_context(|| format!("{method} {target}: no answer"))??;
    let (head, body) = answer.split_once("\r\n\r\n").context("no head")?;
    Ok(Answer {
        status: head.get(9..12).context("no status")?.parse()?,
        body: body.to_owned(),
    })
}
