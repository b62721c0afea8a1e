//! The ready file, by which others learn where a server listens and that it does.

use std::io::{self, ErrorKind};
use std::path::Path;
use std::{fs, process};

use super::{ServerError, Urls};

/// Removes the ready file of an earlier run, which a waiting process would take for this one's.
pub(super) fn remove(path: &Path) -> Result<(), ServerError> {
    match fs::remove_file(path) {
        Err(cause) if cause.kind() != ErrorKind::NotFound => Err(failed(path, cause)),
        _ => Ok(()),
    }
}

/// Writes beside the path and renames, so that no reader sees half of it.
pub(super) fn write(path: &Path, port: u16, urls: &Urls) -> Result<(), ServerError> {
    let ready = serde_json::json!({
        "pid": process::id(),
        "port": port,
        "ws": urls.ws,
        "http": urls.http,
        "control": urls.control,
    });
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}", process::id()));
    let beside = path.with_file_name(name);
    let written = fs::write(&beside, format!("{ready}\n")).and_then(|()| fs::rename(&beside, path));
    written.map_err(|cause| {
        fs::remove_file(&beside).ok();
        failed(path, cause)
    })
}

fn failed(path: &Path, cause: io::Error) -> ServerError {
    ServerError::Ready {
        path: path.to_owned(),
        cause,
    }
}
