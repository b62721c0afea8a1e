use super::*;

fn help(line: &str) -> String {
    let command = Cli::command().term_width(100);
    let line = line.split_whitespace();
    command.try_get_matches_from(line).unwrap_err().to_string()
}

#[test]
fn the_command_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn values_are_checked() {
    for (line, expected) in [
        ("serve --seed 7", None),
        ("serve --seed random", None),
        (
            "serve --seed=-1",
            Some("must be a whole number from 0, or `random`"),
        ),
        ("serve --clock manual", None),
        ("serve --clock 2024-01-20T10:30:00+03:00", None),
        (
            "serve --clock noon",
            Some("must be `real`, `manual` or a time such as"),
        ),
        ("serve --count stations=5,cities=2", None),
        (
            "serve --count stations",
            Some("must be a name, `=` and a value"),
        ),
        ("serve --timer =5s", Some("must be a name, `=` and a value")),
        ("serve -p 0 -s 7", None),
        ("serve --exit-with-parent", None),
        ("serve --exit-with-parent=7 echo", None),
        ("serve --exit-with-parent=me", Some("invalid digit")),
        ("serve --count x=-1", Some("from 0 to 10000000")),
        (
            "serve --timer x=0s",
            Some("must be a duration such as `250ms`"),
        ),
        ("serve --max-message 3MB", Some("must be a size such as")),
        ("serve --allow-host ,a.test,", None),
        ("serve --allow-host http://x", Some("must be a host name")),
        ("serve --allow-origin https://a.example/,*", None),
        (
            "serve --allow-origin a.example",
            Some("must be an origin such as"),
        ),
        (
            "serve --control-origin https://a.example/x",
            Some("must be an origin"),
        ),
        ("token --scenario x --expires soon", Some("such as `90s`")),
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
fn every_option_of_serve_has_a_variable() {
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
fn help_lists_the_verbs() {
    insta::assert_snapshot!(help("ws-mock -h"), @r#"
    Plays a real-time back end from a file, the scenario

    Usage: ws-mock [OPTIONS] <COMMAND>

    Commands:
      serve        Play a scenario until Ctrl-C
      scenarios    List the bundled scenarios, or show one
      validate     Check scenario files and report every problem in them
      token        Print a token that a running scenario accepts
      certs        Make the development certificate, and explain how to trust it
      health       Check that a running server answers
      completions  Print completions for a shell
      man          Print a man page
      help         Print this message or the help of the given subcommand(s)

    Options:
      -h, --help     Print help (see more with '--help')
      -V, --version  Print version

    Logging:
          --log-format <text|json>     The format of log lines on standard error [env:
                                       WS_MOCK_LOG_FORMAT] [default: text]
          --color <auto|always|never>  Colours in the log: `auto` uses them on a terminal, unless
                                       `NO_COLOR` is set [env: WS_MOCK_COLOR] [default: auto]
      -v, --verbose...                 Log each message as well; twice, internal events too [env:
                                       WS_MOCK_VERBOSE]
      -q, --quiet...                   Log warnings and errors only; twice, errors only [env:
                                       WS_MOCK_QUIET]

    Exit codes: 0 done; 1 could not run (a port taken, a certificate unreadable); 2 wrong usage or an
    unsound scenario.
    "#);
}

#[test]
fn help_of_serve() {
    insta::assert_snapshot!(help("ws-mock serve -h"), @r#"
    Play a scenario until Ctrl-C

    Usage: ws-mock serve [OPTIONS] [SCENARIO]

    Arguments:
      [SCENARIO]  The name of a bundled scenario (see `ws-mock scenarios`) or a file [env:
                  WS_MOCK_SCENARIO] [default: stations]

    Options:
      -h, --help  Print help

    Listening:
          --host <HOST>               The host to listen on: `localhost` is 127.0.0.1 and `::1`,
                                      `0.0.0.0` is every interface [env: WS_MOCK_HOST] [default:
                                      localhost]
      -p, --port <PORT>               The port instead of the scenario's; 0 takes a free one [env:
                                      WS_MOCK_PORT]
          --ssl                       Turn TLS on; plain ws:// and http:// are still answered on the
                                      same port [env: WS_MOCK_SSL]
          --no-ssl                    Turn TLS off [env: WS_MOCK_NO_SSL]
          --ssl-only                  Turn TLS on, and refuse plain ws:// and http:// [env:
                                      WS_MOCK_SSL_ONLY]
          --cert <FILE>               A certificate chain (PEM) instead of the development certificate;
                                      turns TLS on [env: WS_MOCK_CERT]
          --key <FILE>                The private key (PEM) of the chain [env: WS_MOCK_KEY]
          --ready-file <FILE>         Write process id, port and URLs to this file (JSON) once
                                      connections are accepted [env: WS_MOCK_READY_FILE]
          --exit-with-parent[=<PID>]  Stop when this process ends, without PID when the parent process
                                      does [env: WS_MOCK_EXIT_WITH_PARENT]

    Playing:
      -s, --seed <N|random>
              The seed of every generated value: a number, or `random` [env: WS_MOCK_SEED] [default: 1]
          --clock <real|manual|TIME>
              `real`, `manual` (held at the time of the start), or a time such as 2024-01-20T10:30:00Z
              to hold it at [env: WS_MOCK_CLOCK] [default: real]
          --count <COLLECTION=N>
              The number of items of a collection: `stations=2500` [env: WS_MOCK_COUNT]
          --timer <NAME=TIME>
              The interval of a timer: `heartbeat=5s` [env: WS_MOCK_TIMER]
          --no-timers
              Run timers only when the control API fires them [env: WS_MOCK_NO_TIMERS]
          --strict
              Answer unknown fields and filters with an error [env: WS_MOCK_STRICT]
          --fault <KIND[=VALUE][,on=…][,share=…]>
              Inject a fault: `latency=200ms`, `drop,on=getStations,share=0.1`; separate several by `;`,
              in the environment also by spaces [env: WS_MOCK_FAULT]
          --no-watch
              Do not reload the scenario when its files change [env: WS_MOCK_NO_WATCH]

    Access and limits:
          --allow-origin <ORIGIN>    Let pages of this origin connect, `'*'` for all; local pages always
                                     may [env: WS_MOCK_ALLOW_ORIGIN]
          --allow-host <NAME>        Answer to this host name too, in containers and behind proxies
                                     [env: WS_MOCK_ALLOW_HOST]
          --control-origin <ORIGIN>  Open the control API to pages of this origin [env:
                                     WS_MOCK_CONTROL_ORIGIN]
          --no-control               Turn the control API off [env: WS_MOCK_NO_CONTROL]
          --max-connections <N>      The maximum number of open connections [default: 20000] [env:
                                     WS_MOCK_MAX_CONNECTIONS]
          --max-message <SIZE>       The largest message and frame, such as 512KiB or 32MiB [default:
                                     1MiB] [env: WS_MOCK_MAX_MESSAGE]

    Logging:
          --log-format <text|json>     The format of log lines on standard error [env:
                                       WS_MOCK_LOG_FORMAT] [default: text]
          --color <auto|always|never>  Colours in the log: `auto` uses them on a terminal, unless
                                       `NO_COLOR` is set [env: WS_MOCK_COLOR] [default: auto]
      -v, --verbose...                 Log each message as well; twice, internal events too [env:
                                       WS_MOCK_VERBOSE]
      -q, --quiet...                   Log warnings and errors only; twice, errors only [env:
                                       WS_MOCK_QUIET]
    "#);
}

#[test]
fn help_of_the_other_verbs() {
    let all = [
        "scenarios",
        "validate",
        "token",
        "certs",
        "health",
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
    List the bundled scenarios, or show one

    Usage: ws-mock scenarios [OPTIONS]
           ws-mock scenarios <COMMAND>

    Commands:
      show  Print a scenario's file, to read it or to start from it
      help  Print this message or the help of the given subcommand(s)

    Options:
      -h, --help  Print help
    ---
    Check scenario files and report every problem in them

    Usage: ws-mock validate [OPTIONS] <FILE>...

    Arguments:
      <FILE>...  Scenario files

    Options:
      -h, --help  Print help
    ---
    Print a token that a running scenario accepts

    Usage: ws-mock token [OPTIONS] --scenario <SCENARIO>

    Options:
          --scenario <SCENARIO>  The scenario whose secret signs the token: a bundled name or a file
                                 [env: WS_MOCK_SCENARIO]
          --claim <NAME=VALUE>   A claim: `role=master`; the value is JSON if it parses as JSON
          --expires <TIME>       The token's lifetime, such as 90s or 1h [default: 24h]
      -h, --help                 Print help
    ---
    Make the development certificate, and explain how to trust it

    Usage: ws-mock certs [OPTIONS]
           ws-mock certs <COMMAND>

    Commands:
      trust  Explain how systems, browsers and tools are made to trust the authority
      help   Print this message or the help of the given subcommand(s)

    Options:
          --force              Make a new authority and certificate; the authority must be trusted again
          --allow-host <NAME>  A further host name or address that the certificate is for [env:
                               WS_MOCK_ALLOW_HOST]
      -h, --help               Print help
    ---
    Check that a running server answers

    Usage: ws-mock health [OPTIONS] [URL]

    Arguments:
      [URL]  The server's URL, such as `https://localhost:10009`

    Options:
      -p, --port <PORT>          Without a URL: the server's port on this machine [default: the
                                 scenario's] [env: WS_MOCK_PORT]
          --scenario <SCENARIO>  The scenario that the server plays [env: WS_MOCK_SCENARIO] [default:
                                 stations]
      -h, --help                 Print help
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
      [VERB]  The verb whose page to print instead of ws-mock's own

    Options:
      -h, --help  Print help
    "#);
}
