use super::*;

fn unreadable(text: &str) -> String {
    match on_own_stack(|| parse(text, 0)).unwrap() {
        Ok(node) => panic!("{text:?} was read as {}", node.json()),
        Err(problem) => format!(
            "{}:{}: {}{}",
            problem.at.line,
            problem.at.column,
            problem.message,
            problem
                .hint
                .map(|hint| format!(" | {hint}"))
                .unwrap_or_default()
        ),
    }
}

#[test]
fn values_keep_type_order_and_place() {
    let root = parse(
        "on: { b: 1, a: [yes, no, ~, null, true] }\nn: [007, 1_000, 0x10, 1.50, 18446744073709551616, 1.2.3]\n1: x\n",
        7,
    )
    .unwrap();
    assert_eq!(
        root.json(),
        r#"{"on":{"b":1,"a":["yes","no",null,null,true]},"n":["007","1_000",16,1.5,18446744073709552000,"1.2.3"],"1":"x"}"#
    );
    let n = root.get("n").unwrap();
    let at = n.elements()[3].at;
    assert_eq!((at.source, at.line, at.column), (7, 2, 23));
}

#[test]
fn json_is_read_too() {
    let text = r#"{"scenario":"x","on":{"a":[{"reply":"\u00e9\n"}]}}"#;
    assert_eq!(parse(text, 0).unwrap().json(), text.replace("\\u00e9", "é"));
}

#[test]
fn an_alias_stands_where_it_was_defined() {
    let root = parse("a: &x\n  b: 1\nc: *x\n", 0).unwrap();
    assert_eq!(root.json(), r#"{"a":{"b":1},"c":{"b":1}}"#);
    assert_eq!(root.get("c").unwrap().get("b").unwrap().at.line, 2);
}

#[test]
fn what_is_no_yaml_says_why() {
    let quotes = "inside `{ … }` and `[ … ]` an expression needs quotes: `\"${ … }\"`";
    for (text, problem) in [
        (
            "a: 1\nto: { room: ${ x } }",
            format!("2:14: while parsing a flow mapping, did not find expected ',' or '}}' | {quotes}"),
        ),
        (
            "[a, ${b}]",
            format!("1:6: while parsing a flow sequence, expected ',' or ']' | {quotes}"),
        ),
        (
            "a: b: c",
            "1:5: mapping values are not allowed in this context | a text with `: ` in it needs quotes; otherwise look at the indentation".to_owned(),
        ),
        ("a: [1", "1:4: unclosed bracket '['".to_owned()),
        ("a: \"b", "1:4: unclosed quote".to_owned()),
        (
            "a: 1\n---\nb: 1\n",
            "2:1: a second YAML document, a file holds one".to_owned(),
        ),
        ("? [a]\n: b\n", "1:3: a key must be a text".to_owned()),
        ("a: *b", "1:4: reference to unknown value".to_owned()),
        ("a: &a [*a]", "1:8: an alias inside of what it stands for".to_owned()),
        ("a: .nan", "1:4: value `.nan` is not a finite number".to_owned()),
    ] {
        assert_eq!(unreadable(text), problem);
    }
}

#[test]
fn hostile_texts_end_soon() {
    let deep = "lists and maps nested deeper than 64 levels";
    assert!(unreadable(&"[".repeat(100_000)).contains(deep));
    assert!(unreadable(&"- ".repeat(50_000)).contains(deep));
    let mut bomb = String::from("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
    for n in 1..12 {
        let aliases = vec![format!("*a{}", n - 1); 10].join(",");
        bomb.push_str(
            &[
                "a",
                &n.to_string(),
                ": &a",
                &n.to_string(),
                " [",
                &aliases,
                "]\n",
            ]
            .concat(),
        );
    }
    assert!(unreadable(&bomb).contains("aliases"));
    assert!(unreadable(&"? ".repeat(50_000)).contains(deep));
}
