# MQTT: mosquitto with its own clients. Sourced by record.sh.

cat >"$work/mosquitto.conf" <<CONF
per_listener_settings true
user root
persistence false
listener 1883
allow_anonymous true
listener 1884
allow_anonymous false
password_file $work/passwords
listener 8883
allow_anonymous true
cafile $work/ca.pem
certfile $work/rsa.pem
keyfile $work/rsa.key
CONF
touch "$work/passwords"
mosquitto_passwd -b "$work/passwords" d-9 correct-horse
start mosquitto server mosquitto -c "$work/mosquitto.conf"
listening tcp 1883
listening tcp 8883

# session VERSION DEVICE CLIENT-OPTION...: one device subscribes, another publishes at every
# quality of service, keeps a message, clears it, and goes.
session() {
    local version=$1 address=$2 qos
    shift 2
    client timeout 10 mosquitto_sub "$@" -V "$version" -A "$address" -i "sub-$version" -q 2 \
        -t 'sensors/+/temp' -t "commands/$version/#" -U 'unused/topic' -C 4 >/dev/null &
    local subscriber=$!
    sleep 0.4
    for qos in 0 1 2; do
        client mosquitto_pub "$@" -V "$version" -A "$address" -i "pub-$version-$qos" -q "$qos" \
            -t "sensors/$version/temp" -m "{\"qos\":$qos,\"t\":21.5}"
    done
    client mosquitto_pub "$@" -V "$version" -A "$address" -i "will-$version" -r -q 1 \
        --will-topic "status/$version" --will-payload gone --will-qos 1 --will-retain \
        -t "commands/$version/open" -m 1
    wait "$subscriber"
    client mosquitto_pub "$@" -V "$version" -A "$address" -r -n -t "commands/$version/open"
}

record mqtt.pcap
session mqttv31 10.3.0.9 -h 10.9.0.1
session mqttv311 10.3.0.10 -h 10.9.0.1
session mqttv5 10.3.0.11 -h 10.9.0.1
session mqttv311 fd00:3::7 -h fd00:9::1
# Version 5 with properties on both packets.
client mosquitto_pub -h 10.9.0.1 -V 5 -i d-11 -q 1 -t sensors/d-11/temp -m 21.5 \
    -D connect session-expiry-interval 60 -D connect user-property site plant-4 \
    -D publish content-type text/plain -D publish message-expiry-interval 30 \
    -D publish user-property unit celsius -D publish response-topic replies/d-11 \
    -D publish correlation-data 4711
# Many small messages to a segment, and one message over many segments.
seq -f '{"n":%g}' 1 60 >"$work/lines"
client mosquitto_pub -h 10.9.0.1 -V 311 -i d-10 -q 1 -M 60 -t sensors/d-10/many -l <"$work/lines"
head -c 20000 /dev/zero | tr '\0' x >"$work/large"
client mosquitto_pub -h 10.9.0.1 -V 311 -i d-10 -q 1 -t firmware/d-10 -f "$work/large"
# An idle client keeps its connection alive with pings.
client timeout 9 mosquitto_sub -h 10.9.0.1 -V 311 -A 10.3.0.8 -i d-8 -k 5 -t quiet/d-8 || true
# User names and passwords in clear: right, wrong, none.
client mosquitto_pub -h 10.9.0.1 -p 1884 -V 311 -i d-9 -u d-9 -P correct-horse -t a -m 1
client mosquitto_pub -h 10.9.0.1 -p 1884 -V 311 -i d-9 -u d-9 -P guess -t a -m 1 2>/dev/null || true
client mosquitto_pub -h 10.9.0.1 -p 1884 -V 5 -i d-9 -t a -m 1 2>/dev/null || true
finish

record mqtt-tls.pcap
for tls in tlsv1.2 tlsv1.3; do
    client mosquitto_pub -h 10.9.0.1 -p 8883 --cafile "$work/ca.pem" --tls-version "$tls" \
        -V 311 -i d-8 -A 10.3.0.8 -q 1 -t sensors/d-8/temp -m 21.5
done
# A client that does not trust the broker breaks the handshake off.
client mosquitto_pub -h 10.9.0.1 -p 8883 --cafile "$work/device.pem" -i d-8 -t a -m 1 2>/dev/null || true
finish
stop mosquitto

# In clear on the port of MQTT over TLS.
printf 'listener 8883\nallow_anonymous true\nuser root\n' >"$work/mosquitto.conf"
start mosquitto server mosquitto -c "$work/mosquitto.conf"
listening tcp 8883
record mqtt-on-tls-port.pcap
client "$python" "$peers/mqtt_publish.py" 10.9.0.1 8883 10.3.0.11 d11 sensors/d-11/temp 21.5
finish
stop mosquitto
