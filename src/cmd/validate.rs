//! `ws-mock validate`: every problem of some scenario files.

use std::io::{self, Write};

use super::{Unsound, env};
use crate::cli;
use crate::scenario::load;

pub(super) fn run(args: &cli::Validate, out: &mut dyn Write) -> anyhow::Result<()> {
    validate(args, out, &mut io::stderr())
}

fn validate(args: &cli::Validate, out: &mut dyn Write, err: &mut dyn Write) -> anyhow::Result<()> {
    let mut unsound = 0;
    for file in &args.files {
        match load(file, &env) {
            Ok(_) => writeln!(out, "{file}: ok")?,
            Err(problems) => {
                unsound += 1;
                writeln!(err, "{problems}")?;
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
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let error = validate(&cli::Validate { files }, &mut out, &mut err).unwrap_err();
        let [out, err] = [out, err].map(|bytes| String::from_utf8(bytes).unwrap());
        assert_eq!(out, format!("{good}: ok\n"));
        assert!(err.starts_with(&format!("{bad}:2:")), "{err}");
        assert_eq!(error.to_string(), "1 of 2 unsound");
        assert_eq!(super::super::code(&error), 2);
    }
}
