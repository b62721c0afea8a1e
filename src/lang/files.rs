//! Where the texts of a scenario come from: the disk, within bounds, or nowhere.

use std::path::{Component, Path, PathBuf};

use super::tree::MAX_BYTES;
use crate::disk::{self, reason};

/// Opens what a scenario names. An error is the reason, in words.
pub trait Files: Sync {
    /// The text of a scenario.
    fn scenario(&self, path: &Path) -> Result<String, String>;

    /// The text of a file that has to lie below `folder`.
    fn below(&self, folder: &Path, path: &Path) -> Result<String, String>;
}

/// The files of this machine.
#[derive(Debug, Clone, Copy)]
pub struct Disk;

/// No files: for texts that stand on their own.
#[derive(Debug, Clone, Copy)]
pub struct NoFiles;

impl Files for Disk {
    fn scenario(&self, path: &Path) -> Result<String, String> {
        read(path)
    }

    fn below(&self, folder: &Path, path: &Path) -> Result<String, String> {
        const OUTSIDE: &str = "it lies outside of the scenario's folder";
        let folder = match folder {
            here if here.as_os_str().is_empty() => Path::new("."),
            folder => folder,
        };
        let root = folder.canonicalize().map_err(|error| reason(&error))?;
        // Before the disk is asked: whether there is such a file elsewhere is nobody's business.
        let named = spelt_out(path)?;
        if !named.starts_with(spelt_out(folder)?) && !named.starts_with(&root) {
            return Err(OUTSIDE.to_owned());
        }
        let found = path.canonicalize().map_err(|error| reason(&error))?;
        if !found.starts_with(&root) {
            return Err(OUTSIDE.to_owned());
        }
        read(&found)
    }
}

impl Files for NoFiles {
    fn scenario(&self, _: &Path) -> Result<String, String> {
        Err("there are no files here".to_owned())
    }

    fn below(&self, _: &Path, _: &Path) -> Result<String, String> {
        Err("there are no files here".to_owned())
    }
}

/// From the root on and without `..`, as far as names alone say.
fn spelt_out(path: &Path) -> Result<PathBuf, String> {
    let whole = std::path::absolute(path).map_err(|error| reason(&error))?;
    let mut plain = PathBuf::new();
    for part in whole.components() {
        match part {
            Component::ParentDir => {
                plain.pop();
            }
            part => plain.push(part),
        }
    }
    Ok(plain)
}

fn read(path: &Path) -> Result<String, String> {
    let bytes = disk::read(path, MAX_BYTES)?;
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let before = String::from_utf8_lossy(&error.as_bytes()[..at]);
        let line = before.matches('\n').count() + 1;
        let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
        let byte = error.as_bytes()[at];
        format!("it is not UTF-8: byte `0x{byte:02x}` at {line}:{column}; save it as UTF-8")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_below_the_folder_only() {
        let outer = tempfile::tempdir().unwrap();
        let folder = outer.path().join("scenario");
        std::fs::create_dir_all(folder.join("data")).unwrap();
        std::fs::write(folder.join("data/a.json"), "[]").unwrap();
        std::fs::write(outer.path().join("secret.json"), "[1]").unwrap();

        let read = |path: &str| Disk.below(&folder, &folder.join(path));
        assert_eq!(read("data/a.json"), Ok("[]".to_owned()));
        assert_eq!(read("data/../data/a.json"), Ok("[]".to_owned()));
        let outside = Err("it lies outside of the scenario's folder".to_owned());
        assert_eq!(read("../secret.json"), outside);
        assert_eq!(read("../no-such-secret.json"), outside);
        assert_eq!(read("data/../../scenario/data/a.json"), Ok("[]".to_owned()));
        assert_eq!(
            read(outer.path().join("secret.json").to_str().unwrap()),
            outside
        );
        assert_eq!(read("data"), Err("it is no file".to_owned()));
        assert_eq!(read("b.json"), Err("there is no such file".to_owned()));
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(outer.path().join("secret.json"), folder.join("link.json"))
                .unwrap();
            assert_eq!(read("link.json"), outside);
        }
    }

    #[test]
    fn a_file_has_a_largest_size_and_is_text() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.yaml");
        std::fs::write(&path, vec![b' '; MAX_BYTES + 1]).unwrap();
        assert_eq!(
            Disk.scenario(&path),
            Err("it is larger than 16 MiB".to_owned())
        );
        std::fs::write(&path, b"a: b\nc: \xd1\x8f\xff").unwrap();
        assert_eq!(
            Disk.scenario(&path),
            Err("it is not UTF-8: byte `0xff` at 2:5; save it as UTF-8".to_owned())
        );
    }
}
