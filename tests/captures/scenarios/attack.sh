# Scans and floods, bounded and inside the namespaces. Sourced by record.sh.

# Twenty more hosts to look for.
for ((host = 101; host <= 120; host++)); do
    ip -n "$server_ns" addr add "10.9.0.$host/24" dev link0
done
mkdir -p "$work/www"
printf 'hello\n' >"$work/www/index.html"
start web server "$python" -m http.server 80 --bind 0.0.0.0 --directory "$work/www"
start device server "$python" -m http.server 8080 --bind 0.0.0.0 --directory "$work/www"
listening tcp 80
listening tcp 8080
scan() { client nmap -n -Pn --disable-arp-ping --max-retries 0 -T4 "$@" >/dev/null; }

record scan.pcap
# Many ports of one host, half open and with complete connections; one port of many hosts.
scan -sS -S 10.3.0.11 -e link0 -p 1-200,8080 10.9.0.1
scan -sT -p 70-90,8070-8090 10.9.0.1
scan -sS -S 10.3.0.11 -e link0 -p 23 10.9.0.101-120
scan -sU -S 10.3.0.11 -e link0 -p 50-70 10.9.0.1
finish

record flood.pcap
client hping3 -q -S -a 10.3.0.11 -p 80 -i u500 -c 800 10.9.0.1 >/dev/null 2>&1 || true
client hping3 -q --udp -a 10.3.0.10 -d 64 -s 5000 --keep -p 9 -i u500 -c 600 10.9.0.1 >/dev/null 2>&1 || true
client hping3 -q --icmp -a 10.3.0.10 -i u1000 -c 100 10.9.0.1 >/dev/null 2>&1 || true
finish

# Much, and still no attack: complete downloads, one after the other.
record busy.pcap
for ((visit = 0; visit < 60; visit++)); do
    client curl -s -o /dev/null --interface "10.3.0.$((7 + visit % 5))" http://10.9.0.1/ || true
done
finish
stop web device
for ((host = 101; host <= 120; host++)); do
    ip -n "$server_ns" addr del "10.9.0.$host/24" dev link0
done
