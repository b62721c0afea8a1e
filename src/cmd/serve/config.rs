//! Turns options and a scenario into the configuration of one server.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, ToSocketAddrs};
use std::time::Duration;

use anyhow::Context;
use ring::rand::{SecureRandom, SystemRandom};

use super::super::Usage;
use super::tls;
use crate::base::{Limits, MAX_ITEMS};
use crate::cli::{self, Assignment};
use crate::config::{Access, ClockStart, Config, Listen, Play};
use crate::lang::faults::Fault;
use crate::lang::model::{Origin, Scenario};
use crate::lang::{duration, size};

/// Makes the development certificate if the server needs it.
pub(super) fn resolve(args: &cli::Serve, scenario: &Scenario) -> anyhow::Result<Config> {
    let play = play(&args.play, scenario, seed(args.play.seed)?)?;
    let access = access(&args.access)?;
    let limits = limits(&args.access, scenario)?;
    Ok(Config {
        listen: listen(&args.listen, scenario, &access.hosts)?,
        play,
        access,
        limits,
    })
}

/// The same options with a changed scenario. Listening, access and the seed stay as they are.
pub(super) fn again(
    start: &Config,
    args: &cli::Serve,
    scenario: &Scenario,
) -> anyhow::Result<Config> {
    Ok(Config {
        listen: start.listen.clone(),
        play: play(&args.play, scenario, start.play.seed)?,
        access: start.access.clone(),
        limits: limits(&args.access, scenario)?,
    })
}

/// Settings of the changed scenario that a running server cannot apply.
pub(super) fn pending(start: &Listen, args: &cli::Listen, scenario: &Scenario) -> Vec<String> {
    let port = args.port.unwrap_or(scenario.listen.port);
    let tls = wants_tls(args, scenario);
    let changed = [
        (port != start.port).then(|| format!("listen.port: {port}")),
        (tls != start.tls.is_some()).then(|| format!("listen.tls: {tls}")),
    ];
    changed.into_iter().flatten().collect()
}

fn wants_tls(args: &cli::Listen, scenario: &Scenario) -> bool {
    let asked = args.ssl || args.ssl_only || args.cert.is_some();
    (scenario.listen.tls || asked) && !args.no_ssl
}

fn listen(
    args: &cli::Listen,
    scenario: &Scenario,
    allowed_hosts: &[String],
) -> anyhow::Result<Listen> {
    let host = host(&args.host);
    // Before a certificate is made in vain.
    let addresses = addresses(&args.host)?;
    let tls = if wants_tls(args, scenario) {
        let mut served: Vec<_> = addresses.iter().map(IpAddr::to_string).collect();
        served.push(host.to_owned());
        served.extend_from_slice(allowed_hosts);
        Some(tls::find(args, &served)?)
    } else {
        None
    };
    Ok(Listen {
        addresses,
        host: host.to_owned(),
        port: args.port.unwrap_or(scenario.listen.port),
        tls,
        ready_file: args.ready_file.clone(),
    })
}

/// Without the brackets of `[::1]`.
fn host(typed: &str) -> &str {
    typed
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(typed)
}

/// The addresses of a host. `localhost` needs no name service, which a container may lack.
pub(in super::super) fn addresses(typed: &str) -> anyhow::Result<Vec<IpAddr>> {
    let host = host(typed);
    if host.trim().is_empty() {
        return Err(Usage::new("`--host` is empty")
            .hint("`localhost` is this machine, `0.0.0.0` every interface")
            .into());
    }
    if host.eq_ignore_ascii_case("localhost") {
        return Ok(vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]);
    }
    if let Ok(address) = host.parse() {
        return Ok(vec![address]);
    }
    let mut addresses = Vec::new();
    for address in (host, 0)
        .to_socket_addrs()
        .with_context(|| format!("host `{host}` has no address"))?
    {
        if !addresses.contains(&address.ip()) {
            addresses.push(address.ip());
        }
    }
    Ok(addresses)
}

fn seed(seed: cli::Seed) -> anyhow::Result<u64> {
    match seed {
        cli::Seed::Fixed(seed) => Ok(seed),
        cli::Seed::Random => {
            // Four bytes: short enough to type again, and exact as a number of JavaScript.
            let mut bytes = [0; 4];
            let drawn = SystemRandom::new().fill(&mut bytes);
            drawn.map_err(|_| anyhow::anyhow!("the system has no random numbers"))?;
            Ok(u32::from_le_bytes(bytes).into())
        }
    }
}

