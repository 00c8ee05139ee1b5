# shellcheck shell=bash
# The compiler of JavaScript plugins, from the npm registry. Sourced by setup.sh.
#
# setup_javascript sets QJS to the script that node is to run, and QJS_SHIELD to the library
# that makes what it writes reproducible.

setup_javascript() {
    local folder=$root/sdk/js stamp key
    stamp=$folder/node_modules/.palisade-setup
    # The binding is a native library for one platform.
    key=$(cksum <"$folder/package-lock.json") && key="$key $(uname -sm)"
    if [ "$(cat "$stamp" 2>/dev/null)" != "$key" ]; then
        say "npm install in sdk/js"
        # Not `npm ci`: bindings for some other platforms are named but were never published,
        # which it takes for a stale lock file. This keeps to the lock file all the same.
        (cd "$folder" && npm install --no-save --ignore-scripts --no-audit --no-fund --loglevel=error >&2) ||
            fail "npm cannot install what sdk/js/package-lock.json lists; see above"
        printf '%s\n' "$key" >"$stamp"
    fi
    # Not the command in .bin: it is a module without saying so, and Debian's node 18 refuses it.
    QJS=$folder/node_modules/componentize-qjs/cli.mjs
    QJS_SHIELD=$target/componentize-shield.so
    if [ ! "$QJS_SHIELD" -nt "$here/componentize-shield.c" ]; then
        cc -O2 -Wall -Wextra -shared -fPIC -o "$QJS_SHIELD.new" "$here/componentize-shield.c" ||
            fail "cc cannot compile sdk/setup/componentize-shield.c; see above"
        mv "$QJS_SHIELD.new" "$QJS_SHIELD"
    fi
}
