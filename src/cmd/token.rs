//! `ws-mock token`: signs a token that a running scenario accepts.

use std::io::Write;
use std::time::Duration;

use serde_json::{Map, Value};

use super::{Usage, env};
use crate::base;
use crate::cli;
use crate::disk::load;

/// The default lifetime of a token.
const LIFE: Duration = Duration::from_hours(24);

pub(super) fn run(args: &cli::TokenArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    let scenario = load(&args.scenario, &env)?;
    let jwt = scenario.jwt.as_ref().ok_or_else(|| {
        Usage::new(format!("scenario `{}` takes no tokens", scenario.name))
            .hint("add `auth: { jwt: { secret: … } }` to it")
    })?;
    let claims = claims(args, crate::hub::wall() / 1000)?;
    writeln!(out, "{}", base::jwt::sign(&claims, &jwt.secret))?;
    Ok(())
}

/// The claims as JSON, at `now` in seconds since 1970.
fn claims(args: &cli::TokenArgs, now: i64) -> Result<String, Usage> {
    let mut claims = Map::new();
    for (name, value) in &args.claim {
        let value = serde_json::from_str(value).unwrap_or_else(|_| Value::from(value.as_str()));
        claims.insert(name.clone(), value);
    }
    if args.expires.is_some() && claims.contains_key("exp") {
        return Err(Usage::new(
            "`--expires` cannot be used with the claim `exp`",
        ));
    }
    let life = args.expires.unwrap_or(LIFE);
    claims.entry("iat").or_insert(now.into());
    claims
        .entry("exp")
        .or_insert((now + life.as_secs() as i64).into());
    Ok(Value::Object(claims).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Cli, CliVerb};

    fn check(claim: &[&str], expires: Option<&str>, expected: &str) {
        let mut line = vec!["ws-mock", "token", "--scenario", "x"];
        line.extend(claim.iter().flat_map(|claim| ["--claim", claim]));
        line.extend(expires.iter().flat_map(|expires| ["--expires", expires]));
        let CliVerb::Token(args) = Cli::read(line).unwrap().verb else {
            panic!("not a token");
        };
        let found = claims(&args, 1000).unwrap_or_else(|error| error.message);
        assert_eq!(found, expected);
    }

    #[test]
    fn claims_are_json_if_they_parse() {
        let all = [
            "userId=5",
            "role=master",
            "on=true",
            r#"of=["a"]"#,
            "text=\"5\"",
        ];
        let expected = r#"{"userId":5,"role":"master","on":true,"of":["a"],"text":"5","iat":1000,"exp":87400}"#;
        check(&all, None, expected);
    }

    #[test]
    fn tokens_expire() {
        check(&[], Some("1h"), r#"{"iat":1000,"exp":4600}"#);
        check(&[], Some("0s"), r#"{"iat":1000,"exp":1000}"#);
        check(&["exp=7"], None, r#"{"exp":7,"iat":1000}"#);
        check(
            &["exp=7"],
            Some("1h"),
            "`--expires` cannot be used with the claim `exp`",
        );
    }

    #[test]
    fn scenario_without_auth_is_wrong_usage() {
        let args = cli::TokenArgs {
            scenario: "echo".into(),
            claim: Vec::new(),
            expires: None,
        };
        let error = run(&args, &mut Vec::new()).unwrap_err();
        assert_eq!(super::super::code(&error), 2);
    }
}
