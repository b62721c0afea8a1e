//! Access rules for `Host` and `Origin`: any page in a browser can send requests to this machine.
//!
//! Invariant: pure. The values of clients are compared, never trusted.

use std::net::{IpAddr, Ipv6Addr};

use crate::base::text::shortened;

#[derive(Debug, Clone, Default)]
pub struct Rules {
    /// The addresses that the server listens on.
    pub addresses: Vec<IpAddr>,
    /// The server's names in lower case: its host, this machine's name, `--allow-host`.
    pub names: Vec<String>,
    pub origins: Vec<String>,
    pub control_origins: Vec<String>,
}

/// The headers of a request that say where it comes from and where it goes.
#[derive(Debug, Clone, Copy)]
pub struct Caller<'a> {
    pub host: Option<&'a str>,
    pub origin: Option<&'a str>,
    pub site: Option<&'a str>,
    /// A top-level navigation by GET, as `Sec-Fetch-Mode` and `Sec-Fetch-Dest` say.
    pub navigates: bool,
    /// The server's address as this connection sees it.
    pub local: IpAddr,
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum AccessError {
    #[error("exactly one `Host` header is required")]
    NoHost,
    #[error("`Host` must be a name or an address with an optional port, got `{0}`")]
    BadHost(String),
    /// DNS rebinding, or an unknown proxy.
    #[error("host `{0}` is not a name of this server; hint: allow it with `--allow-host {0}`")]
    Host(String),
    #[error(
        "origin `{0}` may not connect; hint: allow it with `--allow-origin {0}`, or every origin with `'*'`"
    )]
    Origin(String),
    #[error("origin `{0}` may not use the control API; hint: allow it with `--control-origin {0}`")]
    ControlOrigin(String),
    /// A page of another site, by `Sec-Fetch-Site`, that sends no origin.
    #[error(
        "a page of another site may not use the control API; hint: allow its origin with `--control-origin`"
    )]
    ControlSite,
    /// The same at the mocked endpoints.
    #[error(
        "a page of another site may not connect without an `Origin`; hint: request with CORS, or allow every origin with `--allow-origin '*'`"
    )]
    OtherSite,
}

#[derive(Debug, PartialEq, Eq)]
struct WebOrigin {
    scheme: String,
    host: String,
    port: Option<u16>,
}

impl Rules {
    /// Checks that `Host` is a name or address of the server.
    pub fn host(&self, caller: &Caller<'_>) -> Result<(), AccessError> {
        let given = caller.host.ok_or(AccessError::NoHost)?;
        match authority(given) {
            Some((host, _)) if self.is_own(&host, caller.local) => Ok(()),
            Some((host, _)) => Err(AccessError::Host(shortened(&host))),
            None => Err(AccessError::BadHost(shortened(given))),
        }
    }

    /// Checks that a page may use the mocked endpoints. `Host` was checked before.
    pub fn mocked(&self, caller: &Caller<'_>) -> Result<(), AccessError> {
        let Some(given) = caller.origin else {
            // Images, scripts and forms of a foreign page send no origin. A link to the mock may be followed.
            let open = caller.navigates || self.origins.iter().any(|origin| origin == "*");
            return if caller.is_cross_site() && !open {
                Err(AccessError::OtherSite)
            } else {
                Ok(())
            };
        };
        let near =
            |origin: &WebOrigin| is_near(&origin.host) || self.is_own(&origin.host, caller.local);
        if is_listed(&self.origins, given)
            || WebOrigin::read(given).is_some_and(|origin| near(&origin))
        {
            return Ok(());
        }
        Err(AccessError::Origin(shortened(given)))
    }

    /// Checks that a page may use the control API. `Host` was checked before.
    pub fn control(&self, caller: &Caller<'_>) -> Result<(), AccessError> {
        if self.is_control_origin(caller) {
            return Ok(());
        }
        if let Some(given) = caller.origin
            && !is_same(given, caller.host)
        {
            return Err(AccessError::ControlOrigin(shortened(given)));
        }
        if caller.is_cross_site() {
            return Err(AccessError::ControlSite);
        }
        Ok(())
    }

    pub fn is_control_origin(&self, caller: &Caller<'_>) -> bool {
        caller
            .origin
            .is_some_and(|given| is_listed(&self.control_origins, given))
    }

    fn is_own(&self, host: &str, local: IpAddr) -> bool {
        match address(host) {
            Some(ip) => {
                let ip = ip.to_canonical();
                ip.is_loopback() || ip == local.to_canonical() || self.addresses.contains(&ip)
            }
            None => is_loopback_name(host) || self.names.iter().any(|name| name == host),
        }
    }
}

impl Caller<'_> {
    fn is_cross_site(&self) -> bool {
        self.site
            .is_some_and(|site| site.eq_ignore_ascii_case("cross-site"))
    }
}

