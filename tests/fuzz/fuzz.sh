#!/usr/bin/env bash
# Builds the fuzz targets and runs them, one after the other. Run by `make fuzz`.
#
#   FUZZ_SECONDS=N   processor time of each target (default 60); 0: only the corpus
#   FUZZ=NAME        this target only
#   FUZZ_KEEP=1      keeps the smallest corpus that reaches what was reached, in corpus/
#   FUZZ_EDGES=1     tells which edges of the code a target is about the corpus reaches
#
# What is found lies in target/fuzz/found; `target/fuzz/release/NAME FILE` shows it again.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
root=$(cd ../.. && pwd)
out=${PALISADE_FUZZ_TARGET:-$root/target/fuzz}
seconds=${FUZZ_SECONDS:-60}
mkdir -p "$out/corpus" "$out/found"

# Name, longest input in bytes, what of the code it is about.
targets() {
    cat <<'LIST'
captures 2000 host/capture/src host/sources/src/input
flows 2000 host/capture/src/flow host/capture/src/network.rs host/capture/src/transport.rs
logs 2000 host/sources/src host/events/src/json
manifests 1000 host/runtime/src/manifest host/pack/src/manifest host/sources/src/enrich/file.rs
archives 3000 host/pack/src/content/archive.rs host/pack/src/content/mod.rs host/pack/src/listing.rs host/pack/src/path.rs host/pack/src/pack.rs host/pack/src/manifest host/pack/src/sbom.rs
labels 600 host/pack/src/labels host/pack/src/labelled.rs
documents 1000 host/pack/src/dsse.rs host/pack/src/trust/root.rs host/pack/src/trust/policy.rs host/pack/src/trust/revocation.rs host/pack/src/statement.rs host/pack/src/verify.rs host/pack/src/certificate.rs
datasets 1500 host/state/src/datasets host/sources/src/enrich/mod.rs host/sources/src/enrich/file.rs
tables 2000 host/events/src/table host/events/src/segment.rs
components 4000 host/runtime/src/preflight host/runtime/src/plugin.rs host/runtime/src/instance.rs host/runtime/src/call host/runtime/src/bindings host/runtime/src/parsing.rs
LIST
}

say() { printf 'fuzz: %s\n' "$*"; }

RUSTC_WRAPPER=$PWD/instrument.sh CARGO_TARGET_DIR=$out cargo build --release --quiet

# bounded NAME ARGUMENT...: runs a target until it has had its processor time.
bounded() {
    local name=$1 pid used tick
    shift
    tick=$(getconf CLK_TCK)
    "$out/release/$name" "$@" &
    pid=$!
    while kill -0 "$pid" 2>/dev/null; do
        # User and system time; the name of the program has no space in it.
        used=$(awk '{ print $14 + $15 }' "/proc/$pid/stat" 2>/dev/null || echo 0)
        if [ "$((used / tick))" -ge "$seconds" ]; then
            # libFuzzer ends after the present input and tells what it did.
            kill -USR1 "$pid" 2>/dev/null || true
            break
        fi
        sleep 1
    done
    wait "$pid"
}

failed=
while read -r name length about; do
    if [ -n "${FUZZ:-}" ] && [ "$FUZZ" != "$name" ]; then
        continue
    fi
    corpus=$out/corpus/$name
    mkdir -p "$corpus"
    if [ -f "corpus/$name.tar.gz" ]; then
        tar -xzf "corpus/$name.tar.gz" -C "$corpus"
    fi
    flags=(-max_len="$length" -timeout=10 -rss_limit_mb=3000 -artifact_prefix="$out/found/$name-")
    if [ "$seconds" = 0 ]; then
        say "$name: the corpus"
        "$out/release/$name" "${flags[@]}" -runs=0 "$corpus" 2>&1 | tail -n 2 || failed+=" $name"
    else
        say "$name: $seconds s of processor time"
        bounded "$name" "${flags[@]}" -print_final_stats=1 -len_control=0 "$corpus" \
            >"$out/$name.log" 2>&1 || failed+=" $name"
        grep -E '^(stat::number_of|ERROR|SUMMARY|thread .* panicked)|cov: ' "$out/$name.log" |
            awk '/cov: / { last = $0; next } { print } END { if (last) print last }'
    fi
    if [ -n "${FUZZ_KEEP:-}" ]; then
        rm -rf "$corpus.min" && mkdir "$corpus.min"
        "$out/release/$name" "${flags[@]}" -merge=1 "$corpus.min" "$corpus" >/dev/null 2>&1
        mkdir -p corpus
        tar --sort=name --owner=0 --group=0 --numeric-owner --mtime=@0 --mode=644 \
            -C "$corpus.min" -cf - $(cd "$corpus.min" && ls) | gzip -9n >"corpus/$name.tar.gz"
        say "$name: $(find "$corpus.min" -type f | wc -l) inputs kept"
    fi
    if [ -n "${FUZZ_EDGES:-}" ]; then
        PALISADE_FUZZ_EDGES=$out/$name.edges "$out/release/$name" "${flags[@]}" -runs=0 "$corpus" \
            >/dev/null 2>&1
        # shellcheck disable=SC2086 # a list of paths
        "$out/release/edges" "$out/release/$name" "$out/$name.edges" $about
    fi
done < <(targets)

if [ -n "$failed" ]; then
    say "found something:$failed; see target/fuzz/found and the logs in target/fuzz" >&2
    exit 1
fi
