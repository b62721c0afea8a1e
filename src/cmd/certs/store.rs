//! The files of the development certificate. Of several servers that start at once, one makes them and the others wait.
//!
//! Invariant: no file is ever seen half written, and no key is ever readable by others, not even at first.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::issue::{self, Issued, Pem};
use super::names::{self, ThisMachine};
use super::{IssuedFiles, Pair};

/// A folder with an authority, a certificate, their keys, and a record of each.
pub(super) struct Store {
    folder: PathBuf,
    authority: Pair,
    leaf: Pair,
}

impl Store {
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

    /// The certificate of this machine, `served` under these hosts and addresses too; issued or renewed if it must be.
    pub(super) fn ensure(
        &self,
        machine: &ThisMachine,
        served: &[String],
        now: i64,
    ) -> anyhow::Result<IssuedFiles> {
        let wanted = machine.wanted(served);
        let made = match self.current(&wanted, now) {
            // The common case, in which nothing needs to be writable.
            Some(made) => made,
            None => self.renew(machine, &wanted, now)?,
        };
        for name in wanted.iter().filter(|name| !made.names.contains(name)) {
            tracing::warn!(
                name,
                "the certificate is not for this name: its authority is older and may not sign for it; \
                 hint: `ws-mock certs --force --allow-host {name}` makes another, which must be trusted again"
            );
        }
        for key in [&self.authority.key, &self.leaf.key] {
            warn_if_shared(key);
        }
        Ok(made)
    }

    fn current(&self, wanted: &BTreeSet<String>, now: i64) -> Option<IssuedFiles> {
        let authority = read(&self.authority, "", now)?;
        let leaf = read(&self.leaf, &authority.0.cert, now)?;
        let has = |name: &String| leaf.1.names.contains(name);
        let complete = signable(&authority.1, wanted).all(has);
        complete.then(|| self.made(&authority.1, leaf.1))
    }

    fn renew(
        &self,
        machine: &ThisMachine,
        wanted: &BTreeSet<String>,
        now: i64,
    ) -> anyhow::Result<IssuedFiles> {
        let _lock = self.lock()?;
        // Another server may have done it while this one waited for the lock.
        if let Some(made) = self.current(wanted, now) {
            return Ok(made);
        }
        let authority = match read(&self.authority, "", now) {
            Some(authority) => authority,
            None => self.new_authority(&machine.permitted(wanted), now)?,
        };
        let mut names: BTreeSet<_> = signable(&authority.1, wanted).cloned().collect();
        // Names of other servers stay, so that two that take turns do not renew it each time. Addresses come and go.
        if let Some((_, before)) = read(&self.leaf, &authority.0.cert, now) {
            let is_name = |name: &String| name.parse::<IpAddr>().is_err();
            names.extend(before.names.into_iter().filter(is_name));
        }
        tracing::debug!(?names, "a development certificate is issued");
        let (pem, leaf) =
            issue::leaf(&authority, &names, now).context("a certificate cannot be issued")?;
        self.write(&self.leaf, &pem, &leaf)?;
        Ok(self.made(&authority.1, leaf))
    }

    fn new_authority(
        &self,
        permitted: &BTreeSet<String>,
        now: i64,
    ) -> anyhow::Result<(Pem, Issued)> {
        if self.authority.cert.exists() {
            tracing::warn!(
                authority = %self.authority.cert.display(),
                "the development authority has expired or was damaged; a new one is made, which must be trusted again"
            );
        }
        let made = issue::authority(permitted, now).context("an authority cannot be made")?;
        self.write(&self.authority, &made.0, &made.1)?;
        Ok(made)
    }

    fn made(&self, authority: &Issued, leaf: Issued) -> IssuedFiles {
        IssuedFiles {
            leaf: self.leaf.clone(),
            until: time(leaf.until),
            names: leaf.names,
            authority: self.authority.cert.clone(),
            authority_until: time(authority.until),
        }
    }

    /// Removes everything, so that it is made anew.
    pub(super) fn clear(&self) -> anyhow::Result<()> {
        let _lock = self.lock()?;
        for pair in [&self.leaf, &self.authority] {
            for file in [&pair.cert, &pair.key, &record(pair)] {
                match fs::remove_file(file) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => {
                        return Err(error).with_context(|| place(file));
                    }
                    _ => {}
                }
            }
        }
        Ok(())
    }

    /// Held until dropped; the system releases it if the process crashes.
    fn lock(&self) -> anyhow::Result<File> {
        create_folder(&self.folder).with_context(|| place(&self.folder))?;
        let path = self.folder.join("lock");
        let file = OpenOptions::new().create(true).append(true).open(&path);
        let file = file.with_context(|| place(&path))?;
        match file.lock() {
            // A file system without locks: two servers may then both issue, and the last one's files stay.
            Err(error) if error.kind() != io::ErrorKind::Unsupported => {
                Err(error).with_context(|| place(&path))
            }
            _ => Ok(file),
        }
    }

    fn write(&self, pair: &Pair, pem: &Pem, issued: &Issued) -> anyhow::Result<()> {
        let mut private = OpenOptions::new();
        private.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut private, 0o600);
        let mut public = OpenOptions::new();
        public.write(true).create_new(true);
        // The record last: until it matches, the other two are not used.
        self.replace(&pair.key, &pem.key, &private)?;
        self.replace(&pair.cert, &pem.cert, &public)?;
        self.replace(&record(pair), &serde_json::to_string(issued)?, &public)
    }

    fn replace(&self, path: &Path, text: &str, options: &OpenOptions) -> anyhow::Result<()> {
        let new = self.folder.join("new");
        // A crash may have left it.
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

/// The wanted names that the authority may sign for.
fn signable<'a>(
    authority: &'a Issued,
    wanted: &'a BTreeSet<String>,
) -> impl Iterator<Item = &'a String> {
    wanted
        .iter()
        .filter(|name| names::covers(&authority.names, name))
}

