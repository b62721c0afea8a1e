//! The complete examples of `docs/testing.md`, run as a reader would.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::clients::{folder, installed, run};

/// The folder of an example, copied to where its packages may be put.
fn copied(name: &str) -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("docs/examples")
        .join(name);
    let there = folder(&format!("example-{name}"));
    let mut files = 0;
    for entry in std::fs::read_dir(here).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_file() {
            std::fs::copy(entry.path(), there.join(entry.file_name())).unwrap();
            files += 1;
        }
    }
    assert!(files >= 2, "{name} has a test and what it needs");
    there
}

fn passes(command: &mut Command) {
    let mock = env!("CARGO_BIN_EXE_ws-mock");
    let said = run(command.env("WS_MOCK", mock));
    println!("{}", said.unwrap_or_else(|why| panic!("{why}")));
}

fn with_npm(there: &Path) -> bool {
    let install = ["install", "--no-audit", "--no-fund", "--silent"];
    installed(run(Command::new("npm").args(install).current_dir(there)))
}

#[test]
fn vitest() {
    let there = copied("vitest");
    if with_npm(&there) {
        passes(Command::new("npm").arg("test").current_dir(&there));
    }
}

#[test]
fn playwright() {
    let chromium = Path::new("/usr/bin/chromium");
    if !chromium.exists() {
        eprintln!("not run, since there is no {}", chromium.display());
        return;
    }
    let there = copied("playwright");
    if with_npm(&there) {
        passes(
            Command::new("npm")
                .arg("test")
                .env("CHROMIUM", chromium)
                .current_dir(&there),
        );
    }
}

#[test]
fn python() {
    let there = copied("python");
    let python = there.join("venv/bin/python");
    let make = ["-m", "venv", "venv"];
    if !python.exists() && !installed(run(Command::new("python3").args(make).current_dir(&there))) {
        return;
    }
    let install = ["-m", "pip", "install", "-q", "-r", "requirements.txt"];
    if installed(run(Command::new(&python).args(install).current_dir(&there))) {
        let test = ["-m", "pytest", "-q", "-p", "no:cacheprovider"];
        passes(Command::new(&python).args(test).current_dir(&there));
    }
}
