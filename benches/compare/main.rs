//! ws-mock beside the mocks that people write, on one machine, in one run, in turns: `cargo bench --bench compare`.
//!
//! Each server runs in a process of its own and is charged for the processor time it uses. Figures of a machine say
//! little, so everything is a ratio to the Node mock of the same round. `--help` says what can be chosen.

#![allow(clippy::print_stdout, reason = "tables are what this program is for")]

mod bare;
mod cases;
mod connection;
mod crowd;
mod frames;
mod large;
mod machine;
mod options;
mod others;
mod outcome;
mod process;
mod ready;
mod report;
mod requests;
mod servers;
mod setup;

use anyhow::{Result, ensure};
use clap::Parser;

use crate::cases::Case;
use crate::options::{Options, Subject};
use crate::outcome::Outcome;
use crate::report::Table;
use crate::servers::Server;
use crate::setup::Setup;

fn main() -> Result<()> {
    if !std::env::args().any(|argument| argument == "--bench") {
        // `cargo test --all-targets` runs this too, and means a test.
        eprintln!("measures only under `cargo bench --bench compare`");
        return Ok(());
    }
    let options = Options::parse().decided();
    // Half of the processors for the load, the other half for whom it loads.
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let workers = match options.bare {
        Some(_) => processors,
        None => (processors / 2).max(1),
    };
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(workers)
        .enable_all()
        .build()?
        .block_on(async {
            match options.bare {
                Some(carrier) => bare::serve(carrier, options.answer).await,
                None => tokio::spawn(compare(options)).await?,
            }
        })
}

async fn compare(options: Options) -> Result<()> {
    ensure!(
        process::memory(std::process::id()).is_ok(),
        "this benchmark reads `/proc`, which only Linux has"
    );
    let setup = Setup::new(&options.ws_mock)?;
    let servers = at_hand(&options.servers, &setup);
    let mut results = Vec::new();
    if options.markdown {
        println!("{}", machine::describe());
    }
    for case in cases::wanted(&options) {
        let result = in_turns(case, &servers, options.rounds, &setup).await;
        if options.markdown {
            println!("## {}\n\n{}", result.case.title, result.table().markdown());
        } else {
            println!("{}\n\n{}", result.case.title, result.table().plain());
        }
        results.push(result);
    }
    if options.subjects.contains(&Subject::Large) {
        let title = format!("{} stations, ws-mock alone", options.stations);
        let table = large::table(&setup, options.stations).await?;
        if options.markdown {
            println!("## {title}\n\n{}", table.markdown());
        } else {
            println!("{title}\n\n{}", table.plain());
        }
    }
    if results.is_empty() {
        return Ok(());
    }
    let goals = goals(&results);
    if options.markdown {
        println!("## Goals\n\n{}", goals.markdown());
    } else {
        println!("Goals\n\n{}", goals.plain());
    }
    Ok(())
}

fn at_hand(servers: &[Server], setup: &Setup) -> Vec<Server> {
    let mut found = Vec::new();
    for server in servers {
        match setup.install(*server) {
            Ok(()) => found.push(*server),
            Err(error) => eprintln!("without {}: {error:#}", server.name()),
        }
    }
    found
}

/// Every second round goes through the servers the other way, so that none always follows the same one.
async fn in_turns(case: Case, servers: &[Server], rounds: usize, setup: &Setup) -> report::Result {
    let mut found: Vec<(Server, Vec<Outcome>)> = servers
        .iter()
        .filter(|server| case.suits(**server))
        .map(|server| (*server, Vec::new()))
        .collect();
    for round in 1..=rounds {
        let mut failed = Vec::new();
        for (server, outcomes) in &mut found {
            eprintln!(
                "{}: {}, round {round} of {rounds}",
                case.title,
                server.name()
            );
            match case.measure(*server, setup).await {
                Ok(outcome) => outcomes.push(outcome),
                Err(error) => {
                    eprintln!("without {}: {error:#}", server.name());
                    failed.push(*server);
                }
            }
        }
        found.retain(|(server, _)| !failed.contains(server));
        found.reverse();
    }
    found.sort_by_key(|(server, _)| servers.iter().position(|one| one == server));
    report::Result {
        case,
        servers: found,
    }
}

fn goals(results: &[report::Result]) -> Table {
    let mut table = Table::new(["", "goal"]);
    for result in results {
        let goal = result.goal();
        table.row([
            result.case.title.clone(),
            goal.map_or("not measured".to_owned(), |(text, _)| text),
        ]);
    }
    table
}
