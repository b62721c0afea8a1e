//! The development certificate, and `ws-mock certs`: an authority and a certificate of its own for this machine, made
//! once in the user's data folder.

mod folder;
mod issue;
mod names;
mod store;
mod trust;
mod validity;

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::{env, table};
use crate::cli::{self, CertsVerb};
use store::Store;

/// A certificate and its key, as files (PEM).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pair {
    /// The certificate.
    pub(super) cert: PathBuf,
    /// The private key.
    pub(super) key: PathBuf,
}

/// What a server needs, and what its user wants to know of it.
#[derive(Debug)]
pub(super) struct Made {
    /// What a server shows.
    pub(super) leaf: Pair,
    /// Until when.
    pub(super) until: jiff::Timestamp,
    /// What it is good for.
    pub(super) names: Vec<String>,
    /// The certificate of the authority, to be trusted.
    pub(super) authority: PathBuf,
    /// Until when.
    pub(super) authority_until: jiff::Timestamp,
}

/// The development certificate: made where it is missing, renewed where it must be.
pub(super) fn ensure() -> anyhow::Result<Made> {
    store()?
        .ensure(names::host().as_deref(), crate::hub::wall() / 1000)
        .context(NO_PLACE)
}

/// In the user's data folder. The system knows a home where the environment names none, in a service, say.
fn store() -> anyhow::Result<Store> {
    let folder = folder::data(&env, std::env::home_dir().as_deref())?;
    Ok(Store::at(folder))
}

/// What is to be done when the files cannot be had.
const NO_PLACE: &str = "the development certificate cannot be had (`WS_MOCK_DATA` names another folder for it, \
                        `--cert` and `--key` a certificate of your own, `--no-ssl` does without)";

pub(super) fn run(args: &cli::Certs, out: &mut dyn Write) -> anyhow::Result<()> {
    if args.force {
        store()?.clear().context(NO_PLACE)?;
    }
    let made = ensure()?;
    match args.verb {
        None => {
            show(&made, out)?;
            writeln!(out)?;
            Ok(trust::write(&made.authority, out)?)
        }
        Some(CertsVerb::Trust) => Ok(trust::write(&made.authority, out)?),
    }
}

fn show(made: &Made, out: &mut dyn Write) -> anyhow::Result<()> {
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
