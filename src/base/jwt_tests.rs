use proptest::prelude::*;

use super::*;

const NOW: i64 = 1_705_746_600_000;
const SECRET: &str = "a-string-secret-at-least-256-bits-long";

/// A token of any header and claims, with a good signature.
fn token(header: &str, claims: &str) -> String {
    let mut token = BASE64_URL_SAFE_NO_PAD.encode(header);
    token.push('.');
    token.push_str(&BASE64_URL_SAFE_NO_PAD.encode(claims));
    let signature = hmac::sign(&key(SECRET), token.as_bytes());
    format!("{token}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))
}

#[track_caller]
fn refused(token: &str, error: JwtError) {
    assert_eq!(verify(token, SECRET, NOW), Err(error), "{token}");
}

#[test]
fn a_known_token_is_made_and_read() {
    // HMAC-SHA256 over these bytes, as another implementation computes it.
    let known = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJ1c2VySWQiOjUsInJvbGUiOiJtYXN0ZXIiLCJleHAiOjQxMDI0NDQ4MDB9.WPylYWcINOhOC4VH4GnWsbfHJ2VTyhiH7BHL1CiFpr4";
    let claims = r#"{"userId":5,"role":"master","exp":4102444800}"#;
    assert_eq!(sign(claims, SECRET), known);
    assert_eq!(verify(known, SECRET, NOW), Ok(claims.to_owned()));
}

#[test]
fn claims_keep_their_text() {
    let claims = "{ \"id\": 12345678901234567, \"имя\": \"Ая\" }";
    assert_eq!(
        verify(&sign(claims, SECRET), SECRET, NOW).as_deref(),
        Ok(claims)
    );
}

#[test]
fn other_algorithms_are_refused() {
    for (header, found) in [
        (r#"{"alg":"none"}"#, "none"),
        (r#"{"alg":"None","typ":"JWT"}"#, "None"),
        (r#"{"alg":"hs256"}"#, "hs256"),
        (r#"{"alg":"HS384"}"#, "HS384"),
        (r#"{"alg":"RS256"}"#, "RS256"),
        (r#"{"alg":"HS256 "}"#, "HS256 "),
        (r#"{"alg":"HS256","alg":"none"}"#, "none"),
        (r#"{"alg":["HS256"]}"#, ""),
        (r#"{"alg":null}"#, ""),
        ("{}", ""),
        (r#"{"alg":"\n`"}"#, "\\n`"),
    ] {
        refused(&token(header, "{}"), JwtError::Algorithm(found.to_owned()));
    }
    let long = token(&format!(r#"{{"alg":"{}"}}"#, "x".repeat(10_000)), "{}");
    refused(&long, JwtError::Algorithm("x".repeat(SHOWN)));
}

#[test]
fn none_without_a_signature_is_refused() {
    let header = BASE64_URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#);
    let claims = BASE64_URL_SAFE_NO_PAD.encode(r#"{"userId":1}"#);
    refused(
        &format!("{header}.{claims}."),
        JwtError::Algorithm("none".to_owned()),
    );
    let header = BASE64_URL_SAFE_NO_PAD.encode(HEADER);
    refused(&format!("{header}.{claims}."), JwtError::Signature);
}

#[test]
fn demanded_extensions_are_refused() {
    refused(
        &token(r#"{"alg":"HS256","crit":["exp"]}"#, "{}"),
        JwtError::Critical,
    );
}

#[test]
fn parts_must_be_three() {
    for (text, parts) in [("", 1), ("a", 1), ("a.b", 2), ("a.b.c.d", 4), (".....", 6)] {
        refused(text, JwtError::Parts(parts));
    }
    refused("..", JwtError::NotAnObject(TokenPart::Header));
}

#[test]
fn parts_must_be_base64url_without_padding() {
    let good = sign("{}", SECRET);
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let (header, claims) = signed.split_once('.').unwrap();
    refused(
        &format!("{header}=.{claims}.{signature}"),
        JwtError::Base64(TokenPart::Header),
    );
    refused(
        &format!("+/+/.{claims}.{signature}"),
        JwtError::Base64(TokenPart::Header),
    );
    refused(
        &format!("{header}.{claims}.{signature}="),
        JwtError::Base64(TokenPart::Signature),
    );
    refused(&format!("{good} "), JwtError::Base64(TokenPart::Signature));
    refused(
        &format!("ёж.{claims}.{signature}"),
        JwtError::Base64(TokenPart::Header),
    );
    let unreadable = format!("{header}.*");
    let signature = BASE64_URL_SAFE_NO_PAD.encode(hmac::sign(&key(SECRET), unreadable.as_bytes()));
    refused(
        &format!("{unreadable}.{signature}"),
        JwtError::Base64(TokenPart::Claims),
    );
}

#[test]
fn header_and_claims_must_be_objects() {
    for text in ["", "[]", "1", "null", "{", "{}{}", "\"HS256\""] {
        refused(&token(text, "{}"), JwtError::NotAnObject(TokenPart::Header));
        refused(
            &token(HEADER, text),
            JwtError::NotAnObject(TokenPart::Claims),
        );
    }
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    refused(
        &token(HEADER, &deep),
        JwtError::NotAnObject(TokenPart::Claims),
    );
    let bytes = BASE64_URL_SAFE_NO_PAD.encode(b"{\"a\":\"\xff\"}");
    refused(
        &format!("{bytes}.e30.e30"),
        JwtError::NotAnObject(TokenPart::Header),
    );
}

#[test]
fn forged_tokens_are_refused() {
    let good = sign(r#"{"userId":5}"#, SECRET);
    assert_eq!(
        verify(&good, "another secret", NOW),
        Err(JwtError::Signature)
    );
    assert_eq!(verify(&good, "", NOW), Err(JwtError::Signature));
    let other = sign(r#"{"userId":6}"#, SECRET);
    let claims = other.split('.').nth(1).unwrap();
    let parts: Vec<&str> = good.split('.').collect();
    refused(
        &format!("{}.{claims}.{}", parts[0], parts[2]),
        JwtError::Signature,
    );
    refused(
        &format!("{}.{}.e30", parts[0], parts[1]),
        JwtError::Signature,
    );
    refused(
        &format!("{}.{}.{}AAAA", parts[0], parts[1], parts[2]),
        JwtError::Signature,
    );
}

#[test]
fn a_forged_token_is_not_told_about_its_claims() {
    let expired = sign(r#"{"exp":1}"#, "another secret");
    refused(&expired, JwtError::Signature);
}

#[test]
fn a_token_ends_at_its_exp() {
    let seconds = NOW / 1000;
    for (exp, error) in [
        ("1".to_owned(), JwtError::Expired),
        ("-5".to_owned(), JwtError::Expired),
        ("0".to_owned(), JwtError::Expired),
        (seconds.to_string(), JwtError::Expired),
        (format!("{}.999", seconds - 1), JwtError::Expired),
        ("null".to_owned(), JwtError::NotATime("exp")),
        (format!("\"{}\"", seconds + 9), JwtError::NotATime("exp")),
        ("true".to_owned(), JwtError::NotATime("exp")),
        ("{}".to_owned(), JwtError::NotATime("exp")),
        ("1e999".to_owned(), JwtError::NotAnObject(TokenPart::Claims)),
    ] {
        refused(&sign(&format!("{{\"exp\":{exp}}}"), SECRET), error);
    }
    for exp in [
        (seconds + 1).to_string(),
        format!("{seconds}.001"),
        "1e300".to_owned(),
    ] {
        assert!(
            verify(&sign(&format!("{{\"exp\":{exp}}}"), SECRET), SECRET, NOW).is_ok(),
            "{exp}"
        );
    }
}

#[test]
fn a_token_starts_at_its_nbf() {
    let seconds = NOW / 1000;
    refused(
        &sign(&format!("{{\"nbf\":{}}}", seconds + 1), SECRET),
        JwtError::NotYet,
    );
    refused(&sign(r#"{"nbf":"now"}"#, SECRET), JwtError::NotATime("nbf"));
    assert!(
        verify(
            &sign(&format!("{{\"nbf\":{seconds}}}"), SECRET),
            SECRET,
            NOW
        )
        .is_ok()
    );
}

#[test]
fn the_edges_of_time_are_survived() {
    let token = sign(r#"{"exp":-1e300,"nbf":1e300}"#, SECRET);
    assert_eq!(verify(&token, SECRET, i64::MIN), Err(JwtError::Expired));
    assert_eq!(verify(&token, SECRET, i64::MAX), Err(JwtError::Expired));
}

#[test]
fn errors_tell_what_is_allowed() {
    assert_eq!(
        JwtError::Algorithm("none".to_owned()).to_string(),
        "found algorithm `none`; allowed is `HS256`"
    );
    assert_eq!(
        JwtError::Parts(2).to_string(),
        "found `2` parts; a token has `3`, with dots between"
    );
    assert_eq!(
        JwtError::Base64(TokenPart::Claims).to_string(),
        "the token's claims part is not base64url without padding"
    );
}

proptest! {
    #[test]
    fn any_text_is_survived(token in any::<String>(), now in any::<i64>()) {
        prop_assert!(verify(&token, SECRET, now).is_err());
    }

    #[test]
    fn signed_claims_come_back(name in "[a-z]{1,8}", value in any::<i64>(), secret in any::<String>()) {
        let claims = format!("{{\"{name}_\":{value}}}");
        prop_assert_eq!(verify(&sign(&claims, &secret), &secret, NOW), Ok(claims));
    }

    #[test]
    fn a_changed_letter_is_noticed(at in 0..150usize, letter in "[A-Za-z0-9_.-]") {
        let good = sign(r#"{"userId":5,"role":"master","exp":4102444800}"#, SECRET);
        let at = at % good.len();
        let changed = format!("{}{letter}{}", &good[..at], &good[at + 1..]);
        prop_assume!(changed != good);
        prop_assert!(verify(&changed, SECRET, NOW).is_err());
    }
}
