//! Issues keys and certificates: P-256, an authority for ten years, certificates for one.
//!
//! Invariant: no files and no clock; only the keys are random.

use std::collections::BTreeSet;
use std::net::IpAddr;

use base64::prelude::{BASE64_STANDARD, Engine};
use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DistinguishedName, DnType, Error,
    ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    NameConstraints,
};
use ring::digest::{Context, SHA256};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::names::LOCAL_NETWORKS;

const DAY: i64 = 24 * 60 * 60;
/// Ten years: an authority is trusted by hand.
const AUTHORITY_LIFE: i64 = 3650 * DAY;
/// Browsers refuse more than 397 days.
const LEAF_LIFE: i64 = 365 * DAY;
/// A certificate is valid from a day before its issue, because clocks of other devices may be behind.
const BACKDATED: i64 = DAY;
/// A certificate is renewed when this much of its life is left.
const RENEW_BEFORE: i64 = 30 * DAY;

/// A certificate and its key, as PEM.
#[derive(Debug)]
pub(super) struct Pem {
    pub(super) cert: String,
    pub(super) key: String,
}

/// What was issued, kept in a file beside the certificate, which then never has to be parsed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Issued {
    /// Of an authority those that it may sign for.
    pub(super) names: Vec<String>,
    /// In seconds since 1970.
    pub(super) made: i64,
    pub(super) until: i64,
    /// Covers the certificate, its key, and the certificate that signed it.
    digest: String,
}

impl Issued {
    fn new(names: &BTreeSet<String>, made: i64, until: i64, signer: &str, pem: &Pem) -> Self {
        Issued {
            names: names.iter().cloned().collect(),
            made,
            until,
            digest: digest(signer, pem),
        }
    }

    /// True if these files are the ones that were issued, and `now` is well within their life.
    pub(super) fn is_valid(&self, signer: &str, pem: &Pem, now: i64) -> bool {
        self.digest == digest(signer, pem)
            && (self.made - BACKDATED..=self.until - RENEW_BEFORE).contains(&now)
    }
}

fn digest(signer: &str, pem: &Pem) -> String {
    let mut context = Context::new(&SHA256);
    // PEM texts end with a marker, so their concatenation is unambiguous.
    for text in [signer, &pem.cert, &pem.key] {
        context.update(text.as_bytes());
    }
    BASE64_STANDARD.encode(context.finish())
}

/// An authority that may sign for the names and addresses `permitted`, and for addresses of local networks.
pub(super) fn authority(permitted: &BTreeSet<String>, now: i64) -> Result<(Pem, Issued), Error> {
    let key = KeyPair::generate()?;
    let mut params = authority_params(now)?;
    let subtrees = permitted.iter().map(|name| match name.parse::<IpAddr>() {
        Ok(ip) => subnet((ip, if ip.is_ipv4() { 32 } else { 128 })),
        Err(_) => GeneralSubtree::DnsName(name.clone()),
    });
    params.name_constraints = Some(NameConstraints {
        permitted_subtrees: subtrees.chain(LOCAL_NETWORKS.map(subnet)).collect(),
        excluded_subtrees: Vec::new(),
    });
    let pem = Pem {
        cert: params.self_signed(&key)?.pem(),
        key: key.serialize_pem(),
    };
    let issued = Issued::new(permitted, now, now + AUTHORITY_LIFE, "", &pem);
    Ok((pem, issued))
}

/// A server's certificate for `names`, signed by an authority, which it does not outlive.
pub(super) fn leaf(
    (authority, of_authority): &(Pem, Issued),
    names: &BTreeSet<String>,
    now: i64,
) -> Result<(Pem, Issued), Error> {
    let signer = KeyPair::from_pem(&authority.key)?;
    let issuer = Issuer::new(authority_params(of_authority.made)?, signer);
    let key = KeyPair::generate()?;
    let until = of_authority.until.min(now + LEAF_LIFE);
    let mut params = CertificateParams::new(names.iter().cloned().collect::<Vec<_>>())?;
    (params.not_before, params.not_after) = (time(now - BACKDATED)?, time(until)?);
    params.distinguished_name = named("ws-mock development certificate");
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    let pem = Pem {
        cert: params.signed_by(&key, &issuer)?.pem(),
        key: key.serialize_pem(),
    };
    let issued = Issued::new(names, now, until, &authority.cert, &pem);
    Ok((pem, issued))
}

