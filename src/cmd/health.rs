//! `ws-mock health`: asks a running server whether it is well, for containers and scripts.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::Context;
use hyper::Uri;

use super::serve::addresses;
use super::{Usage, env};
use crate::cli;
use crate::disk::load;

/// For each step: connecting, asking, and each part of the answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// An answer that is longer does not come from ws-mock.
const MAX_ANSWER: u64 = 64 << 10;

pub(super) fn run(args: &cli::HealthArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    let (host, port) = match (&args.url, args.port) {
        (Some(url), _) => server(url)?,
        (None, Some(port)) => ("localhost".to_owned(), port),
        (None, None) => {
            let scenario = load(&args.scenario, &env)?;
            ("localhost".to_owned(), scenario.listen.port)
        }
    };
    let answer = ask(&host, port).with_context(|| format!("no answer from {host}:{port}"))?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
    let status = head.split(' ').nth(1).unwrap_or_default();
    // Under `--ssl-only` a plain request is refused, by a server that is up.
    if status == "200" || body.contains("TLS_REQUIRED") {
        writeln!(out, "{host}:{port} is up")?;
        return Ok(());
    }
    anyhow::bail!("{host}:{port} is not healthy: status `{status}`");
}

/// The host and the port of a URL.
fn server(url: &str) -> Result<(String, u16), Usage> {
    let wrong = || {
        Usage::new(format!("`{url}` is not the URL of a server"))
            .hint("use scheme, host and port: `http://localhost:10009`")
    };
    let uri: Uri = url.parse().map_err(|_| wrong())?;
    let default = match uri.scheme_str() {
        Some("http" | "ws") => 80,
        Some("https" | "wss") => 443,
        _ => return Err(wrong()),
    };
    let host = uri
        .host()
        .filter(|host| !host.is_empty())
        .ok_or_else(wrong)?;
    Ok((host.to_owned(), uri.port_u16().unwrap_or(default)))
}

/// Asks in plain HTTP, which is answered on a TLS port as well.
fn ask(host: &str, port: u16) -> anyhow::Result<String> {
    let mut tcp = connect(&addresses(host)?, port)?;
    tcp.set_read_timeout(Some(PATIENCE))?;
    tcp.set_write_timeout(Some(PATIENCE))?;
    write!(
        tcp,
        "GET /__mock/health HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n"
    )?;
    let mut answer = Vec::new();
    tcp.take(MAX_ANSWER).read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

fn connect(addresses: &[IpAddr], port: u16) -> anyhow::Result<TcpStream> {
    let mut failed = anyhow::anyhow!("the host has no address");
    for address in addresses {
        match TcpStream::connect_timeout(&SocketAddr::new(*address, port), PATIENCE) {
            Ok(tcp) => return Ok(tcp),
            Err(error) => failed = error.into(),
        }
    }
    Err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_have_a_host_and_a_port() {
        for (url, expected) in [
            ("http://localhost:9001", Some(("localhost", 9001))),
            ("wss://mock.test/ws", Some(("mock.test", 443))),
            ("http://[::1]:8080/__mock/", Some(("[::1]", 8080))),
            ("localhost:9001", None),
            ("ftp://x", None),
            ("9001", None),
        ] {
            let found = server(url).ok();
            let found = found.as_ref().map(|(host, port)| (host.as_str(), *port));
            assert_eq!(found, expected, "{url}");
        }
    }
}
