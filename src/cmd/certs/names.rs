//! Names and addresses that the development certificate is for: those of this machine, and those it is served under.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// They mean this machine on any machine. `*.localhost` is left out: OpenSSL ignores a wildcard for a top name, and
/// rustls and Firefox then refuse the whole certificate.
const LOCAL: [&str; 3] = ["localhost", "127.0.0.1", "::1"];
/// Top names that no public authority signs for, and that only a local network knows.
const PRIVATE: [&str; 6] = ["localhost", "local", "test", "internal", "lan", "home.arpa"];

/// Loopback, private and link-local addresses, which every authority may sign for.
pub(super) const LOCAL_NETWORKS: [(IpAddr, u8); 8] = [
    (IpAddr::V4(Ipv4Addr::new(127, 0, 0, 0)), 8),
    (IpAddr::V4(Ipv4Addr::new(10, 0, 0, 0)), 8),
    (IpAddr::V4(Ipv4Addr::new(172, 16, 0, 0)), 12),
    (IpAddr::V4(Ipv4Addr::new(192, 168, 0, 0)), 16),
    (IpAddr::V4(Ipv4Addr::new(169, 254, 0, 0)), 16),
    (IpAddr::V6(Ipv6Addr::LOCALHOST), 128),
    (IpAddr::V6(Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0)), 7),
    (IpAddr::V6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0)), 10),
];

/// Names and addresses of this machine.
#[derive(Debug, Clone, Default)]
pub(super) struct ThisMachine {
    pub(super) host: Option<String>,
    pub(super) addresses: Vec<IpAddr>,
}

impl ThisMachine {
    pub(super) fn now() -> Self {
        let networks = sysinfo::Networks::new_with_refreshed_list().ok();
        let networks = networks.iter().flat_map(|networks| networks.values());
        let networks = networks.flat_map(sysinfo::NetworkData::ip_networks);
        // A link-local IPv6 address needs a zone, which URLs of browsers cannot have.
        let is_usable = |ip: &IpAddr| !matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local());
        ThisMachine {
            host: sysinfo::System::host_name().ok(),
            addresses: networks
                .map(|network| network.addr)
                .filter(is_usable)
                .collect(),
        }
    }

    /// The names of a certificate for this machine, `served` under these hosts and addresses too.
    pub(super) fn wanted(&self, served: &[String]) -> BTreeSet<String> {
        let mut names: BTreeSet<_> = LOCAL.map(str::to_owned).into();
        names.extend(self.host.iter().flat_map(|host| of_host(host)));
        for name in served {
            match name.parse::<IpAddr>() {
                Ok(ip) if ip.is_unspecified() => {
                    names.extend(self.addresses.iter().map(IpAddr::to_string));
                }
                Ok(ip) => drop(names.insert(ip.to_string())),
                Err(_) => names.extend(dns_name(name)),
            }
        }
        names
    }

    /// Names that a new authority may sign for, so that its key in the wrong hands opens no other door.
    pub(super) fn permitted(&self, wanted: &BTreeSet<String>) -> BTreeSet<String> {
        let mut permitted: BTreeSet<_> = PRIVATE.map(str::to_owned).into();
        // Its addresses even if only localhost is served now: a later `--host 0.0.0.0` needs no other authority.
        let addresses = self.addresses.iter().map(IpAddr::to_string);
        for name in addresses.chain(wanted.iter().cloned()) {
            if !covers(&permitted, &name) {
                permitted.insert(name);
            }
        }
        permitted
    }
}

/// True if an authority with these `permitted` names may sign for `name`, which may be an address.
pub(super) fn covers<'a>(permitted: impl IntoIterator<Item = &'a String>, name: &str) -> bool {
    if name.parse().is_ok_and(|ip| is_local(&ip)) {
        return true;
    }
    let below = |top: &String| {
        let rest = name.strip_suffix(top.as_str());
        rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    permitted.into_iter().any(below)
}

fn is_local(ip: &IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_loopback() || ip.is_private() || ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local(),
    }
}

/// In full, its first part, and its name in a local network.
fn of_host(host: &str) -> Vec<String> {
    let Some(full) = dns_name(host) else {
        return Vec::new();
    };
    match full.split_once('.') {
        Some((first, _)) => vec![first.to_owned(), full],
        None if full == "localhost" => Vec::new(),
        None => vec![format!("{full}.local"), full],
    }
}

fn dns_name(text: &str) -> Option<String> {
    let name = text.trim_matches('.').to_ascii_lowercase();
    let is_label = |label: &str| {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        (1..=63).contains(&label.len()) && label.chars().all(plain)
    };
    (name.len() <= 240 && name.split('.').all(is_label)).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(host: &str) -> ThisMachine {
        ThisMachine {
            host: Some(host.to_owned()),
            addresses: vec![[192, 168, 7, 9].into(), [203, 0, 113, 5].into()],
        }
    }

    #[test]
    fn hosts_have_a_short_and_a_long_name() {
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
    fn served_names_and_addresses_are_wanted() {
        let wanted = |served: &[&str]| {
            let served: Vec<String> = served.iter().map(|name| (*name).to_owned()).collect();
            let mut names = machine("localhost").wanted(&served);
            names.retain(|name| !LOCAL.contains(&name.as_str()));
            names.into_iter().collect::<Vec<_>>()
        };
        assert!(wanted(&["localhost", "127.0.0.1"]).is_empty());
        assert_eq!(wanted(&["0.0.0.0"]), ["192.168.7.9", "203.0.113.5"]);
        assert_eq!(wanted(&["10.1.2.3"]), ["10.1.2.3"]);
        assert_eq!(wanted(&["Mock.Example", "a:8080"]), ["mock.example"]);
    }

    #[test]
    fn authorities_sign_for_this_machine_and_private_names_only() {
        let machine = machine("pc.corp.example");
        let permitted = machine.permitted(&machine.wanted(&[]));
        for (name, expected) in [
            ("localhost", true),
            ("a.localhost", true),
            ("shop.test", true),
            ("pc", true),
            ("pc.corp.example", true),
            ("a.pc.corp.example", true),
            ("127.0.0.1", true),
            ("::1", true),
            ("10.9.8.7", true),
            ("203.0.113.5", true),
            ("203.0.113.6", false),
            ("corp.example", false),
            ("notpc", false),
            ("example.com", false),
        ] {
            assert_eq!(covers(&permitted, name), expected, "{name}");
        }
    }
}
