"""Joins two network namespaces by a pair of tun devices and damages what passes.

relay.py NS ADDRESS NS ADDRESS SEED: packets are lost, doubled and overtaken as a generator
with that seed says. The kernel here need not have netem. Prints `ready` when it is.
"""

import ctypes
import fcntl
import os
import random
import select
import struct
import subprocess
import sys

TUNSETIFF = 0x400454CA
IFF_TUN, IFF_NO_PI = 0x0001, 0x1000
CLONE_NEWNET = 0x40000000
LOST, DOUBLED, HELD = 0.05, 0.05, 0.10

libc = ctypes.CDLL(None, use_errno=True)


def open_tun(namespace, address):
    """A tun device in a namespace. This process stays in the last one that it entered."""
    with open(f"/run/netns/{namespace}") as ns:
        if libc.setns(ns.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")
    tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH22x", b"tun0", IFF_TUN | IFF_NO_PI))
    for command in (["addr", "add", address, "dev", "tun0"], ["link", "set", "tun0", "up"]):
        subprocess.run(["ip", *command], check=True)
    return tun


def main():
    first_ns, first_address, second_ns, second_address, seed = sys.argv[1:]
    chance = random.Random(int(seed))
    tuns = [open_tun(first_ns, first_address), open_tun(second_ns, second_address)]
    held = {0: [], 1: []}
    print("ready", flush=True)
    while True:
        # What was held goes when nothing else comes.
        readable, _, _ = select.select(tuns, [], [], 0.02)
        for side in (0, 1):
            to = tuns[1 - side]
            if tuns[side] not in readable:
                for packet in held[side]:
                    os.write(to, packet)
                held[side].clear()
                continue
            packet = os.read(tuns[side], 65536)
            draw = chance.random()
            if draw < LOST:
                continue
            if draw < LOST + HELD and not held[side]:
                held[side].append(packet)
                continue
            os.write(to, packet)
            if draw > 1 - DOUBLED:
                os.write(to, packet)
            for late in held[side]:
                os.write(to, late)
            held[side].clear()


main()
