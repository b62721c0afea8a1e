//! `ws-mock scenarios`: lists the bundled scenarios or shows one.

use std::io::Write;

use super::{Usage, env, table};
use crate::cli::{self, ScenariosVerb};
use crate::disk::load;
use crate::lang::bundled;
use crate::lang::model::{Protocol, Scenario};

pub(super) fn run(args: &cli::ScenariosArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    match &args.verb {
        None => list(out),
        Some(ScenariosVerb::Show { name }) => show(name, out),
    }
}

fn list(out: &mut dyn Write) -> anyhow::Result<()> {
    let head = ["NAME", "TITLE", "PORT", "TLS", "PATHS", "PROTOCOL"];
    let mut rows = vec![head.map(str::to_owned)];
    for (name, _) in bundled() {
        rows.push(row(&*load(name, &env)?));
    }
    table::write(out, &rows)?;
    Ok(())
}

fn row(scenario: &Scenario) -> [String; 6] {
    let listen = &scenario.listen;
    [
        scenario.name.clone(),
        scenario.title.clone(),
        listen.port.to_string(),
        if listen.tls { "yes" } else { "no" }.to_owned(),
        match listen.paths.as_slice() {
            [] => "every".to_owned(),
            paths => paths.join(" "),
        },
        match listen.protocol {
            Protocol::Json => "json",
            Protocol::Raw => "raw",
            Protocol::SocketIo => "socket.io",
        }
        .to_owned(),
    ]
}

fn show(name: &str, out: &mut dyn Write) -> anyhow::Result<()> {
    let known: Vec<_> = bundled().iter().map(|(name, _)| *name).collect();
    let (_, text) = bundled()
        .iter()
        .find(|(known, _)| *known == name)
        .ok_or_else(|| Usage::unknown("scenario", name, &known))?;
    out.write_all(text.as_bytes())?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(verb: Option<ScenariosVerb>) -> String {
        let mut out = Vec::new();
        run(&cli::ScenariosArgs { verb }, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn list_has_a_row_for_each_scenario() {
        let list = printed(None);
        assert_eq!(list.lines().count(), bundled().len() + 1);
        let echo: Vec<_> = list
            .lines()
            .find(|line| line.starts_with("echo "))
            .unwrap()
            .split_whitespace()
            .collect();
        let expected = "echo Every message comes back 9001 no every raw";
        assert_eq!(echo.join(" "), expected);
    }

    #[test]
    fn show_prints_the_file() {
        for (name, text) in bundled() {
            let name = (*name).to_owned();
            assert_eq!(printed(Some(ScenariosVerb::Show { name })), *text);
        }
    }

    #[test]
    fn unknown_scenario_is_wrong_usage() {
        let error = show("ecko", &mut Vec::new()).unwrap_err();
        assert_eq!(super::super::code(&error), 2);
        assert!(
            error.to_string().contains("did you mean `echo`?"),
            "{error}"
        );
    }
}
