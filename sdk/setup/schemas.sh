# shellcheck shell=bash
# The published schemas of OCSF and CycloneDX and their validators, from PyPI, which the tests of
# `--format ocsf` and of bills of materials compare with. Sourced by setup.sh.

setup_schemas() {
    local venv=$target/schemas stamp key
    stamp=$venv/.palisade-setup
    key=$(cksum <"$root/tests/schemas/requirements.txt")
    if [ "$(cat "$stamp" 2>/dev/null)" = "$key" ]; then
        return
    fi
    say "the schemas of OCSF and CycloneDX in target/schemas"
    rm -rf "$venv"
    /usr/bin/python3 -m venv "$venv" >/dev/null 2>&1 || {
        # A Python that has no ensurepip, as Debian ships it.
        rm -rf "$venv"
        install_packages /nonexistent:python3-venv
        /usr/bin/python3 -m venv "$venv" || fail "python3 -m venv fails; see above"
    }
    "$venv/bin/pip" install --quiet --disable-pip-version-check \
        -r "$root/tests/schemas/requirements.txt" >&2 ||
        fail "pip cannot install tests/schemas/requirements.txt; see above"
    printf '%s\n' "$key" >"$stamp"
}
