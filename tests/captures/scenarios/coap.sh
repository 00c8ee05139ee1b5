# CoAP: the server and the client of libcoap. Sourced by record.sh.

coap() { client timeout 20 coap-client-openssl -B 5 "$@" >/dev/null 2>&1 || true; }

start coap server coap-server-openssl -d 20 -k secret-key-4711 -h platform -c "$work/rsa.pem" \
    -j "$work/rsa.key" -n
listening udp 5683
listening udp 5684
listening tcp 5683
listening tcp 5684

record coap.pcap
coap -a 10.3.0.9 coap://10.9.0.1/
coap -a 10.3.0.9 coap://10.9.0.1/.well-known/core
coap -a 10.3.0.9 -T cafe coap://10.9.0.1/time
coap -a 10.3.0.9 'coap://10.9.0.1/time?ticks'
coap -a 10.3.0.9 -m put -t text/plain -e 21.5 coap://10.9.0.1/sensors/temp
coap -a 10.3.0.9 -m put -t application/json -e '%7B%22t%22:22%7D' coap://10.9.0.1/sensors/temp
coap -a 10.3.0.9 -A application/json coap://10.9.0.1/sensors/temp
coap -a 10.3.0.9 -m post -e on coap://10.9.0.1/sensors/temp
coap -a 10.3.0.9 -m delete coap://10.9.0.1/sensors/temp
coap -a 10.3.0.9 coap://10.9.0.1/missing/resource
# Registration as a LwM2M client would do it.
coap -a 10.3.0.9 -m post -e '%3C/3/0%3E' 'coap://10.9.0.1/rd?ep=d-9&lt=300'
coap -a 10.3.0.9 -N coap://10.9.0.1/time
# The answer comes later, as a message of its own.
coap -a 10.3.0.9 'coap://10.9.0.1/async?1'
# Block by block, up and down.
head -c 3000 /dev/zero | tr '\0' x >"$work/large"
coap -a 10.3.0.9 -m put -b 256 -f "$work/large" coap://10.9.0.1/firmware
coap -a 10.3.0.9 -b 512 coap://10.9.0.1/firmware
# Watching a resource that changes every second.
coap -a 10.3.0.9 -s 3 coap://10.9.0.1/time
# An OSCORE option, which this server refuses as it does not know it.
coap -a 10.3.0.9 -m post -O 9,0x0901 -e xxxxxxxxxxxxxxxx coap://10.9.0.1/
# Nobody listens there: retransmissions end at the port-unreachable message.
coap -a 10.3.0.9 -p 40001 coap://10.9.0.1:5699/
coap "coap://[fd00:9::1]/time"
coap -m put -e 1 "coap://[fd00:9::1]/valves/v-1"
finish

record coap-dtls.pcap
coap -a 10.3.0.8 -u d-8 -k secret-key-4711 coaps://10.9.0.1/time
coap -a 10.3.0.8 -u d-8 -k secret-key-4711 -m put -e 1 coaps://10.9.0.1/sensors/temp
# A wrong key, and a handshake with certificates.
coap -a 10.3.0.8 -u d-8 -k wrong-key coaps://10.9.0.1/time
coap -a 10.3.0.8 -C "$work/ca.pem" coaps://10.9.0.1/time
finish

record coap-tcp.pcap
coap coap+tcp://10.9.0.1/time
coap -m put -e 21.5 coap+tcp://10.9.0.1/sensors/temp
coap coap+tcp://10.9.0.1/.well-known/core
coap -C "$work/ca.pem" coaps+tcp://10.9.0.1/time
finish
stop coap

# In clear on the port of DTLS, and DTLS on the port of plain CoAP.
start coap server coap-server-openssl -p 5684
listening udp 5684
record coap-on-dtls-port.pcap
coap -a 10.3.0.9 coap://10.9.0.1:5684/time
coap -a 10.3.0.9 coap://10.9.0.1:5684/.well-known/core
finish
stop coap
start coap server coap-server-openssl -p 5682 -k secret-key-4711
listening udp 5683
record dtls-on-coap-port.pcap
coap -a 10.3.0.8 -u d-8 -k secret-key-4711 coaps://10.9.0.1:5683/time
finish
stop coap

# A narrow link: blocks of 1024 bytes arrive in fragments.
start coap server coap-server-openssl -d 5
listening udp 5683
ip -n "$client_ns" link set link0 mtu 576
ip -n "$server_ns" link set link0 mtu 576
record fragments.pcap
coap -a 10.3.0.9 -m put -b 1024 -f "$work/large" coap://10.9.0.1/firmware
coap -a 10.3.0.9 -b 1024 coap://10.9.0.1/firmware
client ping -q -c 2 -i 0.2 -s 3000 10.9.0.1 >/dev/null
finish
ip -n "$client_ns" link set link0 mtu 1500
ip -n "$server_ns" link set link0 mtu 1500
# The system takes the IPv6 addresses off a link that is too narrow for them.
ip -n "$client_ns" addr add fd00:3::7/64 dev link0 nodad
ip -n "$server_ns" addr add fd00:9::1/64 dev link0 nodad
ip -n "$client_ns" route replace fd00:9::/64 dev link0
ip -n "$server_ns" route replace fd00:3::/64 dev link0
stop coap
