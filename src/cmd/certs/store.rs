//! The files of the development certificate. Several servers may start at once: one makes them, the others wait.
//!
//! Invariant: a file is never seen half written, and a key is never readable by others, not even at first.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::issue::{self, Pem};
use super::validity::{self, Authority, Unfit};
use super::{Made, Pair, names};

/// A folder with an authority, a certificate, and their keys.
pub(super) struct Store {
    folder: PathBuf,
    authority: Pair,
    leaf: Pair,
}

impl Store {
    /// The one in this folder, which need not be there yet.
    pub(super) fn at(folder: PathBuf) -> Self {
        let pair = |name: &str| Pair {
            cert: folder.join(format!("{name}.pem")),
            key: folder.join(format!("{name}.key")),
        };
        Store {
            authority: pair("ca"),
            leaf: pair("cert"),
            folder,
        }
    }

    /// What is there, made or renewed where it must be, for a host of this name. `now` is in seconds since 1970.
    pub(super) fn ensure(&self, host: Option<&str>, now: i64) -> anyhow::Result<Made> {
        // Most often all is well, and then nothing needs to be writable.
        if let Ok(made) = self.sound(host, now) {
            return Ok(made);
        }
        let _lock = self.lock()?;
        if let Ok(made) = self.sound(host, now) {
            return Ok(made);
        }
        let (pem, authority) = self.authority(host, now)?;
        let names = signable(&authority, host);
        let fit = read(&self.leaf).and_then(|leaf| validity::leaf(&leaf, &pem, &names, now));
        if let Err(unfit) = fit {
            for name in names::wanted(host).difference(&names) {
                tracing::warn!(
                    name,
                    "not in the certificate: the authority is older than this name (`ws-mock certs --force` makes another)"
                );
            }
            tracing::debug!(%unfit, "a development certificate is made");
            let leaf = issue::leaf(&pem, &names, now, authority.until)
                .context("a certificate cannot be made")?;
            self.write(&self.leaf, &leaf)?;
        }
        Ok(self.sound(host, now)?)
    }

