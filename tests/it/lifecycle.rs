//! How a server starts, reloads and stops, as its process shows it.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::support::binary::{Binary, exit_code};
use crate::support::raw::Raw;

/// Longer than a start takes.
const LONG: Duration = Duration::from_secs(20);
/// What a stop may take.
const STOP: Duration = Duration::from_secs(5);

fn ws_mock() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ws-mock"));
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// `ws-mock serve` on a free port of 127.0.0.1.
fn serve(line: &str) -> Command {
    let mut command = ws_mock();
    command.args(["serve", "--host", "127.0.0.1", "--port", "0"]);
    command.args(line.split_whitespace());
    command
}

/// Reads lines until one has `part` in it.
fn read_until(from: &mut impl BufRead, part: &str) -> String {
    let mut read = String::new();
    loop {
        let start = read.len();
        assert!(
            from.read_line(&mut read).unwrap() > 0,
            "no `{part}`: {read}"
        );
        if read[start..].contains(part) {
            return read[start..].to_owned();
        }
    }
}

/// All that a process still writes.
fn rest(mut from: impl Read) -> String {
    let mut text = String::new();
    from.read_to_string(&mut text).unwrap();
    text
}

/// Data that takes minutes to make.
const ENDLESS: &str = "--count stations=10000000";

#[cfg(unix)]
#[test]
fn signals_stop_a_server_that_makes_data() {
    use crate::support::binary::signal;

    let start = |name| {
        (
            name,
            serve(&format!("stations --no-ssl {ENDLESS}"))
                .spawn()
                .unwrap(),
        )
    };
    // Started together, because each makes data for seconds before it says so.
    for (name, mut child) in ["TERM", "INT", "HUP"].map(start) {
        let mut log = BufReader::new(child.stderr.take().unwrap());
        read_until(&mut log, "still making data");
        signal(&child, name);
        assert_eq!(exit_code(&mut child, STOP), Some(0), "{name}");
        assert_eq!(rest(child.stdout.take().unwrap()), "", "{name}");
    }
}

const TICKING: &str = r#"
scenario: ticking
listen: { tls: false, port: 4000 }
data:
  things: { count: 3, key: id, item: { id: "${ n }", name: "${ fake('name') }" } }
timers:
  tick: { every: 20ms, do: [ { log: tick } ] }
"#;

#[cfg(unix)]
#[tokio::test]
async fn timers_and_signals_are_heard_during_a_reload() {
    let options = ["--host", "127.0.0.1", "--port", "0", "-v"];
    let mut binary = Binary::serve(
        Command::new(env!("CARGO_BIN_EXE_ws-mock")),
        TICKING,
        &options,
    );
    let mut client = Raw::open(binary.address, "/").await;
    fs::write(&binary.file, TICKING.replace("count: 3", "count: 10000000")).unwrap();
    binary.line(&["reloading the scenario"]).await;
    let ticks = |log: Vec<String>| log.iter().filter(|line| line.contains(" tick")).count();
    let before = ticks(binary.log());
    let more = || (ticks(binary.log()) > before + 2).then_some(());
    binary.until(more, || "a timer's turn".to_owned()).await;
    binary.signal("TERM");
    client.expect_close(1001).await;
    assert_eq!(binary.exit_code(), Some(0));
}

#[tokio::test]
async fn reload_names_what_needs_a_restart() {
    let scenario = TICKING.replace("4000", "0");
    let options = ["--host", "127.0.0.1"];
    let binary = Binary::serve(
        Command::new(env!("CARGO_BIN_EXE_ws-mock")),
        &scenario,
        &options,
    );
    let changed = TICKING.replace("tls: false", "tls: true");
    fs::write(&binary.file, changed).unwrap();
    binary
        .line(&["WARN", "`listen.port: 4000` needs a restart"])
        .await;
    binary
        .line(&["WARN", "`listen.tls: true` needs a restart"])
        .await;
}

