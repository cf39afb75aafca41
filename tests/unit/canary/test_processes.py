# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The watch sees what any process below us shows to the machine, orphans included."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "canary"))
from processes import Eye, Watch, family, parent, read

pytestmark = pytest.mark.once

SLEEPER = "import time; time.sleep(120)"


def until(seen: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not seen():
        assert time.monotonic() < end, "not seen within 60 s"
        time.sleep(0.01)


@pytest.fixture
def sleeper() -> subprocess.Popen[bytes]:
    """A grandchild with a secret on its command line and one in its environment."""
    nested = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {SLEEPER!r}, 'secret-argument'])"
    return subprocess.Popen([sys.executable, "-c", nested], env={**os.environ, "LEAK": "secret-variable"})


def end(child: subprocess.Popen[bytes]) -> None:
    for pid in family(child.pid):
        os.kill(pid, 9)
    child.wait(10)


def test_an_eye_sees_grandchildren_and_forgets_the_dead(sleeper: subprocess.Popen[bytes]) -> None:
    eye = Eye(os.getpid())

    def seen() -> bool:
        eye.look()
        return any(b"\0secret-argument" in command for command in eye.commands)

    try:
        until(seen)
        assert any(b"LEAK=secret-variable" in found for found in eye.environments)
        _child, grandchild = family(sleeper.pid)
        assert read(f"/proc/{grandchild}/cmdline").endswith(b"secret-argument\0")
    finally:
        end(sleeper)
    until(lambda: read(f"/proc/{grandchild}/cmdline") == b"")


def test_a_watch_sees_an_orphan(tmp_path: Path) -> None:
    orphan = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {SLEEPER!r}, 'secret-orphan'])"
    with Watch(tmp_path) as watch:
        subprocess.run([sys.executable, "-c", orphan], check=True, timeout=30)
        until(lambda: any(b"secret-orphan" in read(f"/proc/{pid}/cmdline") for pid in family(os.getpid())))
        watch.wait()
        (pid,) = (pid for pid in family(os.getpid()) if b"secret-orphan" in read(f"/proc/{pid}/cmdline"))
        os.kill(pid, 9)
        os.waitpid(pid, 0)
    assert b"\0secret-orphan\0" in watch.commands  # itself, not the program text of who started it
    assert watch.looks > 5
    assert watch.seconds > 0


def test_an_eye_sees_a_process_become_another_program(tmp_path: Path) -> None:
    begin = tmp_path / "begin"
    waits = f"while [ ! -e {begin} ]; do sleep 0.01; done; exec sleep 31 31"
    with subprocess.Popen(["sh", "-c", waits]) as child:
        eye = Eye(os.getpid())
        eye.look()
        assert not any(b"sleep\00031" in command for command in eye.commands)
        eye._since[child.pid] -= 3600  # no longer young: it is still read again, only more seldom
        begin.touch()
        until(lambda: (eye.look(), any(b"sleep\00031" in command for command in eye.commands))[1])
        child.kill()


def test_a_family_goes_across_sessions() -> None:
    apart = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {SLEEPER!r}], start_new_session=True)"
    child = subprocess.Popen([sys.executable, "-c", apart])
    try:
        until(lambda: len(family(child.pid)) == 2)
        first, second = family(child.pid)
        assert (first, parent(second), os.getsid(second)) == (child.pid, child.pid, second)
    finally:
        end(child)
    assert family(child.pid) == [child.pid]


def test_an_eye_does_not_look_at_others(sleeper: subprocess.Popen[bytes]) -> None:
    eye = Eye(os.getpid())
    try:
        eye.look()
        assert sleeper.pid in eye._since
        assert not {1, parent(os.getpid()), os.getpid()} & eye._since.keys()
    finally:
        end(sleeper)


def test_what_is_gone_is_empty() -> None:
    assert read("/proc/4194305/cmdline") == b""
    assert parent(4194305) == 0
