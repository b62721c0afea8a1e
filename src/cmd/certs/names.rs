//! What a development certificate is good for: this machine, by all its names.

use std::collections::BTreeSet;

/// Names that mean this machine on any machine.
const LOCAL: [&str; 4] = ["localhost", "*.localhost", "127.0.0.1", "::1"];
/// Top names that no public authority signs for, and that only a local network knows.
const PRIVATE: [&str; 6] = ["localhost", "local", "test", "internal", "lan", "home.arpa"];

/// The name of this machine.
pub(super) fn host() -> Option<String> {
    sysinfo::System::host_name().ok()
}

/// What the certificate should be good for, on a machine of this name.
pub(super) fn wanted(host: Option<&str>) -> BTreeSet<String> {
    let mut names: BTreeSet<_> = LOCAL.map(str::to_owned).into();
    names.extend(host.into_iter().flat_map(of_host));
    names
}

/// What an authority may sign for, so that its key in the wrong hands opens no other door.
pub(super) fn permitted(host: Option<&str>) -> Vec<String> {
    let mut names: Vec<_> = PRIVATE.map(str::to_owned).into();
    let own = host.into_iter().flat_map(of_host);
    for name in own.collect::<Vec<_>>() {
        if !covers(&names, &name) {
            names.push(name);
        }
    }
    names
}

/// Whether a name, or an address, is below one of those that are permitted.
pub(super) fn covers(permitted: &[String], name: &str) -> bool {
    let below = |top: &String| {
        name == top
            || name
                .strip_suffix(top.as_str())
                .is_some_and(|rest| rest.ends_with('.'))
    };
    name.parse::<std::net::IpAddr>().is_ok() || permitted.iter().any(below)
}

/// In full, its first part, and what a local network calls it.
fn of_host(host: &str) -> Vec<String> {
    let full = host.trim_matches('.').to_ascii_lowercase();
    let part = |part: &str| {
        (1..=63).contains(&part.len())
            && part
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
    };
    if full.len() > 240 || !full.split('.').all(part) {
        return Vec::new();
    }
    match full.split_once('.') {
        Some((first, _)) => vec![first.to_owned(), full],
        None if full == "localhost" => Vec::new(),
        None => vec![format!("{full}.local"), full],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_has_a_short_and_a_long_name() {
        for (host, expected) in [
            ("Laptop", &["laptop.local", "laptop"][..]),
            ("mac.local", &["mac", "mac.local"]),
            ("pc.corp.example.", &["pc", "pc.corp.example"]),
            ("localhost", &[]),
            ("пк", &[]),
            ("a b", &[]),
            ("a..b", &[]),
            ("", &[]),
        ] {
            assert_eq!(of_host(host), expected, "{host}");
        }
    }

    #[test]
    fn an_authority_signs_for_this_machine_and_private_names_only() {
        let permitted = permitted(Some("pc.corp.example"));
        for (name, expected) in [
            ("localhost", true),
            ("*.localhost", true),
            ("shop.test", true),
            ("pc", true),
            ("pc.corp.example", true),
            ("a.pc.corp.example", true),
            ("127.0.0.1", true),
            ("::1", true),
            ("corp.example", false),
            ("notpc", false),
            ("example.com", false),
        ] {
            assert_eq!(covers(&permitted, name), expected, "{name}");
        }
    }
}
