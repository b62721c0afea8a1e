//! Files of this machine: regular ones only, within bounds. A pipe or a device could block or never end.

use std::fs::File;
use std::io::{Error, ErrorKind, Read};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use crate::lang::model::Scenario;
use crate::lang::{self, Env, FileText, Files, MAX_FILE_BYTES, Problems};

/// Reads a bundled scenario by its name, or a file of this machine.
pub fn load(name_or_path: &str, env: Env<'_>) -> Result<Arc<Scenario>, Problems> {
    lang::load(name_or_path, &Disk, env)
}

/// Reads a regular file of up to `max` bytes. The error is the reason in words.
pub fn read(path: &Path, max: usize) -> Result<Vec<u8>, String> {
    let kind = path.metadata().map_err(|error| reason(&error))?;
    if !kind.is_file() {
        return Err("it is not a file".to_owned());
    }
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(max as u64 + 1).read_to_end(&mut bytes))
        .map_err(|error| reason(&error))?;
    if bytes.len() > max {
        return Err(format!("it is larger than {} MiB", max >> 20));
    }
    Ok(bytes)
}

pub fn reason(error: &Error) -> String {
    match error.kind() {
        ErrorKind::NotFound => "there is no such file".to_owned(),
        ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => error.to_string().to_lowercase(),
    }
}

#[derive(Debug, Clone, Copy)]
pub struct Disk;

impl Files for Disk {
    fn scenario(&self, path: &Path) -> Result<FileText, String> {
        let text = read_utf8(path)?;
        let identity = path.canonicalize().map_err(|error| reason(&error))?;
        Ok(FileText { text, identity })
    }

    fn below(&self, folder: &Path, path: &Path) -> Result<FileText, String> {
        const OUTSIDE: &str = "it is outside of the scenario's folder";
        let folder = match folder {
            here if here.as_os_str().is_empty() => Path::new("."),
            folder => folder,
        };
        let root = folder.canonicalize().map_err(|error| reason(&error))?;
        // Before the disk is asked: the answer must not say which files exist elsewhere.
        let named = without_dots(path)?;
        if !named.starts_with(without_dots(folder)?) && !named.starts_with(&root) {
            return Err(OUTSIDE.to_owned());
        }
        let identity = path.canonicalize().map_err(|error| reason(&error))?;
        if !identity.starts_with(&root) {
            return Err(OUTSIDE.to_owned());
        }
        let text = read_utf8(&identity)?;
        Ok(FileText { text, identity })
    }
}

/// An absolute path without `..`, by names alone.
fn without_dots(path: &Path) -> Result<PathBuf, String> {
    let whole = std::path::absolute(path).map_err(|error| reason(&error))?;
    let mut plain = PathBuf::new();
    for part in whole.components() {
        if part == Component::ParentDir {
            plain.pop();
        } else {
            plain.push(part);
        }
    }
    Ok(plain)
}

fn read_utf8(path: &Path) -> Result<String, String> {
    let bytes = read(path, MAX_FILE_BYTES)?;
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

        let read = |path: &str| {
            let found = Disk.below(&folder, &folder.join(path));
            found.map(|found| found.text)
        };
        assert_eq!(read("data/a.json"), Ok("[]".to_owned()));
        assert_eq!(read("data/../data/a.json"), Ok("[]".to_owned()));
        let outside = Err("it is outside of the scenario's folder".to_owned());
        assert_eq!(read("../secret.json"), outside);
        assert_eq!(read("../no-such-secret.json"), outside);
        assert_eq!(read("data/../../scenario/data/a.json"), Ok("[]".to_owned()));
        assert_eq!(
            read(outer.path().join("secret.json").to_str().unwrap()),
            outside
        );
        assert_eq!(read("data"), Err("it is not a file".to_owned()));
        assert_eq!(read("b.json"), Err("there is no such file".to_owned()));
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(outer.path().join("secret.json"), folder.join("link.json"))
                .unwrap();
            assert_eq!(read("link.json"), outside);
        }
    }

    #[test]
    fn files_are_bounded_and_utf8() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.yaml");
        let read = || Disk.scenario(&path).map(|found| found.text);
        std::fs::write(&path, vec![b' '; MAX_FILE_BYTES + 1]).unwrap();
        assert_eq!(read(), Err("it is larger than 16 MiB".to_owned()));
        std::fs::write(&path, b"a: b\nc: \xd1\x8f\xff").unwrap();
        assert_eq!(
            read(),
            Err("it is not UTF-8: byte `0xff` at 2:5; save it as UTF-8".to_owned())
        );
    }
}
