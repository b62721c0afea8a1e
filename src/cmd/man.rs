//! `ws-mock man`: prints the man page of the command or of one verb.

use std::io::Write;

use clap_mangen::Man;

use super::Usage;
use crate::cli::{self, Cli};

pub(super) fn run(args: &cli::ManArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    let mut command = Cli::command();
    command.build();
    let page = match &args.verb {
        None => command,
        Some(name) => {
            let known: Vec<_> = command
                .get_subcommands()
                .map(clap::Command::get_name)
                .collect();
            let verb = command
                .find_subcommand(name)
                .ok_or_else(|| Usage::unknown("verb", name, &known))?;
            verb.clone().version(env!("CARGO_PKG_VERSION"))
        }
    };
    let title = match &args.verb {
        None => "ws-mock".to_owned(),
        Some(verb) => format!("ws-mock-{verb}"),
    };
    Man::new(page).title(title).render(&mut &mut *out)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(verb: Option<&str>) -> String {
        let mut out = Vec::new();
        let verb = verb.map(str::to_owned);
        run(&cli::ManArgs { verb }, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn every_verb_has_a_page() {
        assert!(page(None).contains(".TH ws-mock 1"));
        for verb in Cli::command().get_subcommands() {
            let page = page(Some(verb.get_name()));
            assert!(
                page.contains(&format!(".TH ws-mock-{} 1", verb.get_name())),
                "{page}"
            );
        }
    }
}
