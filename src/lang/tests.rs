//! Bundled scenarios load, and broken ones say where and why.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::*;
use crate::disk::load;

/// The variable that rewrites the expected problems of broken scenarios.
const BLESS: &str = "WS_MOCK_BLESS";

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

fn read(text: &str) -> Result<std::sync::Arc<model::Scenario>, Problems> {
    read_text("x.yaml", text, &NoFiles, &|_| None)
}

#[test]
fn bundled_scenarios_are_sound() {
    assert!(!bundled().is_empty());
    for (name, _) in bundled() {
        match load(name, &|_| None) {
            Ok(scenario) => assert_eq!(scenario.name, *name),
            Err(problems) => panic!("{problems}"),
        }
    }
}

/// Each broken scenario starts with its problems: `# problem: LINE:COLUMN: …` and `#   hint: …`.
#[test]
fn broken_scenarios_say_where_and_why() {
    let folder = fixtures().join("invalid");
    let mut walked = 0;
    let mut wrong = String::new();
    let mut files: Vec<PathBuf> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "yaml")
        })
        .collect();
    files.sort();
    for path in files {
        walked += 1;
        let text = std::fs::read_to_string(&path).unwrap();
        let expected: String = text.lines().take_while(|line| is_expectation(line)).fold(
            String::new(),
            |mut header, line| {
                let _ = writeln!(header, "{line}");
                header
            },
        );
        let said = said_of(&path, &folder);
        if said == expected && !said.is_empty() {
            continue;
        }
        if std::env::var_os(BLESS).is_some() {
            bless(&path, &folder, &text);
        } else {
            let _ = write!(wrong, "{}\n{said}instead of\n{expected}\n", path.display());
        }
    }
    assert!(walked >= 25, "only {walked} broken scenarios");
    assert!(wrong.is_empty(), "set {BLESS} to rewrite\n{wrong}");
}

fn is_expectation(line: &str) -> bool {
    line.starts_with("# problem: ") || line.starts_with("#   hint: ")
}

/// The problems of a file, as the comments at its start.
fn said_of(path: &Path, folder: &Path) -> String {
    let Err(problems) = load(path.to_str().unwrap(), &|_| None) else {
        return String::new();
    };
    let mut said = String::new();
    for problem in problems.iter() {
        let file = Path::new(&problem.file);
        let elsewhere = match file.strip_prefix(folder) {
            Ok(name) if file != path => format!("{}:", name.display()),
            _ => String::new(),
        };
        let (line, column) = (problem.line, problem.column);
        let _ = writeln!(
            said,
            "# problem: {elsewhere}{line}:{column}: {}",
            problem.message
        );
        if let Some(hint) = &problem.hint {
            let _ = writeln!(said, "#   hint: {hint}");
        }
    }
    said
}

/// New comments move the lines that they are about, so the file is read again until they agree.
fn bless(path: &Path, folder: &Path, text: &str) {
    let body: String = text
        .lines()
        .skip_while(|line| is_expectation(line))
        .fold(String::new(), |body, line| body + line + "\n");
    let mut header = String::new();
    for _ in 0..3 {
        std::fs::write(path, format!("{header}{body}")).unwrap();
        header = said_of(path, folder);
    }
}

