//! The development certificate, and `ws-mock certs`: an authority and a certificate for this machine, made once in the
//! user's data folder.

mod issue;
mod names;
mod store;
mod trust;

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::{env, table};
use crate::cli;
use names::ThisMachine;
use store::Store;

/// A certificate and its key, as files (PEM).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pair {
    pub(super) cert: PathBuf,
    pub(super) key: PathBuf,
}

#[derive(Debug)]
pub(super) struct IssuedFiles {
    pub(super) leaf: Pair,
    pub(super) until: jiff::Timestamp,
    pub(super) names: Vec<String>,
    /// The certificate that users trust.
    pub(super) authority: PathBuf,
    pub(super) authority_until: jiff::Timestamp,
}

/// The development certificate for a server under these hosts and addresses, issued or renewed if it must be.
pub(super) fn ensure(served: &[String]) -> anyhow::Result<IssuedFiles> {
    let made = store()?.ensure(&ThisMachine::now(), served, crate::hub::wall() / 1000);
    made.context(NO_PLACE)
}

/// In `WS_MOCK_DATA`, or where the system keeps data of a user's programs.
fn store() -> anyhow::Result<Store> {
    let own = env("WS_MOCK_DATA").filter(|folder| !folder.is_empty());
    let folder = own.map(PathBuf::from);
    let folder = folder.or_else(|| Some(dirs::data_local_dir()?.join("ws-mock")));
    let folder = folder.context("no home folder found; hint: name a folder in `WS_MOCK_DATA`");
    folder.map(Store::at)
}

const NO_PLACE: &str = "cannot make the development certificate (`WS_MOCK_DATA` names another folder for it, \
                        `--cert` and `--key` a certificate of your own, `--no-ssl` does without)";

pub(super) fn run(args: &cli::CertsArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    if args.force {
        store()?.clear().context(NO_PLACE)?;
    }
    let made = ensure(&args.allow_host)?;
    if args.verb.is_none() {
        show(&made, out)?;
        writeln!(out)?;
    }
    Ok(trust::write(&made.authority, out)?)
}

fn show(made: &IssuedFiles, out: &mut dyn Write) -> anyhow::Result<()> {
    let row = |what: &str, path: &Path, until: Option<jiff::Timestamp>| {
        let until = until.map_or_else(String::new, |time| format!("until {}", time.strftime("%F")));
        [what.to_owned(), path.display().to_string(), until]
    };
    let rows = [
        row("authority", &made.authority, Some(made.authority_until)),
        row("certificate", &made.leaf.cert, Some(made.until)),
        row("key", &made.leaf.key, None),
    ];
    table::write(out, &rows)?;
    writeln!(out, "for          {}", made.names.join(", "))?;
    if let Some((cert, _)) = super::serve::own_certificate(Path::new("")) {
        writeln!(
            out,
            "\nIn this folder `serve` uses `{}` instead.",
            cert.display()
        )?;
    }
    Ok(())
}
