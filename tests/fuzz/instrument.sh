#!/bin/bash
# Cargo calls this in place of rustc: it adds the coverage that libFuzzer goes by to the crates
# that are fuzzed and to no other. Instrumenting the compiler of WebAssembly too would make every
# run several times slower and tell nothing. No feature of a nightly compiler is needed.
set -eu
rustc=$1
shift
crate=
previous=
for argument in "$@"; do
    if [ "$previous" = --crate-name ]; then
        crate=$argument
        break
    fi
    previous=$argument
done
case $crate in
# Neither of these is linked with libFuzzer: build scripts use the one, the other is a tool.
palisade_wit_model | edges) instrument= ;;
palisade_* | etherparse | tar | toml | toml_parser) instrument=yes ;;
# The targets themselves, in which generic code of the host is compiled.
*) if [ "${CARGO_PKG_NAME:-}" = palisade-fuzz ]; then instrument=yes; else instrument=; fi ;;
esac
if [ -n "$instrument" ]; then
    set -- "$@" -Cpasses=sancov-module \
        -Cllvm-args=-sanitizer-coverage-level=3 \
        -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
        -Cllvm-args=-sanitizer-coverage-pc-table \
        -Cllvm-args=-sanitizer-coverage-trace-compares
fi
exec "$rustc" "$@"
