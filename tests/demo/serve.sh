#!/bin/bash
# A minute of `palisade serve`: a log grows, detections are swapped under load and rolled back, the
# server is killed and started again, nothing is lost or found twice, and a finding is executed
# again. Everything happens in a temporary folder.
#
# usage: serve.sh PALISADE PLUGIN
set -euo pipefail

palisade=$1
plugin=$2
room=$(mktemp -d)
log=$room/ssl.ndjson
trap 'kill $(jobs -p) 2>/dev/null || true; wait 2>/dev/null || true; rm -rf "$room"' EXIT

step() { printf '\n== %s\n\n' "$*"; }
run() { printf '$ palisade %s\n' "$*"; "$palisade" "$@"; }
ctl() { run ctl --data "$room/data" "$@"; }

# One number of the status.
status() {
    "$palisade" ctl --data "$room/data" status --format json |
        tr -d ' ,' | awk -F: -v key="\"$1\"" '$1 == key { print $2; exit }'
}

# A finding has the epoch that it was found in and its number there.
first_finding() {
    local epoch
    for epoch in $(seq 1 1000); do
        if "$palisade" explain --data "$room/data" "$epoch/0" >/dev/null 2>&1; then
            echo "$epoch/0"
            return
        fi
    done
    exit 2
}

wait_until_ready() {
    until "$palisade" ctl --data "$room/data" status >"$room/status" 2>&1; do
        kill -0 "$server" 2>/dev/null || { cat "$room/log"; exit 2; }
        sleep 0.1
    done
}

# A thousand handshakes a second; every fourth device still speaks TLS 1.0, the others TLS 1.2.
feed() {
    local from=0
    while :; do
        awk -v from="$from" -v time="$(date -u +%FT%TZ)" 'BEGIN {
            for (n = from; n < from + 100; n++)
                printf "{\"kind\":\"network.tls\",\"time\":\"%s\",\"src\":{\"ip\":\"10.%d.%d.%d\"},\"dst\":{\"ip\":\"192.0.2.1\",\"port\":443},\"dtls\":false,\"version\":\"%s\",\"cipher\":\"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256\",\"established\":true}\n",
                    time, n / 65536, n / 256 % 256, n % 256, n % 4 ? "TLS1.2" : "TLS1.0"
        }' >>"$log"
        from=$((from + 100))
        sleep 0.1
    done
}

start() {
    "$palisade" serve --config "$room/palisade.toml" 2>>"$room/log" &
    server=$!
    wait_until_ready
}

cat >"$room/palisade.toml" <<END
data = "$room/data"

[host]
plugins = ["$plugin"]

[snapshot]
every_seconds = 5

[[source]]
name = "tls"
kind = "file"
path = "$log"
END
printf '[weak-tls-rust]\nmin-version = ["TLS1.3"]\n' >"$room/stricter.toml"

step "a server follows a log that grows by 1,000 handshakes a second"
cat "$room/palisade.toml"
start
feed &
feeding=$!
sleep 8
echo
ctl status

step "a stricter rule is tried on what was read so far: what would it have found?"
ctl what-if --past 1h --settings "$room/stricter.toml" | head -n 8 || true

step "it is swapped in while the log grows: TLS 1.2 is too old from here on"
ctl swap --settings "$room/stricter.toml"
sleep 5
echo
ctl rollback
echo
ctl swaps

step "the server is killed in the middle of it, and the log goes on growing"
kill -KILL "$server"
wait "$server" 2>/dev/null || true
sleep 3
start
grep -E 'again in' "$room/log" | tail -n 1
sleep 5

step "the log ends: is everything there, once?"
kill "$feeding"
wait "$feeding" 2>/dev/null || true
written=$(wc -l <"$log")
until [ "$(status events)" = "$written" ]; do sleep 0.2; done
sleep 1
events=$(status events)
findings=$(status findings)
# What the stricter rule found beside TLS 1.0: handshakes between the two switches.
switches=$("$palisade" ctl --data "$room/data" swaps --format json |
    tr -d ' ,' | awk -F: '$1 == "\"events\"" { print $2 }' | head -n 2)
set -- $switches
weak=$(awk -v from="$1" -v to="$2" '
    /"version":"TLS1.0"/ { weak++; next }
    NR > from && NR <= to { weak++ }
    END { print weak + 0 }' "$log")
echo "$written handshakes were written, $events evaluated"
echo "$weak of them were weak as the rules then were, and $findings were found"
[ "$events" = "$written" ] && [ "$findings" = "$weak" ] || {
    echo "something was lost or found twice"
    exit 2
}
echo "nothing was lost, and nothing found twice"

step "why is there a finding, and does the same come of it once more?"
finding=$(first_finding)
run explain --data "$room/data" "$finding"
echo
run replay --data "$room/data" "$finding"

step "what operators did is on record"
kill -TERM "$server"
wait "$server" || true
run audit verify --data "$room/data"
