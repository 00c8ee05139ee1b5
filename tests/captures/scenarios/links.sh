# The same few requests over every kind of link, and a link that damages. Sourced by record.sh.

mkdir -p "$work/www"
printf 'hello\n' >"$work/www/index.html"
seq 1 12000 >"$work/www/numbers.txt"
start web server "$python" -m http.server 80 --bind :: --directory "$work/www"
start python server "$python" "$peers/http_server.py" 8081
listening tcp 80
listening tcp 8081
get() { client curl -s -m 20 -o /dev/null "$@" || true; }
few() {
    get http://10.9.0.1/
    get 'http://[fd00:9::1]/'
}

# Seen from the device `any`, in both formats of Linux.
record link-cooked-v1.pcap -i any -y LINUX_SLL
few
finish
record link-cooked-v2.pcap -i any -y LINUX_SLL2
few
finish

# Nanoseconds, and the newer file format with a comment and interface statistics.
record link-nanoseconds.pcap -i link0 --time-stamp-precision=nano
few
finish
start dump server dumpcap -q -i link0 -w "$captures/link-pcapng.pcapng" --capture-comment 'two requests'
until_true test -s "$captures/link-pcapng.pcapng"
sleep 1
few
finish link-pcapng.pcapng

# Only the beginning of every packet.
record link-snaplen.pcap -i link0 -s 100
get http://10.9.0.1/numbers.txt
finish

# As a machine with offloading sees itself: frames larger than the wire's, and checksums
# that the card would have filled in.
client ethtool -K link0 tx on tso on gso on gro on >/dev/null
server ethtool -K link0 tx on tso on gso on gro on >/dev/null
record link-offload.pcap
get http://10.9.0.1/numbers.txt
finish
client ethtool -K link0 tx off tso off gso off gro off >/dev/null
server ethtool -K link0 tx off tso off gso off gro off >/dev/null

# Connections that were there before the capture.
client ncat 10.9.0.1 80 < <(
    printf 'GET / HTTP/1.1\r\n'
    sleep 1.5
    printf 'Host: 10.9.0.1\r\n\r\n'
    sleep 0.5
) >/dev/null &
early=$!
sleep 0.7
record midstream.pcap
wait "$early"
finish

# VLAN tags, put on afterwards: not every kernel can send them.
record link-ethernet.pcap
few
finish
tcprewrite --enet-vlan=add --enet-vlan-tag=40 --enet-vlan-pri=3 --enet-vlan-cfi=0 \
    -i "$captures/link-ethernet.pcap" -o "$captures/link-vlan.pcap"
tcprewrite --enet-vlan=add --enet-vlan-proto=802.1ad --enet-vlan-tag=7 --enet-vlan-pri=0 \
    --enet-vlan-cfi=0 -i "$captures/link-vlan.pcap" -o "$captures/link-qinq.pcap"

# Without any link header, over a link that loses, doubles and disorders packets.
/usr/bin/python3 "$peers/relay.py" "$client_ns" 10.77.0.1/24 "$server_ns" 10.77.0.2/24 4711 \
    >"$work/relay.log" 2>&1 &
running[relay]=$!
pids+=($!)
until_true grep -q ready "$work/relay.log"
record damaged-raw.pcap -i tun0
get http://10.77.0.2/numbers.txt
get -H Expect: -T "$work/www/numbers.txt" http://10.77.0.2:8081/upload
get http://10.77.0.2/
finish
stop relay web python
