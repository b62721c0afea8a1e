# The recipes
default:
    @just --list

# Play a scenario: `just run towers --port 9000`
run *args:
    cargo run --release -- serve {{args}}

# Run all tests
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

# Count the instructions of the hot paths; fails if one costs a tenth more than recorded
cost:
    cargo bench --bench cost

# Run Autobahn's cases against `echo`: `just conformance '7.*'`; needs Python 2.7
conformance *cases:
    .ci/conformance {{cases}}

# Fuzz `scenario`, `messages`, `packets`, `frames` or `control`; needs a nightly toolchain and cargo-fuzz
fuzz target seconds="300":
    mkdir -p fuzz/target/grown/{{target}}
    cargo +nightly fuzz run {{target}} fuzz/target/grown/{{target}} fuzz/corpus/{{target}} -- -max_total_time={{seconds}} -timeout=10 -dict=fuzz/words.dict

# Serve good and bad clients for three minutes, or longer: `just soak 2h`
soak *args:
    cargo bench --bench soak -- {{args}}

# Make the development certificate and show it
certs:
    cargo run --release -- certs

# Check licences and duplicates of the dependencies, and look for unused ones
deps:
    cargo deny check licenses bans sources
    cargo machete

# Run everything that CI runs
ci:
    .ci/run
