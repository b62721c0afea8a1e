//! Files that somebody named: regular ones only, within bounds. A pipe or a device could block or never end.

use std::fs::File;
use std::io::{Error, ErrorKind, Read};
use std::path::Path;

/// What a file holds. An error is the reason, in words.
pub fn read(path: &Path, most: usize) -> Result<Vec<u8>, String> {
    let kind = path.metadata().map_err(|error| reason(&error))?;
    if !kind.is_file() {
        return Err("it is no file".to_owned());
    }
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(most as u64 + 1).read_to_end(&mut bytes))
        .map_err(|error| reason(&error))?;
    if bytes.len() > most {
        return Err(format!("it is larger than {} MiB", most >> 20));
    }
    Ok(bytes)
}

/// Why a file cannot be had.
pub fn reason(error: &Error) -> String {
    match error.kind() {
        ErrorKind::NotFound => "there is no such file".to_owned(),
        ErrorKind::PermissionDenied => "it may not be read".to_owned(),
        _ => error.to_string().to_lowercase(),
    }
}