#[tokio::test]
async fn reload_with_another_protocol_closes_connections() {
    let options = ["--host", "127.0.0.1", "--port", "0"];
    let scenario = "scenario: echo\nlisten: { protocol: raw }\nmessages: { name: all }\non: { all: [ { reply: hello } ] }\n";
    let binary = Binary::serve(
        Command::new(env!("CARGO_BIN_EXE_ws-mock")),
        scenario,
        &options,
    );
    let mut client = Raw::open(binary.address, "/").await;
    client.frame(1, b"x").await;
    client.expect(1, b"hello").await;
    fs::write(&binary.file, scenario.replace("raw", "json")).unwrap();
    client.expect_close(1012).await;
    binary
        .line(&["connections closed, because the protocol changed"])
        .await;
    let mut client = Raw::open(binary.address, "/").await;
    client.frame(1, b"{}").await;
    client.expect(1, b"\"hello\"").await;
}

#[test]
fn second_server_leaves_the_ready_file_of_the_first() {
    let folder = tempfile::tempdir().unwrap();
    let ready = folder.path().join("ready.json");
    fs::write(&ready, "of an earlier run").unwrap();
    let mut first = serve("echo --ready-file").arg(&ready).spawn().unwrap();
    read_until(
        &mut BufReader::new(first.stdout.take().unwrap()),
        "listening on",
    );
    let text = fs::read_to_string(&ready).unwrap();
    let port = serde_json::from_str::<serde_json::Value>(&text).unwrap()["port"].to_string();
    let second = serve("echo --ready-file")
        .arg(&ready)
        .args(["--port", &port])
        .output();
    let second = second.unwrap();
    assert_eq!(second.status.code(), Some(1), "{second:?}");
    assert!(second.stdout.is_empty(), "{second:?}");
    assert_eq!(fs::read_to_string(&ready).unwrap(), text);
    first.kill().unwrap();
    first.wait().unwrap();
}

/// A shell that lets no file grow stands for a full disk.
#[cfg(unix)]
#[test]
fn unwritable_ready_file_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' XFSZ; ulimit -f 0; exec \"$@\"", "sh"]);
    command.arg(env!("CARGO_BIN_EXE_ws-mock"));
    command.args(["serve", "echo", "--port", "0", "--ready-file"]);
    let output = command
        .arg(folder.path().join("ready.json"))
        .output()
        .unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{err}");
    assert!(err.contains("ready.json` cannot be written: "), "{err}");
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