/// Depends on nothing but the time of issue, so that a leaf can be signed without parsing the authority.
fn authority_params(made: i64) -> Result<CertificateParams, Error> {
    let mut params = CertificateParams::default();
    (params.not_before, params.not_after) = (time(made - BACKDATED)?, time(made + AUTHORITY_LIFE)?);
    // Of two authorities with one name, some programs take the wrong one: the time distinguishes them.
    let (date, (hour, minute, second)) = (time(made)?.date(), time(made)?.to_hms());
    params.distinguished_name = named(&format!(
        "ws-mock development CA {date} {hour:02}:{minute:02}:{second:02}"
    ));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(params)
}

fn time(seconds: i64) -> Result<OffsetDateTime, Error> {
    OffsetDateTime::from_unix_timestamp(seconds).map_err(|_| Error::Time)
}

fn named(name: &str) -> DistinguishedName {
    let mut names = DistinguishedName::new();
    names.push(DnType::OrganizationName, "ws-mock");
    names.push(DnType::CommonName, name);
    names
}

fn subnet((address, prefix): (IpAddr, u8)) -> GeneralSubtree {
    GeneralSubtree::IpAddress(CidrSubnet::from_addr_prefix(address, prefix))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use rustls::RootCertStore;
    use rustls::client::WebPkiServerVerifier;
    use rustls::client::danger::ServerCertVerifier;
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, ServerName, UnixTime};

    use super::*;

    const NOW: i64 = 1_705_746_600;

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    /// True if a client that trusts the authority accepts the leaf for `name`.
    fn verifies(authority: &Pem, leaf: &Pem, name: &str, at: i64) -> bool {
        let der = |pem: &Pem| CertificateDer::from_pem_slice(pem.cert.as_bytes()).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(der(authority)).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider);
        let now = UnixTime::since_unix_epoch(Duration::from_secs(at.unsigned_abs()));
        let name = ServerName::try_from(name).unwrap();
        let verified =
            verifier
                .build()
                .unwrap()
                .verify_server_cert(&der(leaf), &[], &name, &[], now);
        verified.is_ok()
    }

    #[test]
    fn clients_accept_permitted_names_only() {
        let ca = authority(&set(&["test", "pc.example", "203.0.113.5"]), NOW).unwrap();
        for (name, expected) in [
            ("shop.test", true),
            ("pc.example", true),
            ("192.168.7.9", true),
            ("fd00::2", true),
            ("203.0.113.5", true),
            ("203.0.113.6", false),
            ("example.com", false),
        ] {
            let (leaf, _) = leaf(&ca, &set(&[name]), NOW).unwrap();
            assert_eq!(verifies(&ca.0, &leaf, name, NOW), expected, "{name}");
            assert!(!verifies(&ca.0, &leaf, "other.test", NOW), "{name}");
        }
    }

    #[test]
    fn certificates_are_valid_for_their_life() {
        let ca = authority(&set(&["test"]), NOW).unwrap();
        let names = set(&["a.test"]);
        let (pem, issued) = leaf(&ca, &names, NOW).unwrap();
        for (days, accepted, kept) in [
            (0, true, true),
            (-1, true, true),
            (-2, false, false),
            (335, true, true),
            (336, true, false),
            (364, true, false),
            (366, false, false),
        ] {
            let at = NOW + days * DAY;
            let found = (
                verifies(&ca.0, &pem, "a.test", at),
                issued.is_valid(&ca.0.cert, &pem, at),
            );
            assert_eq!(found, (accepted, kept), "after {days} days");
        }
        let late = ca.1.until - 100 * DAY;
        let (_, issued) = leaf(&ca, &names, late).unwrap();
        assert_eq!(issued.until, ca.1.until, "no leaf outlives its authority");
        assert_eq!(ca.1.until, NOW + 3650 * DAY);
    }

    #[test]
    fn foreign_files_are_not_valid() {
        let (ca, other_ca) = (
            authority(&set(&["test"]), NOW).unwrap(),
            authority(&set(&["test"]), NOW).unwrap(),
        );
        let (pem, issued) = leaf(&ca, &set(&["a.test"]), NOW).unwrap();
        let (other, _) = leaf(&ca, &set(&["a.test"]), NOW).unwrap();
        let mixed = Pem {
            cert: pem.cert.clone(),
            key: other.key,
        };
        assert!(issued.is_valid(&ca.0.cert, &pem, NOW));
        assert!(!issued.is_valid(&other_ca.0.cert, &pem, NOW));
        assert!(!issued.is_valid(&ca.0.cert, &mixed, NOW));
    }
}