fn play(args: &cli::Play, scenario: &Scenario, seed: u64) -> Result<Play, Usage> {
    let generated = |wanted: &str| {
        let mut all = scenario.data.iter();
        all.any(|one| one.name == wanted && matches!(one.origin, Origin::Generated { .. }))
    };
    let collections: Vec<_> = scenario.data.iter().map(|one| one.name.as_str()).collect();
    let timers: Vec<_> = scenario
        .timers
        .iter()
        .map(|one| one.name.as_str())
        .collect();
    let count = |given: &Assignment| {
        known("collection", &given.name, &collections)?;
        if !generated(&given.name) {
            let name = &given.name;
            return Err(
                Usage::new(format!("collection `{name}` is a list of its own"))
                    .hint("only a collection with `item:` has a count"),
            );
        }
        let number = given.value.parse().ok();
        number.filter(|number| *number <= MAX_ITEMS).ok_or_else(|| {
            let (name, value) = (&given.name, &given.value);
            Usage::new(format!("`--count {name}={value}` cannot be")).hint(format!(
                "a whole number is needed, up to {MAX_ITEMS} are allowed"
            ))
        })
    };
    let every = |given: &Assignment| {
        known("timer", &given.name, &timers)?;
        let every = duration(&given.value).filter(|every| *every >= Duration::from_millis(1));
        every.ok_or_else(|| {
            Usage::new(format!(
                "`--timer {}={}` has no duration",
                given.name, given.value
            ))
            .hint("a number and a unit are needed: `250ms`, `5s`, `1m 30s`")
        })
    };
    Ok(Play {
        seed,
        clock: match args.clock {
            cli::Clock::Real => ClockStart::Real,
            cli::Clock::Manual => ClockStart::Manual,
            cli::Clock::At(time) => ClockStart::At(time.as_millisecond()),
        },
        counts: last_of_each(&args.count, count)?,
        timers: last_of_each(&args.timer, every)?,
        timers_run: !args.no_timers,
        strict: args.strict,
        faults: faults(&args.fault, scenario)?,
    })
}

fn faults(typed: &[String], scenario: &Scenario) -> Result<Vec<Fault>, Usage> {
    let handlers = scenario.fault_handlers();
    let read = |text| {
        Fault::read_option(text, handlers.as_deref()).map_err(|problem| Usage {
            message: format!("`--fault {text}`: {}", problem.message),
            hint: problem.hint,
        })
    };
    given(typed).map(read).collect()
}

fn known(what: &str, name: &str, known: &[&str]) -> Result<(), Usage> {
    if known.contains(&name) {
        Ok(())
    } else {
        Err(Usage::unknown(what, name, known))
    }
}

/// A name given again replaces what it was given before.
fn last_of_each<T>(
    given: &[Assignment],
    read: impl Fn(&Assignment) -> Result<T, Usage>,
) -> Result<Vec<(String, T)>, Usage> {
    let mut all: Vec<(String, T)> = Vec::new();
    for one in given {
        let value = read(one)?;
        all.retain(|(name, _)| *name != one.name);
        all.push((one.name.clone(), value));
    }
    Ok(all)
}

fn access(args: &cli::Access) -> Result<Access, Usage> {
    Ok(Access {
        origins: origins("--allow-origin", &args.allow_origin)?,
        hosts: given(&args.allow_host)
            .map(allowed_host)
            .collect::<Result<_, _>>()?,
        control_origins: origins("--control-origin", &args.control_origin)?,
        control: !args.no_control,
    })
}

fn allowed_host(text: &str) -> Result<String, Usage> {
    let plain = |sign: char| sign.is_ascii_alphanumeric() || "-_.:[]".contains(sign);
    if text.chars().all(plain) {
        return Ok(text.to_owned());
    }
    Err(Usage::new(format!("`--allow-host {text}` is no host name"))
        .hint("a name as it stands in `Host` is needed: `mock.example`, without scheme and path"))
}

/// Without what is empty, which a list in the environment may well have.
fn given(typed: &[String]) -> impl Iterator<Item = &str> {
    let trimmed = typed.iter().map(|text| text.trim());
    trimmed.filter(|text| !text.is_empty())
}

/// Neither blanks nor anything that does something to a terminal.
fn is_plain(text: &str) -> bool {
    text.chars().all(|sign| sign.is_ascii_graphic())
}

fn origins(option: &str, typed: &[String]) -> Result<Vec<String>, Usage> {
    let read = |text: &str| {
        let origin = text.strip_suffix('/').unwrap_or(text);
        let host = origin.split_once("://").map_or("", |(_, host)| host);
        let sound = !host.is_empty() && !host.contains('/') && is_plain(origin);
        if sound || matches!(origin, "*" | "null") {
            return Ok(origin.to_owned());
        }
        // What some browsers and shells send for a page from disk.
        if text == "file://" {
            return Ok(text.to_owned());
        }
        Err(Usage::new(format!("`{option} {text}` is no origin"))
            .hint("scheme and host are needed, and a port: `https://app.example:8080`, or `*`"))
    };
    given(typed).map(read).collect()
}

