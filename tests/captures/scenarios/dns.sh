# DNS: dnsmasq with dig. Sourced by record.sh.

# Too long for a line of the configuration.
strings=$(for ((i = 0; i < 12; i++)); do printf ',"%s"' "$(head -c 200 /dev/zero | tr '\0' "$(printf '%x' $i)")"; done)
cat >"$work/dnsmasq.conf" <<CONF
user=root
no-resolv
no-hosts
local=/example/
local=/3.10.in-addr.arpa/
edns-packet-max=4096
host-record=platform.example,10.9.0.1,fd00:9::1
host-record=d-7.example,10.3.0.7
cname=www.example,platform.example
mx-host=example,mail.example,10
srv-host=_mqtt._tcp.example,platform.example,8883
txt-record=note.example,"v=1; site=plant-4"
ptr-record=7.0.3.10.in-addr.arpa,d-7.example
caa-record=example,0,issue,ca.example
address=/c2.malware.example/203.0.113.66
CONF
start dnsmasq server dnsmasq -k -C "$work/dnsmasq.conf" \
    --txt-record="large.example$strings" --pid-file="$work/dnsmasq.pid"
listening udp 53
listening tcp 53
ask() { client dig +tries=1 +time=2 @10.9.0.1 "$@" >/dev/null || true; }

record dns.pcap
for type in A AAAA; do ask platform.example "$type"; done
ask www.example A
ask example MX
ask _mqtt._tcp.example SRV
ask note.example TXT
ask -x 10.3.0.7
ask example CAA
ask nowhere.example A
ask elsewhere.test A
ask -b 10.3.0.9 c2.malware.example A
ask PLATFORM.Example A
ask +noedns platform.example A
ask +subnet=10.3.0.0/24 +dnssec platform.example A
ask +norecurse platform.example ANY
# Too large for one datagram: cut off, asked again over TCP.
ask +noedns large.example TXT
ask +bufsize=4096 large.example TXT
ask +tcp platform.example A
# Two questions over one connection.
ask +tcp +keepopen platform.example A +tcp +keepopen note.example TXT
client dig +tries=1 +time=2 @fd00:9::1 platform.example AAAA >/dev/null
finish

# Small questions, large answers, one after the other: what reflection looks like.
record dns-amplification.pcap
for ((i = 0; i < 25; i++)); do ask -b 10.3.0.9 +bufsize=4096 +ignore large.example TXT; done
finish
stop dnsmasq
