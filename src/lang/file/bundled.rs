//! The scenarios inside the binary: files of `fixtures/`.

macro_rules! bundled {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../../../fixtures/", $name, ".yaml")))),*]
    };
}

/// Name and text of each, the default first.
pub fn bundled() -> &'static [(&'static str, &'static str)] {
    bundled![
        "stations",
        "assignments",
        "containers",
        "towers",
        "schedule",
        "echo"
    ]
}

pub(crate) fn find(name: &str) -> Option<(&'static str, &'static str)> {
    bundled().iter().copied().find(|(known, _)| *known == name)
}
