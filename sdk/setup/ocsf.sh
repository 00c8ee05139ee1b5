# shellcheck shell=bash
# The published schema of OCSF and a validator of JSON Schema, from PyPI, which the tests of
# `--format ocsf` compare with. Sourced by setup.sh.

setup_ocsf() {
    local venv=$target/ocsf stamp key
    stamp=$venv/.palisade-setup
    key=$(cksum <"$root/tests/ocsf/requirements.txt")
    if [ "$(cat "$stamp" 2>/dev/null)" = "$key" ]; then
        return
    fi
    say "the OCSF schema in target/ocsf"
    rm -rf "$venv"
    /usr/bin/python3 -m venv "$venv" >/dev/null 2>&1 || {
        # A Python that has no ensurepip, as Debian ships it.
        rm -rf "$venv"
        install_packages /nonexistent:python3-venv
        /usr/bin/python3 -m venv "$venv" || fail "python3 -m venv fails; see above"
    }
    "$venv/bin/pip" install --quiet --disable-pip-version-check \
        -r "$root/tests/ocsf/requirements.txt" >&2 ||
        fail "pip cannot install tests/ocsf/requirements.txt; see above"
    printf '%s\n' "$key" >"$stamp"
}