    /// Forgets everything, so that it is made anew.
    pub(super) fn clear(&self) -> anyhow::Result<()> {
        let _lock = self.lock()?;
        for file in [
            &self.leaf.cert,
            &self.leaf.key,
            &self.authority.cert,
            &self.authority.key,
        ] {
            match fs::remove_file(file) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(error).with_context(|| place(file));
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn sound(&self, host: Option<&str>, now: i64) -> Result<Made, Unfit> {
        let pem = read(&self.authority)?;
        let authority = validity::authority(&pem, now)?;
        let names = signable(&authority, host);
        let until = validity::leaf(&read(&self.leaf)?, &pem, &names, now)?;
        Ok(Made {
            leaf: self.leaf.clone(),
            until: time(until),
            names: names.into_iter().collect(),
            authority: self.authority.cert.clone(),
            authority_until: time(authority.until),
        })
    }

    fn authority(&self, host: Option<&str>, now: i64) -> anyhow::Result<(Pem, Authority)> {
        let found = read(&self.authority).and_then(|pem| {
            let authority = validity::authority(&pem, now)?;
            Ok((pem, authority))
        });
        if let Ok(found) = found {
            return Ok(found);
        }
        if self.authority.cert.exists() {
            tracing::warn!(
                authority = %self.authority.cert.display(),
                "a new development authority, which has to be trusted again: the old one is of no more use"
            );
        }
        let pem = issue::authority(&names::permitted(host), now)
            .context("an authority cannot be made")?;
        self.write(&self.authority, &pem)?;
        let authority = validity::authority(&pem, now)?;
        Ok((pem, authority))
    }

    /// Held until dropped; the system lets go of it when we crash.
    fn lock(&self) -> anyhow::Result<File> {
        create_folder(&self.folder).with_context(|| place(&self.folder))?;
        let path = self.folder.join("lock");
        let file = OpenOptions::new().create(true).append(true).open(&path);
        let file = file.with_context(|| place(&path))?;
        match file.lock() {
            // On such a file system the check that follows has to do.
            Err(error) if error.kind() != io::ErrorKind::Unsupported => {
                Err(error).with_context(|| place(&path))
            }
            _ => Ok(file),
        }
    }

    fn write(&self, pair: &Pair, pem: &Pem) -> anyhow::Result<()> {
        let mut private = OpenOptions::new();
        private.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut private, 0o600);
        let mut public = OpenOptions::new();
        public.write(true).create_new(true);
        self.replace(&pair.key, &pem.key, &private)?;
        self.replace(&pair.cert, &pem.cert, &public)
    }

    fn replace(&self, path: &Path, text: &str, options: &OpenOptions) -> anyhow::Result<()> {
        let new = self.folder.join("new");
        // A crash may have left one.
        fs::remove_file(&new).ok();
        let write = || {
            let mut file = options.open(&new)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            fs::rename(&new, path)
        };
        write().with_context(|| place(path))
    }
}

/// The names of a host, without those that its authority may not sign for.
fn signable(authority: &Authority, host: Option<&str>) -> BTreeSet<String> {
    let mut names = names::wanted(host);
    names.retain(|name| names::covers(&authority.permitted, name));
    names
}

fn read(pair: &Pair) -> Result<Pem, Unfit> {
    let read = |path| fs::read_to_string(path).map_err(|_| Unfit::Unreadable);
    Ok(Pem {
        cert: read(&pair.cert)?,
        key: read(&pair.key)?,
    })
}

fn create_folder(folder: &Path) -> io::Result<()> {
    if let Some(parent) = folder.parent() {
        fs::create_dir_all(parent)?;
    }
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(folder)
}

fn place(path: &Path) -> String {
    format!("`{}`", path.display())
}

fn time(seconds: i64) -> jiff::Timestamp {
    jiff::Timestamp::from_second(seconds).unwrap_or(jiff::Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    const NOW: i64 = 1_705_746_600;
    const DAY: i64 = issue::DAY;

    struct Folder {
        store: Store,
        _folder: tempfile::TempDir,
    }

    fn folder() -> Folder {
        let folder = tempfile::tempdir().unwrap();
        Folder {
            store: Store::at(folder.path().join("below/ws-mock")),
            _folder: folder,
        }
    }

    impl Folder {
        fn ensured(&self, host: &str, now: i64) -> (String, String) {
            let made = self.store.ensure(Some(host), now).unwrap();
            let text = |path: &Path| fs::read_to_string(path).unwrap();
            (text(&made.authority), text(&made.leaf.cert))
        }
    }

    #[test]
    fn both_are_made_once_and_the_certificate_is_renewed_alone() {
        let folder = folder();
        let (ca, cert) = folder.ensured("pc", NOW);
        assert_eq!(
            folder.ensured("pc", NOW + 300 * DAY),
            (ca.clone(), cert.clone())
        );
        let (same, renewed) = folder.ensured("pc", NOW + 350 * DAY);
        assert_eq!(same, ca);
        assert_ne!(renewed, cert);
        let (other, _) = folder.ensured("pc", NOW + 3640 * DAY);
        assert_ne!(other, ca);
    }

    #[test]
    fn another_name_of_the_host_renews_the_certificate_where_the_authority_allows() {
        let folder = folder();
        let (ca, cert) = folder.ensured("pc", NOW);
        let (same, renewed) = folder.ensured("pc.local", NOW);
        assert_eq!(same, ca);
        assert_eq!(renewed, cert, "the names are the same ones");
        let (same, renewed) = folder.ensured("mac.local", NOW);
        assert_eq!(same, ca);
        assert_ne!(renewed, cert);
        let names = folder.store.ensure(Some("mac.local"), NOW).unwrap().names;
        assert!(names.contains(&"mac.local".to_owned()), "{names:?}");
        assert!(!names.contains(&"mac".to_owned()), "{names:?}");
    }

    #[test]
    fn what_is_broken_is_made_anew() {
        let folder = folder();
        let (ca, cert) = folder.ensured("pc", NOW);
        fs::write(&folder.store.leaf.cert, "rubbish").unwrap();
        let (same, other) = folder.ensured("pc", NOW);
        assert_eq!(same, ca);
        assert_ne!(other, cert);
        fs::remove_file(&folder.store.authority.key).unwrap();
        assert_ne!(folder.ensured("pc", NOW).0, ca);
        folder.store.clear().unwrap();
        folder.ensured("pc", NOW);
    }

    #[test]
    fn servers_that_start_together_have_one_authority() {
        let folder = folder();
        let start = || folder.ensured("pc", NOW);
        let all = thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(start)).collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .collect::<BTreeSet<_>>()
        });
        assert_eq!(all.len(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn keys_are_for_their_owner_only() {
        use std::os::unix::fs::PermissionsExt;

        let folder = folder();
        folder.ensured("pc", NOW);
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&folder.store.leaf.key), 0o600);
        assert_eq!(mode(&folder.store.authority.key), 0o600);
        assert_eq!(mode(&folder.store.folder), 0o700);
    }
}
