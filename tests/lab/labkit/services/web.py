# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A web server for a directory of files: ``python -m labkit.services.web DIRECTORY PORT CHAIN KEY``."""

from __future__ import annotations

import socket
import ssl
import sys
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer


class Server(ThreadingHTTPServer):
    """Serves IPv4 and IPv6 alike."""

    address_family = socket.AF_INET6


def main(directory: str, port: str, chain: str, key: str) -> None:
    """Serve until the process ends."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(chain, key)
    server = Server(("::", int(port)), partial(SimpleHTTPRequestHandler, directory=directory))
    # The handshake is the connection's own business: a client that never speaks must not hold up the others.
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    server.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
