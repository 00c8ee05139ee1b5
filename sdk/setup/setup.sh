#!/usr/bin/env bash
# Installs what building plugins and running the tests needs, each part only if it is
# missing, and writes target/wasm-toolchain.json, which tells `palisade plugin build` what to
# call. Run by `make setup`; a second run only looks.
#
# PALISADE_WASM_TOOLCHAIN=rustup|debian forces where the wasm32 standard library comes from.
set -euo pipefail
exec </dev/null
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
target=$root/target
mkdir -p "$target"
# Where a checkout overrides the toolchain, that one counts.
cd "$root"

# Two set-ups of one checkout would write the same files.
exec 9>"$target/.setup.lock"
flock 9

# shellcheck source=packages.sh
. "$here/packages.sh"
# shellcheck source=rust.sh
. "$here/rust.sh"
# shellcheck source=javascript.sh
. "$here/javascript.sh"
# shellcheck source=schemas.sh
. "$here/schemas.sh"
# shellcheck source=deny.sh
. "$here/deny.sh"

say() { printf 'setup: %s\n' "$*"; }
fail() {
    printf 'setup: %s\n' "$*" >&2
    exit 1
}

install_packages "${BUILD_PACKAGES[@]}" "${TEST_PACKAGES[@]}"
setup_rust
setup_javascript
setup_schemas
setup_deny

quote() { printf '"%s"' "$(printf '%s' "$1" | sed 's/[\\"]/\\&/g')"; }
env=
for variable in "${RUST_ENV[@]}"; do
    env+="${env:+, }$(quote "${variable%%=*}"): $(quote "${variable#*=}")"
done
cat >"$target/wasm-toolchain.json.new" <<JSON
{
  "format": 2,
  "rust": {
    "from": $(quote "$RUST_FROM"),
    "version": $(quote "$RUST_VERSION"),
    "cargo": $(quote "$RUST_CARGO"),
    "target": "wasm32-unknown-unknown",
    "env": {$env},
    "remove_env": ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "RUSTC_WRAPPER", "RUSTUP_TOOLCHAIN"]
  },
  "c": {
    "clang": $(quote "$(command -v clang-19)"),
    "linker": $(quote "$(command -v wasm-ld-19)")
  },
  "javascript": {
    "componentize_qjs": [$(quote "$(command -v node)"), $(quote "$QJS")],
    "env": {"LD_PRELOAD": $(quote "$QJS_SHIELD")}
  }
}
JSON
mv "$target/wasm-toolchain.json.new" "$target/wasm-toolchain.json"
