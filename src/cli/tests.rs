use super::*;

fn help(line: &str) -> String {
    let command = Cli::command().term_width(100);
    let line = line.split_whitespace();
    command.try_get_matches_from(line).unwrap_err().to_string()
}

fn listen(options: &str) -> Listen {
    let line = ["ws-mock", "serve"].into_iter();
    match Cli::read(line.chain(options.split_whitespace()))
        .unwrap()
        .verb
    {
        Verb::Serve(serve) => serve.listen,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_command_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn of_tls_on_and_off_the_last_one_counts() {
    for (options, expected) in [
        ("", (false, false, false)),
        ("--ssl", (true, false, false)),
        ("--no-ssl", (false, false, true)),
        ("--ssl --no-ssl", (false, false, true)),
        ("--no-ssl --ssl", (true, false, false)),
        ("--ssl --no-ssl --ssl", (true, false, false)),
        ("--ssl-only --no-ssl", (false, false, true)),
        ("--no-ssl --ssl-only", (false, true, false)),
        ("--ssl --ssl-only", (true, true, false)),
    ] {
        let found = listen(options);
        assert_eq!(
            (found.ssl, found.ssl_only, found.no_ssl),
            expected,
            "{options}"
        );
    }
}

#[test]
fn values_are_read_or_told_what_is_needed() {
    for (line, expected) in [
        ("serve --seed 7", None),
        ("serve --seed random", None),
        (
            "serve --seed=-1",
            Some("a whole number from 0 on, or `random`, is needed"),
        ),
        ("serve --clock manual", None),
        ("serve --clock 2024-01-20T10:30:00+03:00", None),
        (
            "serve --clock noon",
            Some("`real`, `manual` or a time such as"),
        ),
        ("serve --count stations=5,cities=2", None),
        (
            "serve --count stations",
            Some("a name, `=` and a value are needed"),
        ),
        (
            "serve --timer =5s",
            Some("a name, `=` and a value are needed"),
        ),
        ("serve --port 65536", Some("65536 is not in 0..=65535")),
        ("serve --max-connections 0", Some("number would be zero")),
        ("serve --cert x", Some("--key <FILE>")),
        ("serve --port 1 --port 2", None),
        ("scenarios show", Some("<NAME>")),
        ("validate", Some("<FILE>")),
        ("certs --force trust", Some("cannot be used with")),
    ] {
        let line = ["ws-mock"].into_iter().chain(line.split_whitespace());
        let read = Cli::read(line.clone());
        let found = read.err().map(|error| error.to_string());
        match (&found, expected) {
            (None, None) => {}
            (Some(found), Some(expected)) if found.contains(expected) => {}
            _ => panic!("{:?}: {found:?}", line.collect::<Vec<_>>()),
        }
    }
}

#[test]
fn every_option_of_serve_has_a_twin_in_the_environment() {
    let command = Cli::command();
    let serve = command.find_subcommand("serve").unwrap();
    let options: Vec<_> = serve
        .get_arguments()
        .chain(command.get_arguments())
        .collect();
    assert!(options.len() > 20);
    for option in options {
        let twin = format!("WS_MOCK_{}", option.get_id().as_str().to_uppercase());
        let found = option.get_env().and_then(|name| name.to_str());
        assert_eq!(found, Some(twin.as_str()));
        assert!(option.get_help().is_some(), "{twin}");
    }
}

#[test]
fn the_command_tells_what_it_can_do() {
    insta::assert_snapshot!(help("ws-mock -h"), @r#"
    Plays a real-time back end from a file, the scenario

    Usage: ws-mock [OPTIONS] <COMMAND>

    Commands:
      serve        Play a scenario until Ctrl-C
      scenarios    List the scenarios inside the binary, or show one
      validate     Check scenario files and tell every problem in them
      token        Print a token that a running scenario accepts
      certs        Make the development certificate, and tell how to trust it
      completions  Print completions for a shell
      man          Print a man page
      help         Print this message or the help of the given subcommand(s)

    Options:
      -h, --help     Print help (see more with '--help')
      -V, --version  Print version

    Logging:
          --log-format <text|json>     Lines of text or of JSON, on standard error [env:
                                       WS_MOCK_LOG_FORMAT] [default: text]
          --color <auto|always|never>  Colours in it: `auto` has them on a terminal, unless `NO_COLOR`
                                       is set [env: WS_MOCK_COLOR] [default: auto]
      -v, --verbose...                 Log each message as well; twice, what happens inside [env:
                                       WS_MOCK_VERBOSE]
      -q, --quiet...                   Log warnings and errors only; twice, errors only [env:
                                       WS_MOCK_QUIET]

    Exit codes: 0 done; 1 could not run (a port taken, a certificate unreadable); 2 wrong usage or an
    unsound scenario.
    "#);
}

#[test]
fn serve_tells_its_options() {
    insta::assert_snapshot!(help("ws-mock serve -h"), @r#"
    Play a scenario until Ctrl-C

    Usage: ws-mock serve [OPTIONS] [SCENARIO]

    Arguments:
      [SCENARIO]  A bundled scenario's name (see `ws-mock scenarios`) or a file [env: WS_MOCK_SCENARIO]
                  [default: stations]

    Options:
      -h, --help  Print help

    Listening:
          --host <HOST>        The host to listen on: `localhost` is 127.0.0.1 and `::1`, `0.0.0.0` is
                               everywhere [env: WS_MOCK_HOST] [default: localhost]
          --port <PORT>        The port instead of the scenario's; 0 takes a free one [env:
                               WS_MOCK_PORT]
          --ssl                Turn TLS on; plain ws:// and http:// are still answered on the same port
                               [env: WS_MOCK_SSL]
          --no-ssl             Turn TLS off [env: WS_MOCK_NO_SSL]
          --ssl-only           Turn TLS on, and refuse plain ws:// and http:// [env: WS_MOCK_SSL_ONLY]
          --cert <FILE>        A certificate chain (PEM) instead of the development certificate; turns
                               TLS on [env: WS_MOCK_CERT]
          --key <FILE>         The private key (PEM) of the chain [env: WS_MOCK_KEY]
          --ready-file <FILE>  Write process id, port and URLs to this file (JSON) once connections are
                               accepted [env: WS_MOCK_READY_FILE]

    Playing:
          --seed <N|random>
              What fixes every generated value: a number, or `random` [env: WS_MOCK_SEED] [default: 1]
          --clock <real|manual|TIME>
              `real`, `manual` (held at the time of the start), or a time such as 2024-01-20T10:30:00Z
              to hold it at [env: WS_MOCK_CLOCK] [default: real]
          --count <COLLECTION=N>
              How many items a collection has: `stations=2500` [env: WS_MOCK_COUNT]
          --timer <NAME=TIME>
              How often a timer runs: `heartbeat=5s` [env: WS_MOCK_TIMER]
          --no-timers
              Let no timer run by itself [env: WS_MOCK_NO_TIMERS]
          --strict
              Answer unknown fields and filters with an error [env: WS_MOCK_STRICT]
          --fault <KIND[=VALUE][,on=…][,share=…]>
              Break something on purpose: `latency=200ms`, `drop,on=getStations,share=0.1`; several are
              parted by `;`, in the environment by blanks too [env: WS_MOCK_FAULT]
          --no-watch
              Leave a changed scenario file alone until the next start [env: WS_MOCK_NO_WATCH]

    Access and limits:
          --allow-origin <ORIGIN>    Let pages of this origin connect, `'*'` for all; local ones may
                                     anyway [env: WS_MOCK_ALLOW_ORIGIN]
          --allow-host <NAME>        Answer to this host name too, in containers and behind proxies
                                     [env: WS_MOCK_ALLOW_HOST]
          --control-origin <ORIGIN>  Open the control API to pages of this origin [env:
                                     WS_MOCK_CONTROL_ORIGIN]
          --no-control               Take the control API away [env: WS_MOCK_NO_CONTROL]
          --max-connections <N>      Connections at one time [default: 20000] [env:
                                     WS_MOCK_MAX_CONNECTIONS]
          --max-message <SIZE>       The largest message and frame, such as 512KiB or 32MiB [default:
                                     1MiB] [env: WS_MOCK_MAX_MESSAGE]

    Logging:
          --log-format <text|json>     Lines of text or of JSON, on standard error [env:
                                       WS_MOCK_LOG_FORMAT] [default: text]
          --color <auto|always|never>  Colours in it: `auto` has them on a terminal, unless `NO_COLOR`
                                       is set [env: WS_MOCK_COLOR] [default: auto]
      -v, --verbose...                 Log each message as well; twice, what happens inside [env:
                                       WS_MOCK_VERBOSE]
      -q, --quiet...                   Log warnings and errors only; twice, errors only [env:
                                       WS_MOCK_QUIET]
    "#);
}

#[test]
fn the_other_verbs_tell_their_options() {
    let all = [
        "scenarios",
        "validate",
        "token",
        "certs",
        "completions",
        "man",
    ];
    let heads = all.map(|verb| {
        let help = help(&format!("ws-mock {verb} -h"));
        help.split("\nLogging:")
            .next()
            .unwrap_or_default()
            .to_owned()
    });
    insta::assert_snapshot!(heads.join("---\n"), @r#"
    List the scenarios inside the binary, or show one

    Usage: ws-mock scenarios [OPTIONS]
           ws-mock scenarios <COMMAND>

    Commands:
      show  Print a scenario's file, to read it or to start from it
      help  Print this message or the help of the given subcommand(s)

    Options:
      -h, --help  Print help
    ---
    Check scenario files and tell every problem in them

    Usage: ws-mock validate [OPTIONS] <FILE>...

    Arguments:
      <FILE>...  Scenario files

    Options:
      -h, --help  Print help
    ---
    Print a token that a running scenario accepts

    Usage: ws-mock token [OPTIONS] --scenario <SCENARIO>

    Options:
          --scenario <SCENARIO>  The scenario whose secret signs it: a bundled name or a file [env:
                                 WS_MOCK_SCENARIO]
          --claim <NAME=VALUE>   What it claims: `role=master`; the value is JSON where it parses
          --expires <TIME>       How long it is good for, such as 90s or 1h [default: 24h]
      -h, --help                 Print help
    ---
    Make the development certificate, and tell how to trust it

    Usage: ws-mock certs [OPTIONS]
           ws-mock certs <COMMAND>

    Commands:
      trust  Tell how systems, browsers and tools come to trust the authority
      help   Print this message or the help of the given subcommand(s)

    Options:
          --force  Make the authority and the certificate anew; the authority has to be trusted again
      -h, --help   Print help
    ---
    Print completions for a shell

    Usage: ws-mock completions [OPTIONS] <SHELL>

    Arguments:
      <SHELL>  The shell [possible values: bash, elvish, fish, powershell, zsh]

    Options:
      -h, --help  Print help
    ---
    Print a man page

    Usage: ws-mock man [OPTIONS] [VERB]

    Arguments:
      [VERB]  The verb to tell about; absent: ws-mock itself

    Options:
      -h, --help  Print help
    "#);
}
