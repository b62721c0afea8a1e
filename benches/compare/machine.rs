//! When and on what a comparison ran: without that, its figures say nothing.

use std::fs;
use std::process::Command;

/// A heading and a line for the docs.
pub(crate) fn describe() -> String {
    let date = jiff::Timestamp::now().strftime("%Y-%m-%d");
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    format!(
        "# Compared on {date}\n\n\
         {processors} × {}; Linux {}; Node {}; {}; by `cargo bench --bench compare`, medians of the rounds.\n",
        processor(),
        file("/proc/sys/kernel/osrelease"),
        version("node"),
        version("python3"),
    )
}

fn processor() -> String {
    let text = file("/proc/cpuinfo");
    let name = text.lines().find(|line| line.starts_with("model name"));
    let name = name.and_then(|line| line.split_once(": "));
    name.map_or("processor".to_owned(), |(_, name)| name.to_owned())
}

fn file(path: &str) -> String {
    fs::read_to_string(path)
        .unwrap_or_default()
        .trim()
        .to_owned()
}

fn version(program: &str) -> String {
    match Command::new(program).arg("--version").output() {
        Ok(output) => String::from_utf8_lossy(&output.stdout).trim().to_owned(),
        Err(_) => "absent".to_owned(),
    }
}
