# Modbus/TCP: server and client of pymodbus. Sourced by record.sh.

start modbus server "$python" "$peers/modbus_server.py" 0.0.0.0 502
listening tcp 502
record modbus.pcap
client "$python" "$peers/modbus_client.py" 10.50.4.9 502 10.50.4.2
# From outside the cell, as an unlisted master would come.
client "$python" "$peers/modbus_client.py" 10.9.0.1 502 10.3.0.11
# Three requests in one segment, and one request in two.
{
    printf '\0\1\0\0\0\6\1\3\0\0\0\2\0\2\0\0\0\6\1\1\0\0\0\10\0\3\0\0\0\6\1\6\0\12\0\1'
    sleep 0.3
    printf '\0\4\0\0\0\6\1'
    sleep 0.3
    printf '\3\0\0\0\1'
    sleep 0.3
} | client ncat 10.50.4.9 502 >/dev/null
# Something else on the port.
client curl -s -m 1 -o "$work/out" http://10.50.4.9:502/ || true
finish
stop modbus
