//! Whether a certificate that was found can go on being used.
//!
//! Invariant: no files and no clock.

use std::collections::BTreeSet;
use std::net::IpAddr;

use rcgen::{KeyPair, PublicKeyData};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::parse_x509_certificate;
use x509_parser::pem::parse_x509_pem;

use super::issue::{DAY, Pem};

/// What is left when it is time for another.
const RENEW_BEFORE: i64 = 30 * DAY;

/// Why another is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unfit {
    /// No PEM, no certificate, no key.
    #[error("it cannot be read")]
    Unreadable,
    /// The key belongs to another certificate.
    #[error("its key is another's")]
    OtherKey,
    /// By the clock it was made in the future.
    #[error("it is not valid yet")]
    Early,
    /// It has ended, or will within a month.
    #[error("its time is up")]
    Late,
    /// It signs no certificates.
    #[error("it is no authority")]
    NoAuthority,
    /// Another authority signed it.
    #[error("another authority signed it")]
    OtherAuthority,
    /// The machine got another name, say.
    #[error("its names are others")]
    OtherNames,
}

/// A sound authority.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Authority {
    /// When it ends, in seconds since 1970.
    pub(super) until: i64,
    /// What it may sign for.
    pub(super) permitted: Vec<String>,
}

/// Whether an authority can still sign.
pub(super) fn authority(pem: &Pem, now: i64) -> Result<Authority, Unfit> {
    parsed(pem, |cert| {
        let until = in_time(cert, now)?;
        if !cert.is_ca() {
            return Err(Unfit::NoAuthority);
        }
        let constraints = cert.name_constraints().map_err(|_| Unfit::Unreadable)?;
        let permitted = constraints
            .and_then(|found| found.value.permitted_subtrees.as_ref())
            .into_iter()
            .flatten()
            .filter_map(|subtree| text(&subtree.base))
            .collect();
        Ok(Authority { until, permitted })
    })
}

/// Whether a certificate can still be shown, for these names; when it ends.
pub(super) fn leaf(
    pem: &Pem,
    authority: &Pem,
    names: &BTreeSet<String>,
    now: i64,
) -> Result<i64, Unfit> {
    parsed(pem, |cert| {
        let until = in_time(cert, now)?;
        let signed = parsed(authority, |authority| {
            Ok(cert.verify_signature(Some(authority.public_key())).is_ok())
        })?;
        if !signed {
            return Err(Unfit::OtherAuthority);
        }
        let found = cert
            .subject_alternative_name()
            .map_err(|_| Unfit::Unreadable)?;
        let found = found.map_or(&[][..], |found| &found.value.general_names);
        if found.iter().filter_map(text).collect::<BTreeSet<_>>() == *names {
            Ok(until)
        } else {
            Err(Unfit::OtherNames)
        }
    })
}

/// Reads a certificate and its key, which belong together.
fn parsed<T>(
    pem: &Pem,
    read: impl FnOnce(&X509Certificate<'_>) -> Result<T, Unfit>,
) -> Result<T, Unfit> {
    let (_, block) = parse_x509_pem(pem.cert.as_bytes()).map_err(|_| Unfit::Unreadable)?;
    let (_, cert) = parse_x509_certificate(&block.contents).map_err(|_| Unfit::Unreadable)?;
    let key = KeyPair::from_pem(&pem.key).map_err(|_| Unfit::Unreadable)?;
    if key.subject_public_key_info() != cert.public_key().raw {
        return Err(Unfit::OtherKey);
    }
    read(&cert)
}

fn in_time(cert: &X509Certificate<'_>, now: i64) -> Result<i64, Unfit> {
    let until = cert.validity().not_after.timestamp();
    if cert.validity().not_before.timestamp() > now {
        return Err(Unfit::Early);
    }
    if until - now < RENEW_BEFORE {
        return Err(Unfit::Late);
    }
    Ok(until)
}

/// A DNS name or an address; networks and the rest are none.
fn text(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => {
            let v4 = <[u8; 4]>::try_from(*bytes).map(IpAddr::from);
            let address = v4.or_else(|_| <[u8; 16]>::try_from(*bytes).map(IpAddr::from));
            address.ok().map(|address| address.to_string())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::issue;
    use super::super::names::{permitted, wanted};
    use super::*;

    const NOW: i64 = 1_705_746_600;

    fn made(host: &str) -> (Pem, Pem) {
        let ca = issue::authority(&permitted(Some(host)), NOW).unwrap();
        let until = authority(&ca, NOW).unwrap().until;
        let cert = issue::leaf(&ca, &wanted(Some(host)), NOW, until).unwrap();
        (ca, cert)
    }

    fn mixed(cert: &Pem, key: &Pem) -> Pem {
        Pem {
            cert: cert.cert.clone(),
            key: key.key.clone(),
        }
    }

    #[test]
    fn a_certificate_is_renewed_in_time() {
        let (ca, cert) = made("pc");
        for (days, expected) in [
            (0, Ok(365)),
            (-1, Ok(365)),
            (-2, Err(Unfit::Early)),
            (334, Ok(365)),
            (335, Ok(365)),
            (336, Err(Unfit::Late)),
            (400, Err(Unfit::Late)),
        ] {
            let found = leaf(&cert, &ca, &wanted(Some("pc")), NOW + days * DAY);
            let expected = expected.map(|days: i64| NOW + days * DAY);
            assert_eq!(found, expected, "after {days} days");
        }
    }

    #[test]
    fn a_certificate_never_outlives_its_authority() {
        let (ca, _) = made("pc");
        let until = authority(&ca, NOW).unwrap().until;
        let later = until - 100 * DAY;
        let cert = issue::leaf(&ca, &wanted(None), later, until).unwrap();
        assert_eq!(leaf(&cert, &ca, &wanted(None), later), Ok(until));
    }

    #[test]
    fn an_authority_lasts_ten_years_and_says_what_for() {
        let (ca, _) = made("pc.corp.example");
        let found = authority(&ca, NOW).unwrap();
        assert_eq!(found.until, NOW + 3650 * DAY);
        assert_eq!(found.permitted, permitted(Some("pc.corp.example")));
        assert_eq!(authority(&ca, NOW + 3649 * DAY), Err(Unfit::Late));
    }

    #[test]
    fn what_does_not_belong_together_is_unfit() {
        let (ca, cert) = made("pc");
        let (other_ca, other) = made("pc");
        let rubbish = Pem {
            cert: "rubbish".into(),
            key: String::new(),
        };
        let names = wanted(Some("pc"));
        for (what, found, expected) in [
            ("all well", leaf(&cert, &ca, &names, NOW).err(), None),
            (
                "renamed",
                leaf(&cert, &ca, &wanted(Some("mac")), NOW).err(),
                Some(Unfit::OtherNames),
            ),
            (
                "authority made anew",
                leaf(&cert, &other_ca, &names, NOW).err(),
                Some(Unfit::OtherAuthority),
            ),
            (
                "keys mixed up",
                leaf(&mixed(&cert, &other), &ca, &names, NOW).err(),
                Some(Unfit::OtherKey),
            ),
            (
                "rubbish",
                leaf(&rubbish, &ca, &names, NOW).err(),
                Some(Unfit::Unreadable),
            ),
            (
                "key lost",
                leaf(&mixed(&cert, &rubbish), &ca, &names, NOW).err(),
                Some(Unfit::Unreadable),
            ),
            (
                "no authority",
                authority(&cert, NOW).err(),
                Some(Unfit::NoAuthority),
            ),
        ] {
            assert_eq!(found, expected, "{what}");
        }
    }
}