fn limits(args: &cli::Access, scenario: &Scenario) -> Result<Limits, Usage> {
    let mut limits = scenario.limits;
    if let Some(text) = &args.max_message {
        limits.message = max_message(text)?;
        limits.frame = limits.message;
    }
    if let Some(connections) = args.max_connections {
        limits.connections = connections.get();
    }
    Ok(limits)
}

fn max_message(text: &str) -> Result<usize, Usage> {
    size(text).filter(|size| *size > 0).ok_or_else(|| {
        Usage::new(format!("`--max-message {text}` is no size"))
            .hint("bytes are needed, or a unit: `65536`, `512KiB`, `32MiB`")
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::cli::{Cli, Verb};
    use crate::lang::{NoFiles, read_text};

    const SCENARIO: &str = r#"
scenario: shop
listen: { port: 4000, heartbeat: { every: 20s, timeout: 5s } }
limits: { message: 64KiB, messages_per_second: 30 }
data:
  shops: { count: 3, key: id, item: { id: "${ n }" } }
  towns: { key: id, items: [ { id: 1 } ] }
messages: { name: "${ message.action }" }
on: { buy: [ reply: 1 ] }
timers:
  load: { every: 30s, do: [ { log: tick } ] }
"#;

    fn scenario() -> Arc<Scenario> {
        read_text("shop.yaml", SCENARIO, &NoFiles, &|_| None).unwrap()
    }

    fn args(options: &str) -> cli::Serve {
        let line = ["ws-mock", "serve", "--host=127.0.0.1"];
        let cli = Cli::read(line.into_iter().chain(options.split_whitespace())).unwrap();
        match cli.verb {
            Verb::Serve(args) => *args,
            other => panic!("{other:?}"),
        }
    }

    fn resolved(options: &str) -> Config {
        resolve(&args(options), &scenario()).unwrap()
    }

    #[track_caller]
    fn wrong(options: &str, expected: &str) {
        let error = resolve(&args(options), &scenario()).unwrap_err();
        assert_eq!(error.to_string(), expected);
        assert!(error.is::<Usage>());
    }

    #[test]
    fn without_options_the_scenario_decides_then_the_defaults() {
        let config = resolved("");
        assert_eq!(config.listen.port, 4000);
        assert!(config.listen.tls.is_none());
        assert_eq!(config.play.seed, 1);
        assert_eq!(config.play.clock, ClockStart::Real);
        assert!(config.play.timers_run && config.access.control && !config.play.strict);
        let expected = Limits {
            message: 64 << 10,
            messages_per_second: Some(30),
            ping_every: Duration::from_secs(20),
            pong_time: Duration::from_secs(5),
            ..Limits::default()
        };
        assert_eq!(config.limits, expected);
    }

    #[test]
    fn options_go_before_the_scenario() {
        let config = resolved(
            "--port 0 --seed 42 --clock 2024-01-20T10:30:00Z --count shops=7 --count shops=9 \
             --timer load=1.5s --no-timers --strict --fault latency=50ms,on=buy;drop \
             --max-message 2MiB --max-connections 5 --no-control \
             --allow-origin https://a.example/ --allow-origin *",
        );
        assert_eq!(config.listen.port, 0);
        assert_eq!(config.play.seed, 42);
        assert_eq!(config.play.clock, ClockStart::At(1_705_746_600_000));
        assert_eq!(config.play.counts, [("shops".to_owned(), 9)]);
        let every = Duration::from_millis(1500);
        assert_eq!(config.play.timers, [("load".to_owned(), every)]);
        assert!(!config.play.timers_run && config.play.strict && !config.access.control);
        let kinds: Vec<_> = config.play.faults.iter().map(|fault| fault.name).collect();
        assert_eq!(kinds, ["latency", "drop"]);
        assert_eq!(
            (config.limits.message, config.limits.frame),
            (2 << 20, 2 << 20)
        );
        assert_eq!(config.limits.connections, 5);
        assert_eq!(config.access.origins, ["https://a.example", "*"]);
    }

    #[test]
    fn what_makes_no_sense_is_wrong_usage_with_a_hint() {
        for (options, message) in [
            (
                "--count shosp=3",
                "unknown collection `shosp`\n  hint: did you mean `shops`? Known: `shops`, `towns`",
            ),
            (
                "--count towns=3",
                "collection `towns` is a list of its own\n  hint: only a collection with `item:` has a count",
            ),
            (
                "--count shops=-1",
                "`--count shops=-1` cannot be\n  hint: a whole number is needed, up to 10000000 are allowed",
            ),
            (
                "--timer laod=3s",
                "unknown timer `laod`\n  hint: did you mean `load`? Known: `load`",
            ),
            (
                "--timer load=0s",
                "`--timer load=0s` has no duration\n  hint: a number and a unit are needed: `250ms`, `5s`, `1m 30s`",
            ),
            (
                "--fault mute=3",
                "`--fault mute=3`: a fault `mute` takes no value, got `3`",
            ),
            (
                "--fault lateny=3s",
                "`--fault lateny=3s`: unknown fault kind `lateny`\n  hint: did you mean `latency`?",
            ),
            (
                "--fault drop,on=bui",
                "`--fault drop,on=bui`: unknown handler `bui` in `on`\n  hint: did you mean `buy`?",
            ),
            (
                "--max-message 3MB",
                "`--max-message 3MB` is no size\n  hint: bytes are needed, or a unit: `65536`, `512KiB`, `32MiB`",
            ),
            (
                "--allow-origin app.example",
                "`--allow-origin app.example` is no origin\n  hint: scheme and host are needed, and a port: `https://app.example:8080`, or `*`",
            ),
            (
                "--control-origin https://a.example/x",
                "`--control-origin https://a.example/x` is no origin\n  hint: scheme and host are needed, and a port: `https://app.example:8080`, or `*`",
            ),
        ] {
            wrong(options, message);
        }
    }

    #[test]
    fn every_limit_of_a_scenario_holds() {
        let own = "message: 1, frame: 2, mailbox_frames: 3, mailbox_bytes: 4, messages_per_second: 5, \
                   connections: 6, connections_per_address: 7, head: 8, header_lines: 9, head_time: 10ms, \
                   body: 11, body_time: 12ms, write_time: 13ms, close_time: 14ms, journal_messages: 15, \
                   journal_message: 16, journal_bytes: 17, steps: 18, depth: 19, plans: 20, items: 21, \
                   kept: 22, rooms: 23";
        let text = SCENARIO.replace("message: 64KiB, messages_per_second: 30", own);
        let scenario = read_text("shop.yaml", &text, &NoFiles, &|_| None).unwrap();
        let expected = Limits {
            message: 1,
            frame: 2,
            mailbox_frames: 3,
            mailbox_bytes: 4,
            messages_per_second: Some(5),
            connections: 6,
            connections_per_address: Some(7),
            head: 8,
            header_lines: 9,
            head_time: Duration::from_millis(10),
            body: 11,
            body_time: Duration::from_millis(12),
            write_time: Duration::from_millis(13),
            close_time: Duration::from_millis(14),
            ping_every: Duration::from_secs(20),
            pong_time: Duration::from_secs(5),
            journal_messages: 15,
            journal_message: 16,
            journal_bytes: 17,
            steps: 18,
            depth: 19,
            plans: 20,
            items: 21,
            kept: 22,
            rooms: 23,
        };
        assert_eq!(resolve(&args(""), &scenario).unwrap().limits, expected);
    }

    #[test]
    fn a_message_that_may_come_may_come_in_one_frame() {
        for (limits, expected) in [
            ("message: 4MiB", (4 << 20, 4 << 20)),
            ("message: 64KiB", (64 << 10, 1 << 20)),
            ("message: 4MiB, frame: 2MiB", (4 << 20, 2 << 20)),
        ] {
            let text = SCENARIO.replace("message: 64KiB", limits);
            let scenario = read_text("shop.yaml", &text, &NoFiles, &|_| None).unwrap();
            let found = resolve(&args(""), &scenario).unwrap().limits;
            assert_eq!((found.message, found.frame), expected, "{limits}");
        }
    }

    #[test]
    fn a_host_is_its_addresses() {
        for (typed, expected) in [
            ("localhost", &["127.0.0.1", "::1"][..]),
            ("0.0.0.0", &["0.0.0.0"]),
            ("::1", &["::1"]),
            ("[::1]", &["::1"]),
        ] {
            let found = addresses(host(typed)).unwrap();
            let expected: Vec<IpAddr> = expected.iter().map(|ip| ip.parse().unwrap()).collect();
            assert_eq!(found, expected, "{typed}");
        }
        let error = addresses("no\0host").unwrap_err();
        assert_eq!(error.to_string(), "host `no\0host` has no address");
    }

    #[test]
    fn a_random_seed_stays_when_the_scenario_changes() {
        let args = args("--seed random --count shops=2");
        let start = resolve(&args, &scenario()).unwrap();
        assert!(u32::try_from(start.play.seed).is_ok());
        let now = SCENARIO.replace("64KiB", "8KiB");
        let now = read_text("shop.yaml", &now, &NoFiles, &|_| None).unwrap();
        let config = again(&start, &args, &now).unwrap();
        assert_eq!(config.play.seed, start.play.seed);
        assert_eq!(config.limits.message, 8 << 10);
    }
}