impl WebOrigin {
    fn read(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
        if scheme.is_empty() || !scheme.bytes().all(plain) {
            return None;
        }
        let (host, port) = authority(rest)?;
        let scheme = scheme.to_ascii_lowercase();
        let port = port.or(match scheme.as_str() {
            "http" => Some(80),
            "https" => Some(443),
            _ => None,
        });
        Some(Self { scheme, host, port })
    }
}

/// The host in lower case, without brackets and final dot, and the port.
fn authority(text: &str) -> Option<(String, Option<u16>)> {
    let (host, rest) = match text.strip_prefix('[') {
        Some(inner) => {
            let (host, rest) = inner.split_once(']')?;
            host.parse::<Ipv6Addr>().ok()?;
            (host, rest)
        }
        None => text.split_at(text.find(':').unwrap_or(text.len())),
    };
    let port = match rest.strip_prefix(':') {
        None if rest.is_empty() => None,
        // RFC 3986, section 3.2.3: the port after the colon may be empty.
        Some("") => None,
        Some(port) if port.bytes().all(|byte| byte.is_ascii_digit()) => Some(port.parse().ok()?),
        _ => return None,
    };
    let host = host.strip_suffix('.').unwrap_or(host);
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte);
    let sound = host.bytes().all(plain) && host.split('.').all(|label| !label.is_empty());
    sound.then(|| (host.to_ascii_lowercase(), port))
}

fn address(host: &str) -> Option<IpAddr> {
    host.parse().ok()
}

fn is_loopback_name(host: &str) -> bool {
    host == "localhost" || is_below(host, "localhost")
}

fn is_below(host: &str, domain: &str) -> bool {
    host.strip_suffix(domain)
        .is_some_and(|name| name.ends_with('.'))
}

/// Hosts from which no site on the internet can serve a page.
fn is_near(host: &str) -> bool {
    match address(host).map(|ip| ip.to_canonical()) {
        Some(IpAddr::V4(ip)) => ip.is_loopback() || ip.is_private() || ip.is_link_local(),
        Some(IpAddr::V6(ip)) => {
            ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local()
        }
        None => is_loopback_name(host) || is_below(host, "local") || is_below(host, "test"),
    }
}

fn is_listed(list: &[String], given: &str) -> bool {
    list.iter().any(|allowed| {
        allowed == "*"
            || allowed.eq_ignore_ascii_case(given)
            || WebOrigin::read(allowed.trim_end_matches('/'))
                .is_some_and(|allowed| WebOrigin::read(given) == Some(allowed))
    })
}

