# SPDX-License-Identifier: Apache-2.0
"""Prints COUNT free ports of 127.0.0.1: the PREFERRED ones when all of them are free, else new ones.

    ports.py COUNT [PREFERRED...]

New ports lie below the range from which the kernel gives ports to outgoing connections. A client
that knocks at a stopped server's port could otherwise be given that very port as its own, connect
to itself, and keep the server from coming back.
"""
import random
import socket
import sys

LOWEST = 10000


def is_free(port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def outgoing_from():
    try:
        with open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii") as limits:
            return int(limits.read().split()[0])
    except OSError:
        return 32768


def main():
    count = int(sys.argv[1])
    preferred = [int(port) for port in sys.argv[2:]]
    if len(preferred) == count and all(is_free(port) for port in preferred):
        print(*preferred)
        return
    below = outgoing_from()
    candidates = range(LOWEST, below if below > LOWEST + 1000 else 32768)
    chosen = []
    for port in random.sample(candidates, len(candidates)):
        if is_free(port):
            chosen.append(port)
        if len(chosen) == count:
            print(*chosen)
            return
    sys.exit("no free port")


main()