#[test]
fn a_scenario_is_compiled() {
    let scenario = read(
        "scenario: x
listen: { protocol: socket.io, heartbeat: { every: 1m } }
limits: { message: 64KiB }
let: { a: [1, 2], b: \"${ a[1] + 1 }\", c: \"${ env('HOME') or 'no' } home\" }
data:
  things: { key: id, items: [{ id: 1, price: 1.50, name: \"a\\\"b\" }] }
on:
  one:
    - check: ${ message.data }
      has: { id: integer|string }
    - find: things
      key: ${ message.data.id }
      fields: ${ message.data.fields }
    - reply: { thing: \"${ item }\", n: [true, null], text: \"a ${ b }${ 'c' }\" }
  \"*\": [{ stop: true }]
",
    )
    .unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(scenario.limits.message, 65_536);
    assert_eq!(scenario.known, ["one"]);
    let constant = |name: &str| {
        let symbol = scenario.symbols.find(name).unwrap();
        let (_, value) = scenario
            .constants
            .iter()
            .find(|(s, _)| *s == symbol)
            .unwrap();
        value.to_string()
    };
    assert_eq!(constant("b"), "3");
    assert_eq!(constant("c"), "no home");
    let model::ItemOrigin::Literal(items) = &scenario.data[0].origin else {
        panic!("not literal");
    };
    assert_eq!(items, &[r#"{"id":1,"price":1.5,"name":"a\"b"}"#]);
    let steps = &scenario.on["one"].steps;
    let verbs::StepVerb::Check(check) = &steps[0].verb else {
        panic!("no check");
    };
    assert_eq!(check.prefix, "data.");
    let verbs::StepVerb::Find(find) = &steps[1].verb else {
        panic!("no find");
    };
    assert_eq!(find.fields_part, "data.fields");
    assert_eq!(&*steps[1].place, "x.yaml:11:7");
    let verbs::StepVerb::Reply(reply) = &steps[2].verb else {
        panic!("no reply");
    };
    let pieces = format!("{:?}", reply.body);
    assert!(pieces.contains("],\\\"text\\\":"), "{pieces}");
}

#[test]
fn who_writes_is_known() {
    let scenario = read(
        "scenario: x
data: { things: { key: id, items: [] } }
messages: { name: \"${ message.a }\" }
on:
  reads: [{ list: things }, { send: x, to: this }, { run: quiet }, { close: 1000 }]
  tells: [{ send: x, to: { others: all } }]
  tells_each: [{ for: all, do: [{ send: x }] }]
  looks_at_each: [{ for: all, as: names, collect: \"${ connection.id }\" }]
  draws: [{ reply: { a: [\"${ int(1, 2) }\"] } }]
  draws_when: [{ stop: true, when: \"${ chance(0.5) }\" }]
  remembers: [{ find: things, key: 1, else: [{ remember: { a: 1 } }] }]
  runs: [{ run: outer }]
define:
  quiet: [{ log: x }]
  outer: [{ run: inner }]
  inner: [{ join: room }, { later: 1s, do: [{ run: outer }] }]
",
    )
    .unwrap_or_else(|problems| panic!("{problems}"));
    let writes: Vec<&str> = scenario
        .known
        .iter()
        .map(String::as_str)
        .filter(|name| scenario.on[*name].writes)
        .collect();
    assert_eq!(
        writes,
        [
            "tells",
            "tells_each",
            "draws",
            "draws_when",
            "remembers",
            "runs"
        ]
    );
}

#[test]
fn an_envelope_that_draws_makes_everyone_a_writer() {
    let scenario = read(
        "scenario: x
messages: { reply: { id: \"${ uuid() }\" } }
on: { \"*\": [{ reply: x }] }
http: { \"GET /a\": [{ reply: x }] }
",
    )
    .unwrap_or_else(|problems| panic!("{problems}"));
    assert!(scenario.otherwise.as_ref().unwrap().writes);
    assert!(!scenario.http.routes[0].handler.writes);
}

#[test]
fn a_scenario_starts_from_another() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    };
    write(
        "base/base.yaml",
        "scenario: base\nextends: echo\ndata: { things: { from: things.json }, rows: { from: rows.csv } }\n",
    );
    write(
        "base/things.json",
        "[ {\"id\": 1.0 , \"big\":12345678901234567890} ]",
    );
    write("base/rows.csv", "\u{feff}id,a\nx,1.50\n");
    let own = write(
        "own.yaml",
        "scenario: own\nextends: ./base/base.yaml\nlisten: { port: 1 }\n",
    );
    let scenario = load(own.to_str().unwrap(), &|_| None).unwrap_or_else(|p| panic!("{p}"));
    assert_eq!((scenario.name.as_str(), scenario.listen.port), ("own", 1));
    assert_eq!(scenario.listen.protocol, model::Protocol::Raw);
    assert!(scenario.otherwise.is_some());
    let files: Vec<_> = scenario
        .files
        .iter()
        .map(|path| {
            path.strip_prefix(folder.path())
                .unwrap()
                .display()
                .to_string()
        })
        .collect();
    assert_eq!(
        files,
        [
            "own.yaml",
            "base/base.yaml",
            "base/things.json",
            "base/rows.csv"
        ]
    );
    let items: Vec<_> = scenario
        .data
        .iter()
        .map(|collection| match &collection.origin {
            model::ItemOrigin::Literal(items) => items.join(" "),
            model::ItemOrigin::Generated { .. } => String::new(),
        })
        .collect();
    assert_eq!(
        items,
        [
            r#"{"id":1.0,"big":12345678901234567890}"#,
            r#"{"id":"x","a":1.50}"#
        ]
    );
}

#[test]
fn hostile_scenarios_end_soon_with_a_problem() {
    let lines = |head: &str, count: usize, line: &dyn Fn(usize) -> String| {
        (0..count).fold(format!("{head}:\n"), |text, n| {
            text + "  " + &line(n) + "\n"
        })
    };
    let chain = |n| format!("d{n}: [{{ run: d{} }}]", n + 1);
    let slow = |n| format!("a{n}: ${{ range(10000) | list | length }}");
    let wrong = |n| format!("a{n}: [{{ reply: \"${{ x{n} }}\" }}]");
    let signs = |sign: &str| format!("let: {{ a: \"${{ {}1 }}\" }}\nwrong: 1", sign.repeat(2_000));
    for text in [
        lines("define", 5_000, &chain),
        lines("let", 70_000, &|n| format!("a{n}: 1")),
        lines("let", 1_100, &slow),
        lines("on", 5_000, &wrong),
        format!("let: {{ a: \"{}\" }}\nwrong: 1", "${ '' }".repeat(50_000)),
        format!("let: {{ a: \"{}\" }}\nwrong: 1", "${ '".repeat(50_000)),
        "let: { a: \"${ ['x' * 1000] * 100000 }\" }".to_owned(),
        signs("-"),
        signs("(("),
    ] {
        assert!(read(&format!("scenario: x\n{text}\n")).is_err());
    }
}

#[test]
fn callers_names_stay_known_after_a_run() {
    let scenario = read(
        "scenario: x
on: { \"*\": [{ let: { r: 1 } }, { run: outer }] }
define: { outer: [{ run: inner }, { log: \"${ r }\" }], inner: [] }
",
    );
    assert!(scenario.is_ok(), "{scenario:?}");
}
