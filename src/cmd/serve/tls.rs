//! The certificate of `serve`: one that was given, the developer's own in this folder, or the development certificate.

use std::path::{Path, PathBuf};

use super::super::certs;
use crate::cli;
use crate::config::Tls;

/// Folders that may have a developer's own certificate, in this order.
const PLACES: [&str; 2] = ["certs", "."];
const CERT: &str = "cert.pem";
const KEY: &str = "cert.key";

/// Finds or makes a certificate for a server under these hosts and addresses.
pub(super) fn find(args: &cli::ListenArgs, served: &[String]) -> anyhow::Result<Tls> {
    let only = args.ssl_only;
    if let (Some(cert), Some(key)) = (&args.cert, &args.key) {
        let (cert, key) = (cert.clone(), key.clone());
        return Ok(Tls { cert, key, only });
    }
    if let Some((cert, key)) = own(Path::new("")) {
        tracing::info!(cert = %cert.display(), "certificate found");
        return Ok(Tls { cert, key, only });
    }
    let made = certs::ensure(served)?;
    tracing::info!(
        cert = %made.leaf.cert.display(),
        until = %made.until,
        trust = %made.authority.display(),
        "development certificate; hint: `ws-mock certs trust` says how to make browsers trust it"
    );
    let certs::Pair { cert, key } = made.leaf;
    Ok(Tls { cert, key, only })
}

pub(in super::super) fn own(folder: &Path) -> Option<(PathBuf, PathBuf)> {
    PLACES.iter().find_map(|place| {
        let place = match *place {
            "." => folder.to_owned(),
            place => folder.join(place),
        };
        let (cert, key) = (place.join(CERT), place.join(KEY));
        match (cert.is_file(), key.is_file()) {
            (true, true) => Some((cert, key)),
            (false, false) => None,
            (has_cert, _) => {
                let (there, missing) = if has_cert { (cert, key) } else { (key, cert) };
                tracing::warn!(
                    missing = %missing.display(),
                    "`{}` is ignored without the other half of the pair",
                    there.display()
                );
                None
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn own_certificate_is_a_pair_in_either_folder() {
        for (files, expected) in [
            (&[][..], None),
            (&["cert.pem", "cert.key"], Some("cert.pem")),
            (
                &["certs/cert.pem", "certs/cert.key"],
                Some("certs/cert.pem"),
            ),
            (
                &["cert.pem", "cert.key", "certs/cert.pem", "certs/cert.key"],
                Some("certs/cert.pem"),
            ),
            (&["certs/cert.pem"], None),
            (
                &["certs/cert.key", "cert.pem", "cert.key"],
                Some("cert.pem"),
            ),
        ] {
            let folder = tempfile::tempdir().unwrap();
            fs::create_dir(folder.path().join("certs")).unwrap();
            for file in files {
                fs::write(folder.path().join(file), "").unwrap();
            }
            let found = own(folder.path()).map(|(cert, _)| cert);
            let expected = expected.map(|file| folder.path().join(file));
            assert_eq!(found, expected, "{files:?}");
        }
    }
}
