# The words of everyday work; CI runs the same ones.

TARGET := $(or $(CARGO_TARGET_DIR),target)

.DEFAULT_GOAL := help
.PHONY: help run test setup client check docs deny bench soak

help: ## List these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## Build and start the router with its built-in defaults, on http://127.0.0.1:8080
	@dashboard/build.sh --optional
	@test -x $(TARGET)/debug/signalbox || echo "First build: this takes a few minutes, the next start is immediate."
	@cargo run --locked -- serve

test: setup ## Run every test, after installing or finding what the tests need
	@dashboard/build.sh
	npm --prefix dashboard --silent test
	@# As `make run` builds it: a test does what the README says, and is not to wait for a compiler.
	cargo build --locked
	cargo test --locked --doc
	cargo test --locked --lib --bins --tests

setup: ## Install or find what the tests need: PostgreSQL, Chromium, Node.js, Python
	@tests/setup.sh

client: ## Build the client for browsers, if it has changed; the router's build puts it into the binary
	@dashboard/build.sh

check: ## Formatting, lints and documentation, with warnings as errors
	cargo fmt --check
	cargo clippy --locked --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps

docs: ## Write the parts of docs/ that are made from the code
	SIGNALBOX_WRITE_DOCS=1 cargo test --locked --test it docs:: -- --test-threads 1
	npm --prefix dashboard run --silent types

deny: ## Licences, advisories and sources of all dependencies
	@cargo deny --version >/dev/null 2>&1 || { echo "cargo-deny is missing: cargo install --locked cargo-deny"; exit 1; }
	cargo deny --locked check

bench: ## Release build, then the benchmarks of docs/benchmarks.md
	dashboard/build.sh --optional
	cargo build --locked --release
	benches/fanout.sh $(TARGET)/release/signalbox
	benches/realtime.sh $(TARGET)/release/signalbox
	benches/dual.sh $(TARGET)/release/signalbox

# What is measured is a release, and runs alone; it says how far it is.
SOAK := SIGNALBOX_SOAK=1 SIGNALBOX_BINARY=$(abspath $(TARGET))/release/signalbox PROPTEST_CASES=100000 cargo test --locked

soak: setup ## The long versions of the load, fault and property tests
	@dashboard/build.sh
	SIGNALBOX_SOAK=1 npm --prefix dashboard --silent test
	cargo build --locked --release
	cargo build --locked
	$(SOAK) --test it -- --test-threads 1 --nocapture delivery_outage::an_outage
	$(SOAK) --test it -- --test-threads 1 --nocapture dashboard_page::it_stays_small
	$(SOAK) --lib --bins --tests -- --skip delivery_outage::an_outage --skip dashboard_page::it_stays_small
