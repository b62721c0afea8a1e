//! JSON Web Tokens signed with HS256, and no others.
//!
//! Invariant: the signature is verified before any claim is read. Time is an argument.

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use ring::hmac;
use thiserror::Error;

use crate::base::json::{Json, Kind};

const ALGORITHM: &str = "HS256";
const HEADER: &str = r#"{"alg":"HS256","typ":"JWT"}"#;
/// Characters of a token that an error repeats.
const SHOWN: usize = 32;

#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum JwtError {
    #[error("found `{0}` parts; a token has `3`, with dots between")]
    Parts(usize),
    #[error("the token's {0} is not base64url without padding")]
    Base64(TokenPart),
    #[error("the token's {0} is not a JSON object")]
    NotAnObject(TokenPart),
    #[error("found algorithm `{0}`; allowed is `{ALGORITHM}`")]
    Algorithm(String),
    /// A critical header that is not supported (RFC 7515, section 4.1.11).
    #[error("the token's header demands extensions (`crit`); none are known")]
    Critical,
    #[error("the token's signature is wrong")]
    Signature,
    #[error("the token's `{0}` is not a number of seconds")]
    NotATime(&'static str),
    #[error("the token expired")]
    Expired,
    #[error("the token is not valid yet")]
    NotYet,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenPart {
    Header,
    Claims,
    Signature,
}

impl std::fmt::Display for TokenPart {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            TokenPart::Header => "header",
            TokenPart::Claims => "claims part",
            TokenPart::Signature => "signature",
        })
    }
}

pub fn sign(claims: &str, secret: &str) -> String {
    let mut token = BASE64_URL_SAFE_NO_PAD.encode(HEADER);
    token.push('.');
    BASE64_URL_SAFE_NO_PAD.encode_string(claims, &mut token);
    let signature = hmac::sign(&key(secret), token.as_bytes());
    token.push('.');
    BASE64_URL_SAFE_NO_PAD.encode_string(signature, &mut token);
    token
}

/// Returns the claims of a valid token, as the JSON text that was signed.
pub fn verify(token: &str, secret: &str, now_ms: i64) -> Result<String, JwtError> {
    let parts = token.split('.').count();
    let (Some((signed, signature)), 3) = (token.rsplit_once('.'), parts) else {
        return Err(JwtError::Parts(parts));
    };
    let (header, claims) = signed.split_once('.').ok_or(JwtError::Parts(parts))?;
    check_header(&object(header, TokenPart::Header)?)?;
    let signature = decode(signature, TokenPart::Signature)?;
    hmac::verify(&key(secret), signed.as_bytes(), &signature).map_err(|_| JwtError::Signature)?;
    let claims = object(claims, TokenPart::Claims)?;
    check_times(&claims, now_ms)?;
    Ok(claims.text().to_owned())
}

fn key(secret: &str) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes())
}

fn decode(text: &str, part: TokenPart) -> Result<Vec<u8>, JwtError> {
    BASE64_URL_SAFE_NO_PAD
        .decode(text)
        .map_err(|_| JwtError::Base64(part))
}

fn object(text: &str, part: TokenPart) -> Result<Json, JwtError> {
    String::from_utf8(decode(text, part)?)
        .ok()
        .and_then(|text| Json::parse(text).ok())
        .filter(|json| json.kind() == Kind::Object)
        .ok_or(JwtError::NotAnObject(part))
}

fn check_header(header: &Json) -> Result<(), JwtError> {
    let algorithm = header.get("alg");
    let name = algorithm.as_ref().and_then(|name| name.part().as_str());
    if name.as_deref() != Some(ALGORITHM) {
        let found = name.as_deref().unwrap_or_default();
        return Err(JwtError::Algorithm(
            found
                .chars()
                .take(SHOWN)
                .flat_map(char::escape_debug)
                .collect(),
        ));
    }
    match header.get("crit") {
        Some(_) => Err(JwtError::Critical),
        None => Ok(()),
    }
}

fn check_times(claims: &Json, now_ms: i64) -> Result<(), JwtError> {
    let now = now_ms as f64;
    if time_ms(claims, "exp")?.is_some_and(|end| end <= now) {
        return Err(JwtError::Expired);
    }
    if time_ms(claims, "nbf")?.is_some_and(|start| start > now) {
        return Err(JwtError::NotYet);
    }
    Ok(())
}

fn time_ms(claims: &Json, name: &'static str) -> Result<Option<f64>, JwtError> {
    let Some(value) = claims.get(name) else {
        return Ok(None);
    };
    match value.kind() {
        Kind::Number => value
            .part()
            .as_f64()
            .map(|seconds| Some(seconds * 1000.0))
            .ok_or(JwtError::NotATime(name)),
        _ => Err(JwtError::NotATime(name)),
    }
}

#[cfg(test)]
#[path = "jwt_tests.rs"]
mod tests;
