#!/usr/bin/env bash
# Records the captures of this folder anew, from real servers and clients on a veth pair
# between two network namespaces that it makes and removes. Needs root and Debian.
#
# usage: record.sh [SCENARIO...]      one of the files in scenarios/, all by default
set -euo pipefail
exec </dev/null
captures=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$captures/../.." && pwd)
say() { printf 'record: %s\n' "$*" >&2; }
fail() {
    say "$*"
    exit 1
}
[ "$(id -u)" = 0 ] || fail "needs root, for network namespaces; run it as root"
PATH=$PATH:/usr/sbin:/sbin

# shellcheck source=../../sdk/setup/packages.sh
. "$root/sdk/setup/packages.sh"
install_packages mosquitto:mosquitto mosquitto_pub:mosquitto-clients \
    coap-client-openssl:libcoap3-bin nginx:nginx-light curl:curl ncat:ncat dnsmasq:dnsmasq-base \
    dig:bind9-dnsutils openssl:openssl nmap:nmap hping3:hping3 ping:iputils-ping ip:iproute2 ethtool:ethtool \
    tcpdump:tcpdump dumpcap:tshark tcprewrite:tcpreplay /usr/bin/python3:python3

# Keys, sockets and logs; nothing of it is kept.
work=$(mktemp -d)
client_ns=palisade-$$-client
server_ns=palisade-$$-server
pids=()

