//! Which certificate `serve` uses: one that was given, one that lies where it is looked for, or a development one.

use std::path::{Path, PathBuf};

use super::super::certs;
use crate::cli;
use crate::config::Tls;

/// Where a developer's own certificate is looked for, in this order, from the current folder on.
const PLACES: [&str; 2] = ["certs", "."];
const CERT: &str = "cert.pem";
const KEY: &str = "cert.key";

/// Finds or makes a certificate.
pub(super) fn find(args: &cli::Listen) -> anyhow::Result<Tls> {
    let only = args.ssl_only;
    if let (Some(cert), Some(key)) = (&args.cert, &args.key) {
        let (cert, key) = (cert.clone(), key.clone());
        return Ok(Tls { cert, key, only });
    }
    if let Some((cert, key)) = own(Path::new("")) {
        tracing::info!(cert = %cert.display(), "certificate found");
        return Ok(Tls { cert, key, only });
    }
    let made = certs::ensure()?;
    tracing::info!(
        cert = %made.leaf.cert.display(),
        until = %made.until,
        trust = %made.authority.display(),
        "development certificate; `ws-mock certs trust` tells how browsers come to trust it"
    );
    let certs::Pair { cert, key } = made.leaf;
    Ok(Tls { cert, key, only })
}

/// The developer's own certificate and key below `folder`.
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
                    "`{}` is not used without the other half",
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
    fn an_own_certificate_is_a_pair_in_certs_or_in_the_folder() {
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
