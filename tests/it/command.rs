//! The command line: output, exit codes, and files.

use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

fn ws_mock(line: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ws-mock"));
    command.args(line.split_whitespace());
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("WS_MOCK_") {
            command.env_remove(name);
        }
    }
    command
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[track_caller]
fn check(line: &str, code: i32, stdout: &str, stderr: &str) -> Output {
    let output = ws_mock(line).output().unwrap();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{line}\n{out}\n{err}");
    assert!(out.contains(stdout), "{line}\n{out}");
    assert!(err.contains(stderr), "{line}\n{err}");
    output
}

#[test]
fn output_streams_and_exit_codes() {
    let version = concat!("ws-mock ", env!("CARGO_PKG_VERSION"), "\n");
    check("--version", 0, version, "");
    check("--help", 0, "Usage: ws-mock", "");
    check("", 2, "", "Usage: ws-mock");
    check("serve --bad", 2, "", "unexpected argument '--bad'");
    check("serve no/such.yaml", 2, "", "no/such.yaml: ");
    check("serve echo --count x=1", 2, "", "unknown collection `x`");
    check("serve echo --host=", 2, "", "`--host` is empty");
    check(
        "serve echo --ready-file /dev/null",
        2,
        "",
        "`/dev/null` exists and is not a regular file",
    );
    check(
        "serve echo --fault drop,share=NaN",
        2,
        "",
        "`share` must be a number from 0 to 1",
    );
    let fault = "serve stations --no-timers --fault";
    check(
        &format!("{fault} lateny=1s"),
        2,
        "",
        "`--fault lateny=1s`: unknown fault kind",
    );
    check(
        &format!("{fault} drop,on=getStations+unknown+push"),
        2,
        "",
        "unknown handler `unknown` in `on`",
    );
    check(
        "serve stations --count stations=10000001",
        2,
        "",
        "must be a whole number from 0 to 10000000",
    );
    check(
        "serve echo --allow-host http://x",
        2,
        "",
        "must be a host name",
    );
    check(
        "serve echo --allow-origin http://a\u{1b}",
        2,
        "",
        "must be an origin such as",
    );
    check(
        "serve echo --fault bogus",
        2,
        "",
        "`--fault bogus`: unknown fault kind `bogus`",
    );
    check("scenarios", 0, "echo", "");
    check("scenarios show echo", 0, "scenario: echo", "");
    check("scenarios show ecko", 2, "", "did you mean `echo`?");
    check(
        "validate echo no/such.yaml",
        2,
        "echo: ok\nno/such.yaml: ",
        "1 of 2 unsound",
    );
    check("token --scenario echo", 2, "", "takes no tokens");
    check("completions fish", 0, "complete -c ws-mock", "");
    check("man", 0, ".TH ws-mock 1", "");
}

#[test]
fn contradictory_options_are_wrong_usage() {
    for (line, options) in [
        ("serve --ssl --no-ssl", ["--ssl", "--no-ssl"]),
        ("serve --no-ssl --ssl-only", ["--ssl-only", "--no-ssl"]),
        ("serve -q -v", ["--verbose", "--quiet"]),
        ("-v scenarios -q", ["--verbose", "--quiet"]),
    ] {
        let [one, other] = options;
        check(
            line,
            2,
            "",
            &format!("`{one}` cannot be used with `{other}`"),
        );
    }
}

#[test]
fn habits_of_other_tools_get_a_fitting_tip() {
    for (line, tip) in [
        ("serve --watch", "`--no-watch` turns that off"),
        ("serve --config chat.yaml", "`ws-mock serve chat.yaml`"),
        ("list", "`ws-mock scenarios` lists"),
        ("chat.yaml", "`ws-mock serve chat.yaml`"),
        ("stations", "`ws-mock serve stations`"),
        ("sevre", "a similar subcommand exists: 'serve'"),
        ("serve --prot 1", "a similar argument exists: '--port'"),
    ] {
        let output = check(line, 2, "", tip);
        let tips = text(&output.stderr).matches("tip:").count();
        assert_eq!(tips, 1, "{line}: {output:?}");
    }
}

#[test]
fn variables_may_be_empty_but_not_nonsense() {
    let run = |value: &str| {
        let mut command = ws_mock("serve echo --count x=1");
        command.env("WS_MOCK_STRICT", value).env("WS_MOCK_PORT", "");
        command.output().unwrap()
    };
    for (value, expected) in [
        ("", "unknown collection"),
        ("yes", "unknown collection"),
        ("0", "unknown collection"),
        ("banana", "invalid value 'banana' for '--strict'"),
    ] {
        let output = run(value);
        assert!(
            text(&output.stderr).contains(expected),
            "{value}: {output:?}"
        );
    }
}

#[test]
fn closed_stdout_is_not_an_error() {
    for line in [
        "completions bash",
        "man serve",
        "scenarios",
        "validate echo",
    ] {
        let mut command = ws_mock(line);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        drop(child.stdout.take());
        let mut err = String::new();
        child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut err)
            .unwrap();
        assert_eq!(err, "", "{line}");
        assert_eq!(child.wait().unwrap().code(), Some(0), "{line}");
    }
}

