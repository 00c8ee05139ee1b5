# TLS: openssl s_server and s_client, down to what nobody should speak. Sourced by record.sh.

all='ALL:COMPLEMENTOFALL:@SECLEVEL=0'
# The system's configuration forbids the old versions.
export OPENSSL_CONF=/dev/null
server openssl dhparam -out "$work/dh.pem" -dsaparam 1024 2>/dev/null
# serve PORT OPTION...
serve() {
    local port=$1
    shift
    start "tls$port" server openssl s_server -accept "$port" -www -quiet -cert "$work/rsa.pem" \
        -key "$work/rsa.key" -dcert "$work/ec.pem" -dkey "$work/ec.key" -dhparam "$work/dh.pem" \
        -cert_chain "$work/ca.pem" "$@"
    listening tcp "$port"
}
# hello PORT OPTION...: a handshake and one request inside it.
hello() {
    local port=$1
    shift
    {
        printf 'GET / HTTP/1.0\r\n\r\n'
        sleep 0.3
    } | client timeout 10 openssl s_client -connect "10.9.0.1:$port" -CAfile "$work/ca.pem" -ign_eof \
        "$@" >/dev/null 2>&1 || true
}

serve 443 -cipher "$all"
serve 8883 -Verify 1 -CAfile "$work/ca.pem" -verify_return_error
serve 8443 -groups P-384

record tls.pcap
hello 443 -tls1_3 -servername platform.example -alpn http/1.1
hello 443 -tls1_3 -ciphersuites TLS_CHACHA20_POLY1305_SHA256 -servername platform.example
hello 443 -tls1_2 -servername platform.example
hello 443 -tls1_2 -sigalgs ECDSA+SHA256 -cipher ECDHE-ECDSA-AES128-GCM-SHA256
hello 443 -tls1_2 -noservername -cipher DHE-RSA-AES256-GCM-SHA384
# A server that wants another group asks for a second hello.
hello 8443 -tls1_3 -groups X25519:P-384
# A device with a certificate of its own, and one without, which is turned away.
hello 8883 -bind 10.3.0.8:0 -tls1_2 -cert "$work/device.pem" -key "$work/device.key"
hello 8883 -bind 10.3.0.9:0 -tls1_2
# A session taken up again, in both versions.
for version in tls1_2 tls1_3; do
    hello 443 "-$version" -sess_out "$work/session.pem"
    hello 443 "-$version" -sess_in "$work/session.pem"
done
finish

record tls-weak.pcap
hello 443 -bind 10.3.0.7:0 -tls1 -cipher "$all"
hello 443 -bind 10.3.0.7:0 -tls1_1 -cipher "$all"
hello 443 -bind 10.3.0.7:0 -tls1 -cipher AES128-SHA:@SECLEVEL=0
hello 443 -bind 10.3.0.7:0 -tls1_2 -cipher AES256-SHA:@SECLEVEL=0
# Encrypted by record type, clear in fact.
hello 443 -bind 10.3.0.9:0 -tls1_2 -cipher NULL-SHA256:@SECLEVEL=0
hello 443 -bind 10.3.0.9:0 -tls1 -cipher NULL-SHA:@SECLEVEL=0
hello 443 -bind 10.3.0.9:0 -tls1_2 -cipher ECDHE-RSA-NULL-SHA:@SECLEVEL=0
# Nobody is who they say.
hello 443 -bind 10.3.0.9:0 -tls1_2 -cipher ADH-AES128-GCM-SHA256:@SECLEVEL=0
# No cipher in common: an alert, no session.
hello 8443 -bind 10.3.0.9:0 -tls1_2 -cipher NULL-SHA256:@SECLEVEL=0
# A client that talks HTTP to TLS.
client curl -s -m 2 -o /dev/null http://10.9.0.1:443/ || true
finish
stop tls443 tls8883 tls8443
unset OPENSSL_CONF
