//! What fuzzing starts from, and what it has found, through the same functions.

use std::path::Path;

#[path = "../../fuzz/src/lib.rs"]
#[allow(
    clippy::expect_used,
    unreachable_pub,
    reason = "the library of a crate of its own"
)]
mod targets;

fn play(target: &str, run: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/seeds")
        .join(target);
    let mut played = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        run(&std::fs::read(entry.unwrap().path()).unwrap());
        played += 1;
    }
    assert!(played > 0, "no seeds in {}", folder.display());
}

#[test]
fn seeds_keep_the_promises() {
    play("scenario", targets::scenario);
    play("core", targets::core);
    play("frames", targets::frames);
    play("packets", targets::packets);
    play("control", targets::control);
}
