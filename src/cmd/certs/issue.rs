//! Makes keys and certificates: P-256, an authority for ten years, certificates for one.
//!
//! Invariant: no files and no clock; only the keys are drawn.

use std::collections::BTreeSet;

use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DistinguishedName, DnType, Error,
    ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    NameConstraints,
};
use time::OffsetDateTime;

/// In seconds.
pub(super) const DAY: i64 = 24 * 60 * 60;
/// Ten years: an authority is trusted by hand.
const AUTHORITY_LIFE: i64 = 3650 * DAY;
/// Browsers take up to 397 days.
const LEAF_LIFE: i64 = 365 * DAY;
/// Clocks of other devices may be behind.
const HEAD_START: i64 = DAY;

/// A certificate and its key, as PEM.
pub(super) struct Pem {
    /// The certificate.
    pub(super) cert: String,
    /// The private key.
    pub(super) key: String,
}

/// An authority that may sign for the names `permitted`, and for addresses of local networks.
pub(super) fn authority(permitted: &[String], now: i64) -> Result<Pem, Error> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::default();
    (params.not_before, params.not_after) = life(now, AUTHORITY_LIFE)?;
    // Of two authorities with one name, some programs take the wrong one: the time tells them apart.
    let made = params.not_before + time::Duration::seconds(HEAD_START);
    let (date, (hour, minute, second)) = (made.date(), made.to_hms());
    params.distinguished_name = named(&format!(
        "ws-mock development CA {date} {hour:02}:{minute:02}:{second:02}"
    ));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.name_constraints = Some(NameConstraints {
        permitted_subtrees: permitted
            .iter()
            .cloned()
            .map(GeneralSubtree::DnsName)
            .chain(local_networks().map(GeneralSubtree::IpAddress))
            .collect(),
        excluded_subtrees: Vec::new(),
    });
    Ok(Pem {
        cert: params.self_signed(&key)?.pem(),
        key: key.serialize_pem(),
    })
}

/// A server's certificate for `names`, signed by an authority that lasts until `end`.
pub(super) fn leaf(
    authority: &Pem,
    names: &BTreeSet<String>,
    now: i64,
    end: i64,
) -> Result<Pem, Error> {
    let issuer = Issuer::from_ca_cert_pem(&authority.cert, KeyPair::from_pem(&authority.key)?)?;
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new(names.iter().cloned().collect::<Vec<_>>())?;
    (params.not_before, params.not_after) = life(now, LEAF_LIFE.min(end - now))?;
    params.distinguished_name = named("ws-mock development certificate");
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    Ok(Pem {
        cert: params.signed_by(&key, &issuer)?.pem(),
        key: key.serialize_pem(),
    })
}

fn life(now: i64, life: i64) -> Result<(OffsetDateTime, OffsetDateTime), Error> {
    let at = |seconds| OffsetDateTime::from_unix_timestamp(seconds).map_err(|_| Error::Time);
    Ok((at(now - HEAD_START)?, at(now + life)?))
}

fn named(name: &str) -> DistinguishedName {
    let mut names = DistinguishedName::new();
    names.push(DnType::OrganizationName, "ws-mock");
    names.push(DnType::CommonName, name);
    names
}

/// Loopback, private and link-local.
fn local_networks() -> impl Iterator<Item = CidrSubnet> {
    let v4 = [
        ([127, 0, 0, 0], 8),
        ([10, 0, 0, 0], 8),
        ([172, 16, 0, 0], 12),
        ([192, 168, 0, 0], 16),
        ([169, 254, 0, 0], 16),
    ];
    let v6 = [
        (std::net::Ipv6Addr::LOCALHOST.octets(), 128),
        ([0xfc, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], 7),
        ([0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], 10),
    ];
    v4.into_iter()
        .map(|(address, prefix)| CidrSubnet::from_v4_prefix(address, prefix))
        .chain(
            v6.into_iter()
                .map(|(address, prefix)| CidrSubnet::from_v6_prefix(address, prefix)),
        )
}
