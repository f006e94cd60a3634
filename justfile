# The commands of this project, which `.ci/run` calls one after another. `just` lists them.

export PATH := absolute_path(env("CARGO_TARGET_DIR", "target")) / "tools/bin:" + env("PATH")

# Features that are checked alone but in no pair: they choose the TLS of reqwest, and little else depends on them.
tls := "rustls,native-tls"

# Features that are names for others.
sets := "default,full"

[private]
default:
    @just --list --unsorted

# Installs just, cargo-deny and cargo-hack of the gate's versions, in seconds.
tools:
    @bash .ci/tools > /dev/null

# The gate: everything that must pass before a change lands.
gate:
    bash .ci/run

# Formats the code and this file.
[group('style')]
fmt:
    cargo fmt
    just --unstable --fmt

# Checks that the code and this file are formatted.
[group('style')]
fmt-check:
    cargo fmt --check
    just --unstable --fmt --check

# Lints all targets: without features, with the default ones, with all.
[group('style')]
clippy:
    cargo clippy --locked --all-targets --no-default-features -- -D warnings
    cargo clippy --locked --all-targets -- -D warnings
    cargo clippy --locked --all-targets --all-features -- -D warnings

# Lints the library and the program with each feature alone, and with each pair of features.
[group('style')]
features: tools
    cargo hack clippy --locked --feature-powerset --depth 2 --exclude-features {{ sets }},{{ tls }} -- -D warnings
    cargo hack clippy --locked --each-feature --include-features {{ tls }} --exclude-no-default-features --exclude-all-features -- -D warnings

# Builds the documentation of the library.
[group('documents')]
doc:
    RUSTDOCFLAGS='-D warnings' cargo doc --locked --no-deps --all-features

# Checks that each file that a document names exists, in the package too.
[group('documents')]
links:
    python3 .ci/links.py

# Checks that no dependency needs a newer Rust than Cargo.toml states.
[group('dependencies')]
msrv:
    python3 .ci/rust_version.py

# Checks with the oldest Rust that Cargo.toml states, which must be installed.
[group('dependencies')]
msrv-check:
    cargo "+$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)" check --locked --all-features

# Checks licences, bans and sources of the dependencies by deny.toml.
[group('dependencies')]
deny: tools
    cargo deny --locked check licenses bans sources

# Checks the dependencies against the advisory database, which is fetched.
[group('dependencies')]
advisories: tools
    cargo deny --locked check advisories

# Runs the tour of the README.
[group('tests')]
tour:
    cargo run --locked --quiet --example tour --features emulator

# Runs the tests; `just test mutate` runs those with a word in their names.
[group('tests')]
test *arguments:
    cargo test --locked --features full {{ arguments }}

# Runs the examples of the documentation without features.
[group('tests')]
doctest:
    cargo test --locked --no-default-features --doc

# Checks the conformance rules, on the service of the environment too if it has credentials.
[group('tests')]
conformance:
    cargo test --locked --features conformance,emulator --test conformance -- --nocapture

# Runs Twilio's SDKs for Node and Python against the program, which it builds.
[group('tests')]
sdk:
    bash tests/sdk/run

# Runs Twilio's JavaScript SDK as a live client of the program, which it builds.
[group('tests')]
realtime:
    bash tests/sdk/live

# Compares signatures and tokens with those of the SDKs, which `just sdk` installs.
[group('tests')]
agreement:
    cargo test --locked --features full --test agreement -- --ignored

# Checks with schemathesis that the responses of the emulator fit the API description.
[group('tests')]
contract:
    bash tests/sdk/contract

# Counts the requests and allocations of a call, against bare reqwest and the SDKs.
[group('tests')]
cost:
    cargo bench --locked --bench compare --features emulator -- --quick

# Builds the package by itself.
[group('documents')]
package:
    cargo package --locked --allow-dirty
