# Everything a fresh Debian 12 machine with Rust needs is installed by `make setup`, on which
# the other targets depend; a second run installs nothing.

.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c

# One optimised profile for the demonstration, the tests and the benchmarks, so that the
# dependencies are built once.
CARGO := cargo
PROFILE := --release
PALISADE := $(abspath $(or $(CARGO_TARGET_DIR),target))/release/palisade
# Guest code has workspaces of its own, each with its own lock file.
WORKSPACES := Cargo.toml sdk/Cargo.toml plugins/Cargo.toml tests/hostile/Cargo.toml \
    tests/puppet/Cargo.toml tests/divided/Cargo.toml tests/hoarder/Cargo.toml tests/fuzz/Cargo.toml
PLUGINS := $(patsubst %/plugin.toml,%,$(wildcard plugins/*/*/plugin.toml plugins/*/*/*/plugin.toml))
DENY := target/cargo-deny/bin/cargo-deny --config deny.toml
# Tells `palisade plugin build` which compilers to call.
export PALISADE_WASM_TOOLCHAIN_FILE := $(CURDIR)/target/wasm-toolchain.json

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: setup
setup: ## install what building and testing needs, where it is missing
	@sdk/setup/setup.sh

# All of it at once: a part alone would have its dependencies with other features, and so
# build them a second time.
.PHONY: build
build: setup ## build the palisade binary
	$(CARGO) build $(PROFILE) --workspace --all-targets

.PHONY: plugins
plugins: build ## build the first-party plugins
	@$(PALISADE) --quiet plugin build --all plugins

# Guests that try to break out; `run` must not find them among the plugins.
.PHONY: hostile
hostile: build
	@$(PALISADE) --quiet plugin build --all tests/hostile --out target/hostile

# Exit code 1 says that something was found or denied, which is what there is to see.
.PHONY: demo
demo: plugins ## see parsers, detections and decisions on a recorded capture
	@echo; echo "== a plant's traffic: palisade run tests/captures/plant.pcap"; echo
	@$(PALISADE) run tests/captures/plant.pcap --networks tests/demo/networks.toml \
	    --dataset indicators=tests/demo/indicators.ndjson \
	    --plugins target/plugins/iot-protocols --plugins target/plugins/cdn-abuse \
	    --plugins target/plugins/intel-detect || [ $$? = 1 ]
	@echo; echo "== may this be told? palisade policy check --given … --request …"; echo
	@$(PALISADE) policy check --plugins target/plugins/vuln-disclosure \
	    --given tests/demo/given.ndjson --request tests/demo/requests.ndjson --now events || [ $$? = 1 ]
	@echo; echo "== detections around the clock: palisade serve"
	@tests/demo/serve.sh $(PALISADE) target/plugins/examples/weak-tls-rust.wasm

.PHONY: test
test: setup lint plugins hostile ## check the format and the lints, run all tests
	$(CARGO) test $(PROFILE) --workspace
	$(CARGO) test --manifest-path sdk/Cargo.toml --workspace
	$(CARGO) test --manifest-path plugins/Cargo.toml --workspace
	node --test sdk/js/test/*.test.js
	$(PALISADE) plugin test --all plugins

.PHONY: bench
bench: setup ## run the benchmarks
	$(CARGO) bench --workspace

.PHONY: fmt
fmt: ## format the code
	@for manifest in $(WORKSPACES); do $(CARGO) fmt --all --manifest-path "$$manifest"; done

.PHONY: lint
lint: setup ## check the format, the lints and what is depended on
	@for manifest in $(WORKSPACES); do $(CARGO) fmt --all --check --manifest-path "$$manifest"; done
	$(CARGO) clippy $(PROFILE) --workspace --all-targets -- -D warnings
	@# The fuzz targets, which nothing else of this builds.
	RUSTFLAGS="-D warnings" $(CARGO) check --manifest-path tests/fuzz/Cargo.toml --target-dir target/fuzz-check
	@for manifest in $(WORKSPACES); do \
	    $(DENY) --locked --log-level error --manifest-path "$$manifest" check --hide-inclusion-graph \
	        -A unmatched-skip -A license-not-encountered -A license-exception-not-encountered \
	        bans licenses sources; \
	done

.PHONY: advisories
advisories: setup ## ask the database of advisories, where it can be reached
	@for manifest in $(WORKSPACES); do \
	    $(DENY) --locked --manifest-path "$$manifest" check advisories; \
	done

.PHONY: live
live: setup ## measure `palisade serve` under load: LIVE="--seconds 60 --kills 100" (20 s each and 10 kills by default)
	$(CARGO) build --workspace --all-targets
	$(dir $(PALISADE))live $(LIVE)

SOAK ?= 1200
.PHONY: soak
soak: setup ## `palisade serve` under load for SOAK seconds (1200), with a swap every ten
	$(CARGO) build --workspace --all-targets
	$(dir $(PALISADE))live --soak $(SOAK)

.PHONY: fuzz
fuzz: setup ## run the fuzz targets, FUZZ_SECONDS of processor time each (FUZZ=NAME: only that one)
	@tests/fuzz/fuzz.sh

.PHONY: record
record: ## record the captures in tests/captures again (as root)
	tests/captures/record.sh

.PHONY: clean
clean: ## remove everything that was built, and the JavaScript toolchain
	rm -rf target sdk/target plugins/target tests/hostile/target sdk/js/node_modules
