# The recipes
default:
    @just --list

# Play a scenario: `just run towers --port 9000`
run *args:
    cargo run --release -- serve {{args}}

# Everything that is tested
test:
    cargo test

# Formatting and clippy, as in CI
lint:
    cargo fmt --check
    cargo clippy --all-targets -- -D warnings

# Format
fmt:
    cargo fmt

# Compare with other servers: `just bench small big`
bench *args:
    cargo bench --bench compare -- {{args}}

# Count the instructions of the hot paths; fails where they cost a tenth more than is written down
cost:
    cargo bench --bench cost

# Autobahn's cases against `echo`: `just conformance '7.*'`; needs Python 2.7
conformance *cases:
    .ci/conformance {{cases}}

# Fuzz `scenario`, `messages`, `packets`, `frames` or `control`; needs nightly and cargo-fuzz
fuzz target seconds="300":
    mkdir -p fuzz/target/grown/{{target}}
    cargo +nightly fuzz run {{target}} fuzz/target/grown/{{target}} fuzz/corpus/{{target}} -- -max_total_time={{seconds}} -timeout=10 -dict=fuzz/words.dict

# The real binary under clients good and bad, three minutes or as long as asked: `just soak 2h`
soak *args:
    cargo bench --bench soak -- {{args}}

# Make the development certificate, and show it
certs:
    cargo run --release -- certs

# Licences and duplicates of the dependencies
deny:
    cargo deny check licenses bans sources

# What CI runs
ci:
    .ci/run
