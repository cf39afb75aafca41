# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said over a tunnel's connections: tables. The rest is tried with the supervisor, between real sockets."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._tunnel import supervisor, wire
from ansible_collections.researchops.jupyterhub.plugins.module_utils._tunnel.wire import (
    Closed,
    answer,
    authority,
    parse_answer,
    parse_connect,
)


@pytest.mark.parametrize(
    ("head", "target"),
    [
        pytest.param(b"GET / HTTP/1.1\r\n\r\n", None, id="no CONNECT"),
        pytest.param(b"CONNECT api.test HTTP/1.1\r\n\r\n", None, id="no port"),
        pytest.param(b"CONNECT :443 HTTP/1.1\r\n\r\n", None, id="no host"),
        pytest.param(b"CONNECT api.test:x HTTP/1.1\r\n\r\n", None, id="a port that is none"),
        pytest.param(b"CONNECT api.test:443 SSH/2\r\n\r\n", None, id="no HTTP"),
        pytest.param(b"CONNECT api.test:443\r\n\r\n", None, id="no version"),
        pytest.param(b"CONNECT API.test:443 HTTP/1.1\r\nHost: x\r\n\r\n", ("api.test", 443), id="name"),
        pytest.param(b"CONNECT [2001:db8::1]:6443 HTTP/1.0\r\n\r\n", ("2001:db8::1", 6443), id="IPv6"),
    ],
)
def test_what_a_client_asks_for(head: bytes, target: tuple[str, int] | None) -> None:
    assert parse_connect(head) == target


def test_what_a_proxy_answers() -> None:
    assert parse_answer(b"HTTP/1.0 200 Connection established\r\n\r\n") == 200
    assert parse_answer(b"HTTP/1.1 503\r\n\r\n") == 503
    for head in (b"SSH-2.0-OpenSSH\r\n\r\n", b"\r\n\r\n", b"HTTP/1.1 ok\r\n\r\n"):
        with pytest.raises(Closed, match="no HTTP proxy"):
            parse_answer(head)


def test_texts() -> None:
    assert (authority("a", 1), authority("::1", 1)) == ("a:1", "[::1]:1")
    assert (
        answer("403 Forbidden", "no") == b"HTTP/1.1 403 Forbidden\r\nContent-Length: 3\r\nConnection: close\r\n\r\nno\n"
    )


def test_only_the_standard_library_is_needed(tmp_path: Path) -> None:
    """Both files are written into a private folder, and started there without any other path."""
    for module in (supervisor, wire):
        name = str(module.__file__)
        (tmp_path / Path(name).name).write_text(Path(name).read_text())
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(tmp_path / "supervisor.py"), "/nowhere"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "FileNotFoundError" in done.stderr
    assert "/nowhere/config.json" in done.stderr
