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
# Used by build scripts, which are not linked with libFuzzer.
palisade_wit_model | palisade_fuzz) ;;
palisade_* | etherparse | tar | toml | toml_parser)
    set -- "$@" -Cpasses=sancov-module \
        -Cllvm-args=-sanitizer-coverage-level=3 \
        -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
        -Cllvm-args=-sanitizer-coverage-pc-table \
        -Cllvm-args=-sanitizer-coverage-trace-compares
    ;;
esac
exec "$rustc" "$@"