fn record(pair: &Pair) -> PathBuf {
    pair.cert.with_extension("json")
}

/// `None` if a file is missing, or they are not what was issued, or it is time for others.
fn read(pair: &Pair, signer: &str, now: i64) -> Option<(Pem, Issued)> {
    let pem = Pem {
        cert: fs::read_to_string(&pair.cert).ok()?,
        key: fs::read_to_string(&pair.key).ok()?,
    };
    let issued: Issued = serde_json::from_slice(&fs::read(record(pair)).ok()?).ok()?;
    let valid = issued.is_valid(signer, &pem, now);
    valid.then_some((pem, issued))
}

#[cfg(unix)]
fn warn_if_shared(key: &Path) {
    use std::os::unix::fs::PermissionsExt;

    if let Ok(found) = fs::metadata(key)
        && found.permissions().mode() & 0o077 != 0
    {
        let key = key.display();
        tracing::warn!(
            mode = %format_args!("{:o}", found.permissions().mode() & 0o777),
            "other users can read the key `{key}` and pretend to be this server; \
             hint: `chmod 600 {key}`, and `ws-mock certs --force` if they may have done so"
        );
    }
}

/// Windows keeps a user's data folder from other users.
#[cfg(not(unix))]
fn warn_if_shared(_key: &Path) {}

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
    const DAY: i64 = 24 * 60 * 60;

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
            self.served(host, &[], now)
        }

        /// The texts of both certificates.
        fn served(&self, host: &str, served: &[&str], now: i64) -> (String, String) {
            let machine = ThisMachine {
                host: Some(host.to_owned()),
                addresses: vec![[192, 168, 7, 9].into()],
            };
            let served: Vec<_> = served.iter().map(|name| (*name).to_owned()).collect();
            let made = self.store.ensure(&machine, &served, now).unwrap();
            let text = |path: &Path| fs::read_to_string(path).unwrap();
            (text(&made.authority), text(&made.leaf.cert))
        }

        fn names(&self) -> Vec<String> {
            let record = fs::read(record(&self.store.leaf)).unwrap();
            serde_json::from_slice::<Issued>(&record).unwrap().names
        }
    }

    #[test]
    fn certificate_is_renewed_without_its_authority() {
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
    fn new_host_name_renews_the_certificate() {
        let folder = folder();
        let (ca, cert) = folder.ensured("pc", NOW);
        let (same, renewed) = folder.ensured("pc.local", NOW);
        assert_eq!(same, ca);
        assert_eq!(renewed, cert, "the names are the same ones");
        let (same, renewed) = folder.ensured("mac.local", NOW);
        assert_eq!(same, ca);
        assert_ne!(renewed, cert);
        let names = folder.names();
        assert!(names.contains(&"mac.local".to_owned()), "{names:?}");
        assert!(!names.contains(&"mac".to_owned()), "{names:?}");
    }

    #[test]
    fn servers_with_other_names_share_the_certificate() {
        let folder = folder();
        let (ca, local) = folder.ensured("pc", NOW);
        let (same, open) = folder.served("pc", &["0.0.0.0", "mock.test"], NOW);
        assert_eq!(same, ca);
        assert_ne!(open, local);
        let (_, again) = folder.served("pc", &["other.test"], NOW);
        for served in [&["mock.test"][..], &["other.test"], &[]] {
            assert_eq!(
                folder.served("pc", served, NOW),
                (ca.clone(), again.clone())
            );
        }
        // Its address is not served now, so the certificate no longer has it.
        assert!(!folder.names().contains(&"192.168.7.9".to_owned()));
    }

    #[test]
    fn damaged_files_are_made_anew() {
        let folder = folder();
        let (ca, cert) = folder.ensured("pc", NOW);
        fs::write(&folder.store.leaf.cert, "rubbish").unwrap();
        let (same, other) = folder.ensured("pc", NOW);
        assert_eq!(same, ca);
        assert_ne!(other, cert);
        fs::write(record(&folder.store.leaf), "{}").unwrap();
        assert_eq!(folder.ensured("pc", NOW).0, ca);
        fs::remove_file(&folder.store.authority.key).unwrap();
        assert_ne!(folder.ensured("pc", NOW).0, ca);
        folder.store.clear().unwrap();
        folder.ensured("pc", NOW);
    }

    #[test]
    fn servers_that_start_together_share_one_authority() {
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
    fn keys_are_readable_by_their_owner_only() {
        use std::os::unix::fs::PermissionsExt;

        let folder = folder();
        folder.ensured("pc", NOW);
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&folder.store.leaf.key), 0o600);
        assert_eq!(mode(&folder.store.authority.key), 0o600);
        assert_eq!(mode(&folder.store.folder), 0o700);
    }
}
