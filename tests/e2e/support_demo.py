# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The hub of the example: made once for all tests that only look at it."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

import support_plays
from support_browser import on_host

URL = "https://hub.lab.test:8443"
"""Exactly what `make demo` prints."""
LAB = support_plays.ROOT / "tests" / "lab" / "lab"


@cache
def demo_hub() -> str:
    """Have the hub of examples/lab, by the playbook a person would run; returns its address.

    On a lab that has it already this changes nothing and takes some seconds; the smoke test is left to the tests.
    """
    with tempfile.TemporaryDirectory() as folder:
        ran = support_plays.play("site", {}, Path(folder), arguments=["--skip-tags", "hub_verify"])
    assert ran.code == 0, ran.tail
    return URL


LOOK = """
import os, socket, ssl
context = ssl.create_default_context(cafile=os.environ["LAB_CA_FILE"])
plain = socket.create_connection(("127.0.0.1", 8443), timeout=5)
context.wrap_socket(plain, server_hostname="issuer.lab.test")
"""


def forward() -> None:
    """Have this lab's door on the host (127.0.0.1:8443), as `make demo` does at its end; `lab up` opens it as well."""
    if not this_lab_is_behind_the_port():
        argv = [*on_host(mounts=True), str(LAB), "--name", os.environ["LAB_NAME"], "forward", "start"]
        done = subprocess.run(argv, check=False, capture_output=True, text=True, timeout=120)
        assert this_lab_is_behind_the_port(), f"127.0.0.1:8443 leads elsewhere: {done.stderr}{done.stdout}"


def this_lab_is_behind_the_port() -> bool:
    """Whether who connects to the port on the host meets this lab's issuer, and not another lab of this machine."""
    argv = [*on_host(), sys.executable, "-c", LOOK]
    return subprocess.run(argv, check=False, capture_output=True, timeout=30).returncode == 0
