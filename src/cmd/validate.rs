//! `ws-mock validate`: checks scenario files and reports every problem.

use std::io::Write;

use super::{Usage, env};
use crate::base::text::safe;
use crate::cli;
use crate::disk::load;

pub(super) fn run(args: &cli::ValidateArgs, out: &mut dyn Write) -> anyhow::Result<()> {
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
    if unsound > 0 {
        let all = args.files.len();
        return Err(Usage::new(format!("{unsound} of {all} unsound")).into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_checked() {
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
        let error = run(&cli::ValidateArgs { files }, &mut out).unwrap_err();
        let out = String::from_utf8(out).unwrap();
        assert!(out.contains(&format!("{bad}:2:")), "{out}");
        assert!(out.contains(&format!("{good}: ok")), "{out}");
        assert_eq!(error.to_string(), "1 of 2 unsound");
        assert_eq!(super::super::code(&error), 2);
    }
}
