"""A WebSocket server (`websocket.py PORT`) and client (`websocket.py URI SUBPROTOCOL`)."""

import sys

from websockets.sync.client import connect
from websockets.sync.server import serve


def echo(connection):
    for message in connection:
        connection.send(message)


if len(sys.argv) == 2:
    with serve(echo, "", int(sys.argv[1]), subprotocols=["mqtt", "chat"]) as server:
        server.serve_forever()
else:
    uri, subprotocol = sys.argv[1:]
    with connect(uri, subprotocols=[subprotocol]) as connection:
        # The first bytes of an MQTT CONNECT: what is inside is not what is on the wire.
        connection.send(bytes.fromhex("100f00044d5154540402003c0003643131"))
        connection.recv()
