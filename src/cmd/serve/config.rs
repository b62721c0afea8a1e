//! Turns options and a scenario into the configuration of one server.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, ToSocketAddrs};
use std::sync::Arc;

use anyhow::Context;

use super::super::Usage;
use super::tls;
use crate::base::Limits;
use crate::cli;
use crate::config::{Access, Config, Listen, Play};
use crate::lang::faults::Fault;
use crate::lang::model::{ItemOrigin, Scenario};
use crate::server::Reload;

/// Makes the development certificate if the server needs it.
pub(super) fn resolve(args: &cli::ServeArgs, scenario: &Scenario) -> anyhow::Result<Config> {
    let play = play(&args.play, scenario)?;
    let access = access(&args.access);
    Ok(Config {
        listen: listen(&args.listen, scenario, &access.hosts)?,
        play,
        access,
        limits: limits(&args.access, scenario),
    })
}

/// A changed scenario under the same options. The server goes on listening as at the `start`.
pub(super) fn reload(
    start: &Listen,
    args: &cli::ServeArgs,
    scenario: Arc<Scenario>,
) -> anyhow::Result<Reload> {
    // Options may name a collection or a timer that the scenario does not have any more.
    play(&args.play, &scenario)?;
    Ok(Reload {
        limits: limits(&args.access, &scenario),
        pending: pending(start, &args.listen, &scenario),
        scenario,
    })
}

/// Settings of the changed scenario that a running server cannot apply.
fn pending(start: &Listen, args: &cli::ListenArgs, scenario: &Scenario) -> Vec<String> {
    let port = args.port.unwrap_or(scenario.listen.port);
    let tls = wants_tls(args, scenario);
    let changed = [
        (port != start.port).then(|| format!("listen.port: {port}")),
        (tls != start.tls.is_some()).then(|| format!("listen.tls: {tls}")),
    ];
    changed.into_iter().flatten().collect()
}

fn wants_tls(args: &cli::ListenArgs, scenario: &Scenario) -> bool {
    let asked = args.ssl || args.ssl_only || args.cert.is_some();
    (scenario.listen.tls || asked) && !args.no_ssl
}

fn listen(
    args: &cli::ListenArgs,
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

fn play(args: &cli::PlayArgs, scenario: &Scenario) -> Result<Play, Usage> {
    for (name, _) in &args.count {
        let names = scenario.data.iter().map(|one| one.name.as_str());
        let at = position("collection", name, names)?;
        if !matches!(scenario.data[at].origin, ItemOrigin::Generated { .. }) {
            let message = format!("collection `{name}` is a list of its own");
            return Err(Usage::new(message).hint("only a collection with `item:` has a count"));
        }
    }
    for (name, _) in &args.timer {
        let names = scenario.timers.iter().map(|one| one.name.as_str());
        position("timer", name, names)?;
    }
    Ok(Play {
        seed: args.seed,
        clock: args.clock,
        counts: last_of_each(&args.count),
        timers: last_of_each(&args.timer),
        timers_run: !args.no_timers,
        strict: args.strict,
        faults: faults(&args.fault, scenario)?,
    })
}

fn faults(typed: &[String], scenario: &Scenario) -> Result<Vec<Fault>, Usage> {
    let handlers = scenario.fault_handlers();
    let read = |text: &str| {
        Fault::read_option(text, handlers.as_deref()).map_err(|problem| Usage {
            message: format!("`--fault {text}`: {}", problem.message),
            hint: problem.hint,
        })
    };
    filled(typed).iter().map(|text| read(text.trim())).collect()
}

fn position<'n>(
    what: &str,
    name: &str,
    known: impl Iterator<Item = &'n str> + Clone,
) -> Result<usize, Usage> {
    let found = known.clone().position(|known| known == name);
    found.ok_or_else(|| Usage::unknown(what, name, &known.collect::<Vec<_>>()))
}

/// Of a name given several times the last value counts.
fn last_of_each<T: Clone>(given: &[(String, T)]) -> Vec<(String, T)> {
    let mut all: Vec<(String, T)> = Vec::new();
    for one in given {
        all.retain(|(name, _)| *name != one.0);
        all.push(one.clone());
    }
    all
}

fn access(args: &cli::AccessArgs) -> Access {
    Access {
        origins: filled(&args.allow_origin),
        hosts: filled(&args.allow_host),
        control_origins: filled(&args.control_origin),
        control: !args.no_control,
    }
}

/// Without empty ones, which a list in the environment may well have.
fn filled(typed: &[String]) -> Vec<String> {
    let filled = typed.iter().filter(|text| !text.trim().is_empty());
    filled.cloned().collect()
}

fn limits(args: &cli::AccessArgs, scenario: &Scenario) -> Limits {
    let mut limits = scenario.limits;
    if let Some(size) = args.max_message {
        (limits.message, limits.frame) = (size, size);
    }
    if let Some(connections) = args.max_connections {
        limits.connections = connections.get();
    }
    limits
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::cli::{Cli, CliVerb};
    use crate::config::ClockStart;
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

    fn args(options: &str) -> cli::ServeArgs {
        let line = ["ws-mock", "serve", "--host=127.0.0.1"];
        let cli = Cli::read(line.into_iter().chain(options.split_whitespace())).unwrap();
        match cli.verb {
            CliVerb::Serve(args) => *args,
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
    fn scenario_beats_defaults() {
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
    fn options_beat_the_scenario() {
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
    fn wrong_options_name_what_is_allowed() {
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
                "--timer laod=3s",
                "unknown timer `laod`\n  hint: did you mean `load`? Known: `load`",
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
    fn largest_message_fits_in_one_frame() {
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
    fn hosts_have_addresses() {
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
    fn reload_applies_limits_and_keeps_the_seed() {
        let args = args("--seed random --count shops=2");
        let start = resolve(&args, &scenario()).unwrap();
        assert!(u32::try_from(start.play.seed).is_ok());
        assert_eq!(
            resolve(&args, &scenario()).unwrap().play.seed,
            start.play.seed
        );
        let read = |text: &str| read_text("shop.yaml", text, &NoFiles, &|_| None).unwrap();
        let changed = SCENARIO.replace("64KiB", "8KiB").replace("4000", "5000");
        let reload = super::reload(&start.listen, &args, read(&changed)).unwrap();
        assert_eq!(reload.limits.message, 8 << 10);
        assert_eq!(reload.pending, ["listen.port: 5000"]);
        let without = SCENARIO.replace("shops: { count: 3", "stores: { count: 3");
        let error = super::reload(&start.listen, &args, read(&without)).unwrap_err();
        assert!(
            error.to_string().contains("unknown collection `shops`"),
            "{error}"
        );
    }
}