/// Kills a process without a chance to clean up.
fn kill(mut child: Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

#[cfg(unix)]
#[test]
fn server_ends_with_its_parent() {
    // The shell is the parent; `wait` keeps it from replacing itself by the server.
    let binary = env!("CARGO_BIN_EXE_ws-mock");
    let line = format!("{binary} serve echo --port 0 --exit-with-parent & wait");
    let mut shell = Command::new("sh");
    shell
        .args(["-c", &line])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut shell = shell.spawn().unwrap();
    let mut out = BufReader::new(shell.stdout.take().unwrap());
    let err = shell.stderr.take().unwrap();
    read_until(&mut out, "listening on");
    kill(shell);
    // Both end when the server has ended.
    assert_eq!(rest(out), "");
    let log = rest(err);
    assert!(
        log.contains("the parent process has ended: stopping"),
        "{log}"
    );
}

#[cfg(unix)]
#[test]
fn server_ends_with_a_named_process() {
    let runner = Command::new("sleep").arg("60").spawn().unwrap();
    let option = format!("--exit-with-parent={}", runner.id());
    let mut served = serve(&format!("echo {option}")).spawn().unwrap();
    read_until(
        &mut BufReader::new(served.stdout.take().unwrap()),
        "listening on",
    );
    kill(runner);
    assert_eq!(exit_code(&mut served, STOP), Some(0));
    // A process that ended before the start is no reason to begin.
    let mut late = serve(&format!("stations --no-ssl {ENDLESS} {option}"))
        .spawn()
        .unwrap();
    assert_eq!(exit_code(&mut late, LONG), Some(0));
}

#[test]
fn health_asks_the_running_server() {
    let ssl = tempfile::tempdir().unwrap();
    for (options, scheme) in [
        ("echo", "http"),
        ("echo --ssl", "https"),
        ("echo --ssl-only", "https"),
    ] {
        let mut command = serve(options);
        let mut served = command.env("WS_MOCK_DATA", ssl.path()).spawn().unwrap();
        let line = read_until(
            &mut BufReader::new(served.stdout.take().unwrap()),
            "listening on",
        );
        let port = line
            .trim_end()
            .trim_end_matches('/')
            .rsplit(':')
            .next()
            .unwrap();
        let url = format!("{scheme}://127.0.0.1:{port}");
        for asked in [&[url.as_str()][..], &["--port", port]] {
            let output = ws_mock().arg("health").args(asked).output().unwrap();
            assert_eq!(
                output.status.code(),
                Some(0),
                "{options} {asked:?} {output:?}"
            );
        }
        kill(served);
        let output = ws_mock().args(["health", "-p", port]).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{output:?}");
    }
    let output = ws_mock().args(["health", "localhost:1"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
}

/// A handshake of a client that trusts only this authority.
async fn verifies(authority: &Path, address: SocketAddr, name: &str) -> bool {
    let mut roots = rustls::RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(authority).unwrap())
        .unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let client = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let tcp = TcpStream::connect(address).await.unwrap();
    let name = ServerName::try_from(name.to_owned()).unwrap();
    TlsConnector::from(Arc::new(client))
        .connect(name, tcp)
        .await
        .is_ok()
}

#[tokio::test]
async fn certificate_is_for_every_address_and_name_served() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let networks = sysinfo::Networks::new_with_refreshed_list().unwrap();
    let networks = networks
        .values()
        .flat_map(sysinfo::NetworkData::ip_networks);
    let mut own: Vec<IpAddr> = networks.map(|network| network.addr).collect();
    own.retain(IpAddr::is_ipv4);
    assert!(!own.is_empty(), "loopback at least");
    // The authority is made by a server that nobody else reaches, and is good for others later.
    for (options, names) in [
        (&["--host", "localhost"][..], vec![]),
        (&["--host", "0.0.0.0", "--allow-host", "mock.test"], own),
    ] {
        let mut command = ws_mock();
        command
            .args(["serve", "echo", "--port", "0", "--ssl"])
            .args(options);
        // `cert.pem` in the current folder would be used instead.
        command
            .env("WS_MOCK_DATA", &data)
            .current_dir(folder.path());
        let mut served = command.spawn().unwrap();
        let line = read_until(
            &mut BufReader::new(served.stdout.take().unwrap()),
            "listening on",
        );
        let port: u16 = line
            .trim_end()
            .trim_end_matches('/')
            .rsplit(':')
            .next()
            .unwrap()
            .parse()
            .unwrap();
        let ca = data.join("ca.pem");
        let local: SocketAddr = ([127, 0, 0, 1], port).into();
        assert!(verifies(&ca, local, "localhost").await);
        assert_eq!(verifies(&ca, local, "mock.test").await, !names.is_empty());
        assert!(!verifies(&ca, local, "example.com").await);
        for ip in names {
            assert!(
                verifies(&ca, SocketAddr::new(ip, port), &ip.to_string()).await,
                "{ip}"
            );
        }
        kill(served);
    }
}

#[cfg(unix)]
#[test]
fn shared_key_of_the_authority_is_reported() {
    use std::os::unix::fs::PermissionsExt;

    let data = tempfile::tempdir().unwrap();
    let certs = || {
        ws_mock()
            .arg("certs")
            .env("WS_MOCK_DATA", data.path())
            .output()
            .unwrap()
    };
    assert!(certs().stderr.is_empty());
    let key = data.path().join("ca.key");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    let output = certs();
    let err = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{err}");
    assert!(
        err.contains("WARN") && err.contains(&format!("chmod 600 {}", key.display())),
        "{err}"
    );
}

#[test]
fn name_beyond_the_authority_is_reported() {
    let data = tempfile::tempdir().unwrap();
    let certs = |options: &[&str]| {
        let mut command = ws_mock();
        command
            .arg("certs")
            .args(options)
            .env("WS_MOCK_DATA", data.path());
        let output = command.output().unwrap();
        (
            String::from_utf8(output.stdout).unwrap(),
            String::from_utf8(output.stderr).unwrap(),
        )
    };
    certs(&[]);
    let (_, err) = certs(&["--allow-host", "mock.example"]);
    assert!(
        err.contains("certs --force --allow-host mock.example"),
        "{err}"
    );
    let (out, err) = certs(&["--force", "--allow-host", "mock.example"]);
    assert!(err.is_empty() && out.contains("mock.example"), "{out}{err}");
}
