# HTTP/1: nginx, Python's http.server and ncat as a proxy, with curl. Sourced by record.sh.

mkdir -p "$work/www"
printf 'hello from nginx\n' >"$work/www/index.html"
seq 1 6000 >"$work/www/numbers.txt"
cat >"$work/nginx.conf" <<CONF
user root;
pid $work/nginx.pid;
error_log $work/nginx-error.log;
events {}
http {
    access_log off;
    types { text/plain txt; text/html html; }
    client_body_temp_path $work/body;
    proxy_temp_path $work/proxy;
    root $work/www;
    gzip_types text/plain;
    server {
        listen 80;
        listen [::]:80;
        location /zipped/ { gzip on; gzip_http_version 1.0; alias $work/www/; }
        location /api { return 200 "ok\n"; }
        location /secure { return 301 https://platform.example/index.html; }
    }
    server { listen 8080 http2; }
    server {
        listen 443 ssl;
        ssl_certificate $work/rsa.pem;
        ssl_certificate_key $work/rsa.key;
    }
}
CONF
start nginx server nginx -c "$work/nginx.conf" -g 'daemon off;'
start python server "$python" "$peers/http_server.py" 8081
start websocket server "$python" "$peers/websocket.py" 8082
start proxy server ncat -l 3128 -k --proxy-type http
for port in 80 8080 443 8081 8082 3128; do listening tcp $port; done
get() { client curl -s -m 10 -o /dev/null "$@" || true; }

record http.pcap
site=http://10.9.0.1
# One connection for several requests, with and without names that resolve.
get "$site/" --next -s -o /dev/null "$site/missing" --next -s -o /dev/null -I "$site/numbers.txt"
get --resolve platform.example:80:10.9.0.1 -A sensor/1.0 -H 'Cookie: id=4711' \
    'http://platform.example/api/readings?device=d-10&t=21.5'
get --interface 10.3.0.10 -u d-10:secret -X POST -d 'temp=21.5&unit=C' "$site/api"
get "$site/numbers.txt"
get -r 100-199 "$site/numbers.txt"
get --compressed "$site/zipped/numbers.txt"
get -0 "$site/"
get --http1.1 'http://[fd00:9::1]/'
# Every way to end a body.
for path in /chunked /until-close /nothing /hints /; do get "$site:8081$path"; done
get -I "$site:8081/"
get -H 'Transfer-Encoding: chunked' -d @"$work/www/index.html" "$site:8081/upload"
get -H 'Expect: 100-continue' -T "$work/www/numbers.txt" "$site:8081/upload"
# Five requests in one write, answered in order.
{
    for path in / /api /missing /index.html /api; do
        printf 'GET %s HTTP/1.1\r\nHost: 10.9.0.1\r\n\r\n' "$path"
    done
    sleep 0.5
} | client ncat 10.9.0.1 80 >/dev/null
# A request line that arrives letter by letter, and line ends without carriage return.
{
    for letter in G E T ' ' / ' ' H T T P / 1 . 0; do
        printf '%s' "$letter"
        sleep 0.05
    done
    printf '\nHost: slow\n\n'
    sleep 0.3
} | client ncat 10.9.0.1 80 >/dev/null
# What is not HTTP at all gets an answer, too.
printf 'HELLO\r\n\r\n' | client ncat 10.9.0.1 80 >/dev/null
finish

record http-upgrade.pcap
# HTTP/2 in clear, a WebSocket with MQTT inside, a tunnel to a TLS server.
get --http2-prior-knowledge "$site:8080/"
client "$python" "$peers/websocket.py" ws://10.9.0.1:8082/mqtt mqtt
get -p -x "$site:3128" -k https://10.9.0.1/
get -x "$site:3128" http://10.9.0.1/
finish

record http-redirect.pcap
get -L -k --resolve platform.example:443:10.9.0.1 "$site/secure"
finish
stop nginx

# HTTP on 443 and TLS on 80.
sed -e 's/listen 443 ssl/listen 80 ssl/; s/listen 80;/listen 443;/; /listen \[::\]/d' \
    "$work/nginx.conf" >"$work/swapped.conf"
start nginx server nginx -c "$work/swapped.conf" -g 'daemon off;'
listening tcp 443
record http-on-443.pcap
get --interface 10.3.0.9 http://10.9.0.1:443/
finish
record tls-on-80.pcap
get -k --interface 10.3.0.10 https://10.9.0.1:80/
finish
stop nginx python websocket proxy
