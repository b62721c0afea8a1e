//! `ws-mock validate`: every problem of some scenario files.

use std::io::Write;

use super::{Unsound, env};
use crate::base::text::safe;
use crate::cli;
use crate::disk::load;

pub(super) fn run(args: &cli::Validate, out: &mut dyn Write) -> anyhow::Result<()> {
    let mut unsound = 0;
    for file in &args.files {
        match load(file, &env) {
            Ok(_) => writeln!(out, "{}: ok", safe(file))?,
            Err(problems) => {
                unsound += 1;
                writeln!(out, "{problems}")?;
            }
        }
    }
    match unsound {
        0 => Ok(()),
        _ => Err(Unsound {
            unsound,
            all: args.files.len(),
        }
        .into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_files_are_told_of_before_it_fails() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path.to_str().unwrap().to_owned()
        };
        let bad = file("bad.yaml", "scenario: bad\nlisten: { prt: 1 }\n");
        let good = file("good.yaml", "scenario: good\n");
        let files = vec![bad.clone(), good.clone()];
        let mut out = Vec::new();
        let error = run(&cli::Validate { files }, &mut out).unwrap_err();
        let out = String::from_utf8(out).unwrap();
        assert!(out.contains(&format!("{bad}:2:")), "{out}");
        assert!(out.contains(&format!("{good}: ok")), "{out}");
        assert_eq!(error.to_string(), "1 of 2 unsound");
        assert_eq!(super::super::code(&error), 2);
    }
}