/// The page has the origin of its request. Both schemes are answered on the same port.
fn is_same(origin: &str, host: Option<&str>) -> bool {
    let (Some(origin), Some((name, port))) = (WebOrigin::read(origin), host.and_then(authority))
    else {
        return false;
    };
    let default = match origin.scheme.as_str() {
        "http" => 80,
        "https" => 443,
        _ => return false,
    };
    origin.host == name && origin.port == Some(port.unwrap_or(default))
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const LOCAL: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 1, 2, 3));

    fn rules() -> Rules {
        Rules {
            addresses: vec![IpAddr::from([192, 168, 7, 7])],
            names: vec!["mock".into(), "dev.example.org".into()],
            origins: vec![
                "https://app.example.com".into(),
                "http://b.example:8080/".into(),
            ],
            control_origins: vec!["http://console.test:4000".into()],
        }
    }

    fn caller<'a>(host: &'a str, origin: Option<&'a str>, site: Option<&'a str>) -> Caller<'a> {
        Caller {
            host: Some(host),
            origin,
            site,
            navigates: false,
            local: LOCAL,
        }
    }

    #[test]
    fn host_must_be_the_servers_own() {
        for (host, accepted) in [
            ("localhost", true),
            ("LocalHost:10009", true),
            ("localhost.:10009", true),
            ("app.localhost:1", true),
            ("127.0.0.1:10009", true),
            ("127.9.9.9", true),
            ("[::1]:10009", true),
            ("[::ffff:127.0.0.1]", true),
            ("10.1.2.3:10009", true),
            ("192.168.7.7", true),
            ("mock:10009", true),
            ("MOCK", true),
            ("dev.example.org", true),
            ("localhost:", true),
            ("[::1]:", true),
            ("localhost:+80", false),
            (".localhost", false),
            ("a..localhost", false),
            ("localhost..", false),
            ("10.1.2.4", false),
            ("[::2]", false),
            ("evil.example", false),
            ("localhost.evil.example", false),
            ("127.0.0.1.evil.example", false),
            ("notlocalhost", false),
            ("mock.evil.example", false),
            ("localhost:port", false),
            ("localhost:99999", false),
            ("localhost@evil.example", false),
            ("evil.example/localhost", false),
            ("[localhost]", false),
            ("[::1", false),
            ("::1", false),
            ("", false),
            (".", false),
        ] {
            let found = rules().host(&caller(host, None, None));
            assert_eq!(found.is_ok(), accepted, "host `{host}`: {found:?}");
        }
        let words = |host| {
            let refused = rules().host(&caller(host, None, None));
            refused.map_err(|error| error.to_string()).unwrap_err()
        };
        assert!(words("evil.example:80").ends_with("--allow-host evil.example`"));
        assert!(words("localhost:port").contains("must be a name"));
        let nobody = Caller {
            host: None,
            ..caller("", None, None)
        };
        assert_eq!(rules().host(&nobody), Err(AccessError::NoHost));
    }

    #[test]
    fn pages_near_by_may_use_the_mocked_endpoints() {
        for (origin, accepted) in [
            ("http://localhost:5173", true),
            ("https://app.localhost", true),
            ("capacitor://localhost", true),
            ("http://127.0.0.1:3000", true),
            ("http://[::1]:3000", true),
            ("http://10.0.0.5", true),
            ("http://172.16.0.1", true),
            ("http://172.31.255.255", true),
            ("http://192.168.1.20:8080", true),
            ("http://169.254.3.4", true),
            ("http://[fd12::1]:3000", true),
            ("http://[fe80::1]", true),
            ("http://laptop.local", true),
            ("http://shop.test:8000", true),
            ("http://mock:9", true),
            ("https://app.example.com", true),
            ("https://APP.example.com:443", true),
            ("http://b.example:8080", true),
            ("http://app.example.com", false),
            ("https://app.example.com:8443", false),
            ("https://app.example.com.evil.example", false),
            ("http://172.32.0.1", false),
            ("http://8.8.8.8", false),
            ("http://[2001:db8::1]", false),
            ("http://local", false),
            ("http://test", false),
            ("http://evillocal", false),
            ("http://localhost.evil.example", false),
            ("http://localhost@evil.example", false),
            ("http://evil.example", false),
            ("://localhost", false),
            ("a b://localhost", false),
            ("http://.localhost", false),
            ("null", false),
            ("localhost", false),
            ("", false),
        ] {
            let found = rules().mocked(&caller("localhost", Some(origin), None));
            assert_eq!(found.is_ok(), accepted, "origin `{origin}`: {found:?}");
        }
        assert_eq!(rules().mocked(&caller("localhost", None, None)), Ok(()));
        let foreign = caller("localhost", None, Some("Cross-Site"));
        assert_eq!(rules().mocked(&foreign), Err(AccessError::OtherSite));
    }

    #[test]
    fn a_star_lets_every_origin_in() {
        let open = Rules {
            origins: vec!["*".into()],
            ..rules()
        };
        for origin in ["https://evil.example", "null", "x"] {
            assert_eq!(
                open.mocked(&caller("localhost", Some(origin), None)),
                Ok(())
            );
        }
        let foreign = caller("localhost", None, Some("cross-site"));
        assert_eq!(open.mocked(&foreign), Ok(()));
    }

    #[test]
    fn control_api_accepts_own_and_named_origins() {
        for (host, origin, site, accepted) in [
            ("localhost:10009", None, None, true),
            ("localhost:10009", None, Some("none"), true),
            ("localhost:10009", None, Some("same-origin"), true),
            ("localhost:10009", None, Some("cross-site"), false),
            (
                "localhost:10009",
                Some("http://localhost:10009"),
                None,
                true,
            ),
            (
                "localhost:10009",
                Some("https://localhost:10009"),
                Some("same-origin"),
                true,
            ),
            (
                "localhost:10009",
                Some("https://localhost:10009"),
                Some("cross-site"),
                false,
            ),
            ("localhost", Some("http://localhost"), None, true),
            ("localhost", Some("https://localhost"), None, true),
            (
                "localhost:10009",
                Some("http://localhost:5173"),
                Some("same-site"),
                false,
            ),
            (
                "localhost:10009",
                Some("http://127.0.0.1:10009"),
                None,
                false,
            ),
            (
                "localhost:10009",
                Some("ftp://localhost:10009"),
                None,
                false,
            ),
            (
                "localhost:10009",
                Some("https://app.example.com"),
                None,
                false,
            ),
            ("localhost:10009", Some("null"), None, false),
            (
                "localhost:10009",
                Some("http://console.test:4000"),
                Some("cross-site"),
                true,
            ),
            (
                "localhost:10009",
                Some("http://console.test:4001"),
                None,
                false,
            ),
        ] {
            let found = rules().control(&caller(host, origin, site));
            assert_eq!(
                found.is_ok(),
                accepted,
                "{host} {origin:?} {site:?}: {found:?}"
            );
        }
    }

    #[test]
    fn a_refusal_names_the_origin_and_the_option() {
        let refused = rules().mocked(&caller("localhost", Some("https://evil.example"), None));
        assert_eq!(
            refused.map_err(|refusal| refusal.to_string()),
            Err("origin `https://evil.example` may not connect; hint: allow it with `--allow-origin \
                 https://evil.example`, or every origin with `'*'`"
                .into())
        );
    }
}
