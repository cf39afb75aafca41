# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The hub of the example: made once, by `make demo`, for all tests that only look at it."""

from __future__ import annotations

import fcntl
import os
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import support_plays
from support_browser import on_host

sys.path.insert(0, str(support_plays.ROOT / "tests" / "demo"))
import demo

__all__ = ["URL", "demo", "demo_hub", "forward", "make_demo", "path_of_a_person"]
URL = "https://hub.lab.test:8443"
"""Exactly what `make demo` prints."""
LIMIT = 1200.0
"""Seconds for one `make demo` on a lab that is up, and for waiting until another test has made its own."""


@contextmanager
def alone() -> Iterator[None]:
    """Be the only one who plays on the example's hub: test files run beside each other."""
    end = time.monotonic() + LIMIT
    with (support_plays.ROOT / "build" / "demo-hub.lock").open("w") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                assert time.monotonic() < end, f"another test has played on the example's hub for {LIMIT:.0f} s"
                time.sleep(0.5)
        yield


def path_of_a_person() -> str:
    """PATH without the environment of the tests, whose Python would have `tests/run` make environments of its own."""
    ours = str(Path(sys.executable).parent)
    return os.pathsep.join(part for part in os.environ["PATH"].split(os.pathsep) if part != ours)


def make_demo() -> str:
    """`make demo` as a newcomer types it: outside of the lab, knowing nothing but its name; returns what it printed."""
    kept = ("LAB_NAME", "LAB_CACHE", "LAB_STATE")
    told = ("LAB_", "Z2JH_", "ANSIBLE_", "INVENTORY", "KUBECONFIG")
    environ = {key: value for key, value in os.environ.items() if key in kept or not key.startswith(told)}
    environ["PATH"] = path_of_a_person()
    # timeout(1) ends the whole family; Python would end the first of it only, and wait for the others' last word.
    argv = [*on_host(mounts=True), "timeout", f"{LIMIT:.0f}", "make", "-C", str(support_plays.ROOT), "demo"]
    with alone():
        done = subprocess.run(
            argv,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=LIMIT + 60,
            check=False,
        )
    assert done.returncode == 0, done.stdout[-6000:]
    return done.stdout


@cache
def demo_hub() -> str:
    """Have a hub to look at, by the playbook a person would run; returns its address.

    One that answers is taken as it is: test_demo.py, which comes first, has made it by all of `make demo`.
    """
    with alone(), tempfile.TemporaryDirectory() as folder:
        if not answers():
            ran = support_plays.play("site", {}, Path(folder), arguments=["--skip-tags", "hub_verify"])
            assert ran.code == 0, ran.tail
    return URL


def answers() -> bool:
    """Whether the example's hub is there."""
    trusting = ssl.create_default_context(cafile=os.environ["LAB_CA_FILE"])
    try:
        with urllib.request.urlopen(f"{URL}/hub/health", timeout=10, context=trusting) as reply:
            return bool(reply.status == 200)
    except OSError:
        return False


LOOK = """
import os, sys
from pathlib import Path
import demo
sys.exit(not demo.behind_the_door(Path(os.environ["LAB_CA_FILE"])))
"""


def forward() -> None:
    """Have this lab's door on the host (127.0.0.1:8443), as `make demo` does at its end; `lab up` opens it as well."""
    if not this_lab_is_behind_the_port():
        argv = [*on_host(mounts=True), str(demo.LAB), "--name", os.environ["LAB_NAME"], "forward", "start"]
        done = subprocess.run(argv, check=False, capture_output=True, text=True, timeout=120)
        assert this_lab_is_behind_the_port(), f"127.0.0.1:8443 leads elsewhere: {done.stderr}{done.stdout}"


def this_lab_is_behind_the_port() -> bool:
    """Whether who connects to the port on the host meets this lab's issuer, and not another lab of this machine."""
    argv = [*on_host(), sys.executable, "-c", LOOK]
    environ = {**os.environ, "PYTHONPATH": str(Path(demo.__file__).parent)}
    return subprocess.run(argv, env=environ, check=False, capture_output=True, timeout=30).returncode == 0
