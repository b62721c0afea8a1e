//! Where a user's data lies, by the custom of each system.

use std::path::{Path, PathBuf};

use anyhow::Context;

/// The folder for our data; `env` answers what a variable of the environment holds, `system_home` is the home when
/// none names it.
pub(super) fn data(
    env: &dyn Fn(&str) -> Option<String>,
    system_home: Option<&Path>,
) -> anyhow::Result<PathBuf> {
    let get = |name: &str| {
        env(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    if let Some(own) = get("WS_MOCK_DATA") {
        return Ok(own);
    }
    let home = || get("HOME").or_else(|| system_home.map(Path::to_owned));
    let base = if cfg!(windows) {
        get("LOCALAPPDATA").or_else(|| home().map(|home| home.join("AppData/Local")))
    } else if cfg!(target_os = "macos") {
        home().map(|home| home.join("Library/Application Support"))
    } else {
        get("XDG_DATA_HOME")
            .filter(|path| path.is_absolute())
            .or_else(|| home().map(|home| home.join(".local/share")))
    };
    let base = base.context("there is no home folder; name one for our data in `WS_MOCK_DATA`")?;
    Ok(base.join("ws-mock"))
}

#[cfg(all(test, not(any(windows, target_os = "macos"))))]
mod tests {
    use super::*;

    #[test]
    fn the_folder_follows_the_environment() {
        for (variables, expected) in [
            (
                &[("HOME", "/home/a")][..],
                Some("/home/a/.local/share/ws-mock"),
            ),
            (
                &[("HOME", "/home/a"), ("XDG_DATA_HOME", "/d")],
                Some("/d/ws-mock"),
            ),
            // As the XDG specification wants it.
            (
                &[("HOME", "/home/a"), ("XDG_DATA_HOME", "d")],
                Some("/home/a/.local/share/ws-mock"),
            ),
            (&[("WS_MOCK_DATA", "x"), ("XDG_DATA_HOME", "/d")], Some("x")),
            (
                &[("WS_MOCK_DATA", ""), ("XDG_DATA_HOME", "/d")],
                Some("/d/ws-mock"),
            ),
            (&[], None),
        ] {
            let env = |wanted: &str| {
                let mut all = variables.iter();
                all.find(|(name, _)| *name == wanted)
                    .map(|(_, value)| (*value).to_owned())
            };
            let found = data(&env, None).ok();
            assert_eq!(found, expected.map(PathBuf::from), "{variables:?}");
        }
        let found = data(&|_| None, Some(Path::new("/home/b"))).unwrap();
        assert_eq!(found, PathBuf::from("/home/b/.local/share/ws-mock"));
    }
}
