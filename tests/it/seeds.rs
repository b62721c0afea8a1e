//! What the fuzzer begins with, and each input that once broke something, played through the fuzzer's own functions.

use std::path::Path;

#[allow(
    unreachable_pub,
    reason = "a crate of its own when it is fuzzed, where these are reached"
)]
#[path = "../../fuzz/src/lib.rs"]
pub(crate) mod fuzz;

#[track_caller]
fn play(target: &str, check: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/corpus")
        .join(target);
    let mut played = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let seed = std::fs::read(&path).unwrap();
        // Shown only where it fails.
        println!("{}", path.display());
        check(&seed);
        played += 1;
    }
    assert!(played >= 9, "{played} seeds of {target}");
}

#[test]
fn of_scenarios() {
    play("scenario", fuzz::scenario::check);
}

#[test]
fn of_messages() {
    play("messages", fuzz::messages::check);
}

#[test]
fn of_packets() {
    play("packets", fuzz::packets::check);
}

#[test]
fn of_frames() {
    play("frames", fuzz::frames::check);
}

#[test]
fn of_the_control_api() {
    play("control", fuzz::control::check);
}
