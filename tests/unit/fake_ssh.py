# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stands for ssh with a forwarding: a program that listens where ssh would and behaves as the far end would.

Usage: fake_ssh.py PORT MODE [PIDS]. MODE: http, socks5 (carry), refuse (503), deny (SOCKS error), mute, close, die,
others (carry, but forwardings of the ssh configuration fail), taken (lives on without the port), parent (carry; what
it has started goes on by itself).
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import threading
import time


def pipe(source: socket.socket, target: socket.socket) -> None:
    """Carry bytes one way."""
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)


def carry(client: socket.socket, host: str, port: int) -> None:
    """Carry bytes both ways."""
    far = socket.create_connection((host, port))
    threading.Thread(target=pipe, args=(client, far), daemon=True).start()
    pipe(far, client)


def http(client: socket.socket, mode: str) -> None:
    """An HTTP proxy."""
    head = b""
    while b"\r\n\r\n" not in head:
        head += client.recv(4096)
    if mode == "refuse":
        client.sendall(b"HTTP/1.0 503 Service Unavailable\r\n\r\n")
        return
    host, _colon, port = head.split(b" ")[1].decode().rpartition(":")
    client.sendall(b"HTTP/1.0 200 Connection established\r\nProxy-agent: fake\r\n\r\n")
    carry(client, host, int(port))


def socks5(client: socket.socket, mode: str) -> None:
    """A SOCKS5 server."""
    assert client.recv(3) == b"\x05\x01\x00"
    client.sendall(b"\x05\x00")
    head = client.recv(5)
    rest = client.recv(head[4] + 2)
    if mode == "deny":
        client.sendall(b"\x05\x05\x00\x01" + bytes(6))
        return
    client.sendall(b"\x05\x00\x00\x01" + bytes(6))
    carry(client, rest[:-2].decode(), int.from_bytes(rest[-2:], "big"))


def serve(client: socket.socket, mode: str) -> None:
    """One connection."""
    with client, contextlib.suppress(OSError):
        if mode == "mute":
            time.sleep(60)
        elif mode in ("http", "refuse"):
            http(client, mode)
        elif mode in ("socks5", "deny"):
            socks5(client, mode)


GRUMBLES = {
    "others": "bind [127.0.0.1]:5432: Address already in use\n"
    "channel_setup_fwd_listener_tcpip: cannot listen to port: 5432\nCould not request local forwarding.\n",
    "old-key": 'Load key "/home/ada/.ssh/id_old": Permission denied\n',
}
"""What ssh says about this and that, and then works."""


def main(port: int, mode: str, pids: str) -> None:
    """Listen until somebody ends us."""
    with open(pids, "a", encoding="ascii") as stream:
        stream.write(f"{os.getpid()}\n")
    if mode == "die":
        sys.stderr.write("Warning: something else\nfake: Permission denied (publickey).\n")
        sys.exit(255)
    if mode == "parent":  # as with a ProxyCommand that hangs
        with open(pids, "a", encoding="ascii") as stream:
            stream.write(f"{subprocess.Popen(['sleep', '60']).pid}\n")
        mode = "http"
    if mode in GRUMBLES:
        sys.stderr.write(GRUMBLES[mode])
        sys.stderr.flush()
        mode = "http"
    if mode == "taken":
        # Somebody else listens where ssh would.
        with socket.create_server(("127.0.0.1", port)):
            sys.stderr.write(f"bind [127.0.0.1]:{port}: Address already in use\n")
            sys.stderr.write(f"channel_setup_fwd_listener_tcpip: cannot listen to port: {port}\n")
            sys.stderr.flush()
            time.sleep(60)
    listening = socket.create_server(("127.0.0.1", port))
    while True:
        client, _address = listening.accept()
        threading.Thread(target=serve, args=(client, mode), daemon=True).start()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], sys.argv[3])