cleanup() {
    local pid
    set +e
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null; done
    for ns in "$client_ns" "$server_ns"; do
        # Servers that went into the background by themselves.
        for pid in $(ip netns pids "$ns" 2>/dev/null); do kill "$pid" 2>/dev/null; done
    done
    wait
    ip netns del "$client_ns" 2>/dev/null
    ip netns del "$server_ns" 2>/dev/null
    rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 1' INT TERM

client() { ip netns exec "$client_ns" "$@"; }
server() { ip netns exec "$server_ns" "$@"; }

# start NAME client|server COMMAND...: runs a command in a namespace in the background, its
# output in $work/NAME.log; `stop NAME` ends it.
declare -A running=()
start() {
    local name=$1 ns=${2}_ns
    shift 2
    # Nobody shall take what the last command of that name said for this one's words.
    rm -f "$work/$name.log"
    ip netns exec "${!ns}" "$@" >"$work/$name.log" 2>&1 &
    running[$name]=$!
    pids+=($!)
}
stop() {
    local name
    for name in "$@"; do
        kill "${running[$name]}" 2>/dev/null || true
        wait "${running[$name]}" 2>/dev/null || true
        unset "running[$name]"
    done
}

# until_true COMMAND...: tries for ten seconds.
until_true() {
    local try
    for ((try = 0; try < 100; try++)); do
        if "$@" >/dev/null 2>&1; then return; fi
        sleep 0.1
    done
    tail -n 5 "$work"/*.log >&2 || true
    fail "waited in vain for: $*"
}

# listening tcp|udp PORT: waits until a server in the server's namespace has opened the port.
listening() {
    until_true has_listener "$1" "$2"
}
has_listener() {
    server ss -Hln "--$1" "sport = :$2" | grep -q .
}

# record FILE [TCPDUMP OPTION...]: begins a capture at the server's end of the link.
# `finish [FILE]` ends it.
record() {
    local file=$1
    shift
    recording=$file
    if [ $# = 0 ]; then set -- -i link0; fi
    # Room for the largest packet may be set aside for each, so the buffer must be large.
    start dump server tcpdump "$@" -n -U --immediate-mode -B 65536 -Z root -w "$captures/$file"
    until_true grep -q 'listening on' "$work/dump.log"
}
finish() {
    recording=${1:-$recording}
    # Late acknowledgements and the teardown of connections belong to the capture.
    sleep 0.6
    kill "${running[dump]}"
    wait "${running[dump]}" || true
    unset 'running[dump]'
    if grep -q '[1-9][0-9]* packets dropped' "$work/dump.log"; then
        fail "$recording lacks packets; record it again"
    fi
    local packets
    packets=$(tcpdump -r "$captures/$recording" -n 2>/dev/null | wc -l)
    [ "$packets" -gt 0 ] || fail "$recording is empty; record it again"
    say "$recording: $packets packets, $(stat -c %s "$captures/$recording") bytes"
}

# Devices 10.3.0.7 to .11 and the platform 10.9.0.1 as in the examples of the requirements,
# a field-bus cell 10.50.4.0/24, and the same over IPv6.
make_network() {
    local ns number
    ip netns add "$client_ns"
    ip netns add "$server_ns"
    for ns in "$client_ns" "$server_ns"; do
        ip netns exec "$ns" sysctl -qw net.ipv6.conf.default.accept_ra=0 \
            net.ipv6.conf.default.router_solicitations=0 net.ipv6.conf.default.accept_dad=0 \
            net.ipv4.ping_group_range='0 2147483647'
        ip -n "$ns" link set lo up
    done
    ip link add link0 netns "$client_ns" address 02:00:00:03:00:07 type veth \
        peer name link0 netns "$server_ns" address 02:00:00:09:00:01
    for number in 7 8 9 10 11; do
        ip -n "$client_ns" addr add "10.3.0.$number/24" dev link0
    done
    ip -n "$client_ns" addr add 10.50.4.2/24 dev link0
    ip -n "$client_ns" addr add fd00:3::7/64 dev link0 nodad
    ip -n "$server_ns" addr add 10.9.0.1/24 dev link0
    ip -n "$server_ns" addr add 10.50.4.9/24 dev link0
    ip -n "$server_ns" addr add fd00:9::1/64 dev link0 nodad
    for ns in "$client_ns" "$server_ns"; do
        # Without this, captures hold frames larger than any wire carries, with checksums
        # that were never computed.
        ip netns exec "$ns" ethtool -K link0 tx off tso off gso off gro off >/dev/null
        ip -n "$ns" link set link0 up
    done
    ip -n "$client_ns" route add 10.9.0.0/24 dev link0 src 10.3.0.7
    ip -n "$client_ns" route add fd00:9::/64 dev link0
    ip -n "$server_ns" route add 10.3.0.0/24 dev link0 src 10.9.0.1
    ip -n "$server_ns" route add fd00:3::/64 dev link0
    until_true client ping -c 1 -W 1 10.9.0.1
    until_true client ping -c 1 -W 1 fd00:9::1
}

# Certificates that live as long as the recording.
make_keys() {
    local name
    openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj "/CN=Test CA" \
        -keyout "$work/ca.key" -out "$work/ca.pem" 2>/dev/null
    openssl genrsa -out "$work/rsa.key" 2048 2>/dev/null
    openssl ecparam -genkey -name prime256v1 -noout -out "$work/ec.key"
    openssl ecparam -genkey -name prime256v1 -noout -out "$work/device.key"
    for name in rsa ec device; do
        openssl req -new -key "$work/$name.key" -subj "/CN=$name.example" 2>/dev/null |
            openssl x509 -req -days 2 -CA "$work/ca.pem" -CAkey "$work/ca.key" -CAcreateserial \
                -extfile <(printf 'subjectAltName=DNS:platform.example,IP:10.9.0.1') \
                -out "$work/$name.pem" 2>/dev/null
    done
    chmod 755 "$work"
    chmod 644 "$work"/*.key "$work"/*.pem
}

# A virtual environment with the Python packages of peers/requirements.txt, kept in target/
# for the next recording.
python() {
    local venv=$root/target/record-venv stamp
    stamp=$(cksum <"$captures/peers/requirements.txt")
    if [ "$(cat "$venv/stamp" 2>/dev/null)" != "$stamp" ]; then
        rm -rf "$venv"
        /usr/bin/python3 -m venv "$venv" 2>/dev/null || {
            install_packages /nonexistent:python3-venv
            /usr/bin/python3 -m venv "$venv"
        }
        "$venv/bin/pip" install --quiet -r "$captures/peers/requirements.txt" >&2
        printf '%s\n' "$stamp" >"$venv/stamp"
    fi
    # shellcheck disable=SC2034 # for the scenarios
    python=$venv/bin/python peers=$captures/peers
}

python
make_network
make_keys
if [ $# = 0 ]; then
    for scenario in "$captures"/scenarios/*.sh; do
        set -- "$@" "$(basename "$scenario" .sh)"
    done
fi
for scenario in "$@"; do
    [ -f "$captures/scenarios/$scenario.sh" ] || fail "no scenario $scenario; see $captures/scenarios"
    # shellcheck disable=SC1090
    . "$captures/scenarios/$scenario.sh"
done
