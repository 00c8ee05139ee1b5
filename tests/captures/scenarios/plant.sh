# One morning of a plant, everything at once in one capture: what demonstrations show.
# Sourced by record.sh.

mkdir -p "$work/www"
printf 'hello\n' >"$work/www/index.html"
ip -n "$server_ns" addr add 203.0.113.66/32 dev link0
ip -n "$client_ns" route add 203.0.113.66/32 dev link0 src 10.3.0.9
cat >"$work/mosquitto.conf" <<CONF
user root
allow_anonymous true
listener 1883
listener 8883
cafile $work/ca.pem
certfile $work/rsa.pem
keyfile $work/rsa.key
CONF
cat >"$work/nginx.conf" <<CONF
user root;
pid $work/nginx.pid;
error_log $work/nginx-error.log;
events {}
http {
    access_log off;
    client_body_temp_path $work/body;
    root $work/www;
    server { listen 8080; location /api { return 200 "ok\n"; } }
    server {
        listen 80 ssl;
        listen 443 ssl;
        ssl_certificate $work/rsa.pem;
        ssl_certificate_key $work/rsa.key;
    }
}
CONF
start mosquitto server mosquitto -c "$work/mosquitto.conf"
start nginx server nginx -c "$work/nginx.conf" -g 'daemon off;'
start coap server coap-server-openssl -A 10.9.0.1 -d 5 -p 5684
start dtls server coap-server-openssl -A 10.9.0.1 -d 5 -p 5693 -k secret-key-4711
start modbus server "$python" "$peers/modbus_server.py" 0.0.0.0 502
start c2 server "$python" -m http.server 4444 --bind 203.0.113.66 --directory "$work/www"
start dnsmasq server dnsmasq -k -C /dev/null -u root --no-resolv --no-hosts --local=/example/ \
    --pid-file="$work/dnsmasq.pid" --host-record=platform.example,10.9.0.1 \
    --address=/c2.malware.example/203.0.113.66
OPENSSL_CONF=/dev/null start tls server openssl s_server -accept 8443 -www -quiet \
    -cert "$work/rsa.pem" -key "$work/rsa.key" -cipher 'ALL:eNULL:@SECLEVEL=0'
for port in 1883 8883 80 443 8080 502 4444 8443; do listening tcp $port; done
for port in 53 5684 5694; do listening udp $port; done
coap() { client timeout 10 coap-client-openssl -B 3 "$@" >/dev/null 2>&1 || true; }
get() { client curl -s -m 5 -o /dev/null "$@" || true; }
handshake() {
    client timeout 5 openssl s_client -connect 10.9.0.1:8443 "$@" </dev/null >/dev/null 2>&1 || true
}

record plant.pcap
# As it should be: names, TLS, DTLS, reading the field bus inside its cell.
client dig +tries=1 -b 10.3.0.7 @10.9.0.1 platform.example A >/dev/null
for n in 1 2 3; do
    client mosquitto_pub -h 10.9.0.1 -p 8883 --cafile "$work/ca.pem" -A 10.3.0.7 -i d-7 -q 1 \
        -t sensors/d-7/temp -m "21.$n"
done
coap -a 10.3.0.8 -u d-8 -k secret-key-4711 -m put -e 21.5 coaps://10.9.0.1:5694/sensors/d-8
get -k --interface 10.3.0.10 https://10.9.0.1:80/
client "$python" "$peers/modbus_client.py" 10.50.4.9 502 10.50.4.2
# In clear: HTTP, CoAP on the port of DTLS, MQTT, Modbus from outside the cell.
get --interface 10.3.0.8 -A sensor/1.0 -d temp=21.5 http://10.9.0.1:8080/api
coap -a 10.3.0.9 coap://10.9.0.1:5684/time
coap -a 10.3.0.9 -m put -e 1 coap://10.9.0.1:5684/valves/v-1
client mosquitto_pub -h 10.9.0.1 -p 1883 -V 311 -A 10.3.0.11 -i d11 -u d11 -P secret -q 1 \
    -t sensors/d-11/temp -m 21.5
client "$python" "$peers/modbus_client.py" 10.9.0.1 502 10.3.0.11
# Weak: an old version, a cipher that does not encrypt.
OPENSSL_CONF=/dev/null handshake -bind 10.3.0.7:0 -tls1 -cipher 'ALL:@SECLEVEL=0'
OPENSSL_CONF=/dev/null handshake -bind 10.3.0.7:0 -tls1_2 -cipher NULL-SHA256:@SECLEVEL=0
# Known to be bad: a name and an address that a notice lists.
client dig +tries=1 -b 10.3.0.9 @10.9.0.1 c2.malware.example A >/dev/null
get --interface 10.3.0.9 -H 'Host: c2.malware.example' http://203.0.113.66:4444/
# One device looks around.
client nmap -n -Pn --disable-arp-ping --max-retries 0 -T4 -sS -S 10.3.0.11 -e link0 -p 1-150 \
    10.9.0.1 >/dev/null
finish
stop mosquitto nginx coap dtls modbus c2 dnsmasq tls
ip -n "$server_ns" addr del 203.0.113.66/32 dev link0