#[test]
fn concurrent_commands_share_one_certificate() {
    let data = tempfile::tempdir().unwrap();
    let ask = || {
        let mut command = ws_mock("certs");
        command.env("WS_MOCK_DATA", data.path().join("deep/below"));
        command.stdout(Stdio::piped()).spawn().unwrap()
    };
    let asked: Vec<_> = (0..4).map(|_| ask()).collect();
    for child in asked {
        assert!(child.wait_with_output().unwrap().status.success());
    }
    let file = |name: &str| std::fs::read(data.path().join("deep/below").join(name)).unwrap();
    let before = (file("ca.pem"), file("cert.pem"));
    assert!(ask().wait().unwrap().success());
    assert_eq!((file("ca.pem"), file("cert.pem")), before);
}

#[cfg(target_os = "linux")]
#[test]
fn data_folder_follows_the_environment() {
    for (variables, expected) in [
        (&[("HOME", "a")][..], "a/.local/share/ws-mock"),
        (&[("HOME", "a"), ("XDG_DATA_HOME", "d")], "d/ws-mock"),
        (&[("WS_MOCK_DATA", "x"), ("XDG_DATA_HOME", "d")], "x"),
        (&[("WS_MOCK_DATA", ""), ("XDG_DATA_HOME", "d")], "d/ws-mock"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let mut command = ws_mock("certs");
        command.env_remove("XDG_DATA_HOME");
        let absolute = |(name, value): &(&'static str, &str)| {
            let value = Some(value).filter(|value| !value.is_empty());
            let value = value.map_or_else(PathBuf::new, |value| folder.path().join(value));
            (*name, value)
        };
        command.envs(variables.iter().map(absolute));
        assert!(command.output().unwrap().status.success());
        let authority = folder.path().join(expected).join("ca.pem");
        assert!(authority.exists(), "{variables:?}");
    }
    // The XDG specification wants a relative path ignored.
    let home = tempfile::tempdir().unwrap();
    let mut command = ws_mock("certs");
    command.env("HOME", home.path()).env("XDG_DATA_HOME", "d");
    assert!(command.output().unwrap().status.success());
    assert!(home.path().join(".local/share/ws-mock/ca.pem").exists());
}

#[test]
fn unwritable_data_folder_names_the_alternatives() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut command = ws_mock("certs");
    command.env("WS_MOCK_DATA", file.path().join("below"));
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("WS_MOCK_DATA"), "{output:?}");
}

/// A server that ends with the test.
struct Served {
    child: Child,
    /// `listening on …`
    line: String,
}

impl Drop for Served {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn serve(mut command: Command) -> Served {
    command.stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    let mut line = String::new();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    out.read_line(&mut line).unwrap();
    Served { child, line }
}

#[test]
fn options_beat_variables_and_variables_beat_the_scenario() {
    let data = tempfile::tempdir().unwrap();
    for (variables, line, tls) in [
        (&[][..], "serve stations", true),
        (&[], "serve echo", false),
        (&[("WS_MOCK_SSL", "1")], "serve echo", true),
        (&[("WS_MOCK_SSL", "0")], "serve echo", false),
        (&[("WS_MOCK_SSL_ONLY", "on")], "serve echo", true),
        (&[("WS_MOCK_NO_SSL", "yes")], "serve stations", false),
        (&[("WS_MOCK_NO_SSL", "yes")], "serve echo --ssl", true),
        (&[("WS_MOCK_SSL", "yes")], "serve echo --no-ssl", false),
    ] {
        let mut command = ws_mock(line);
        command
            .env("WS_MOCK_PORT", "0")
            .envs(variables.iter().copied());
        command
            .env("WS_MOCK_DATA", data.path())
            .current_dir(data.path());
        let served = serve(command);
        let start = ["listening on ws://", "listening on wss://"][usize::from(tls)];
        assert!(
            served.line.starts_with(start),
            "{variables:?} {line}: {}",
            served.line
        );
    }
}

#[test]
fn taken_port_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let line = format!("serve echo --port {port}");
    check(&line, 1, "", &format!("port `{port}`"));
}

#[test]
fn unreadable_certificate_is_not_wrong_usage() {
    check(
        "serve echo --port 0 --cert no/cert --key no/key",
        1,
        "",
        "no/cert",
    );
}

#[test]
fn faults_of_a_scenario_are_checked_at_load() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.yaml");
    let text = "scenario: x\nmessages: { name: \"${ message.t }\" }\non: { ask: [ reply: 1 ] }\nfaults:\n  - { kind: nix }\n  - { kind: drop, on: aks }\n";
    std::fs::write(&path, text).unwrap();
    let path = path.display();
    check(
        &format!("validate {path}"),
        2,
        ":5:13: unknown fault kind `nix`",
        "",
    );
    check(
        &format!("validate {path}"),
        2,
        ":6:23: unknown handler `aks` in `on`",
        "",
    );
    check(
        &format!("serve {path}"),
        2,
        "",
        ":5:13: unknown fault kind `nix`",
    );
}
