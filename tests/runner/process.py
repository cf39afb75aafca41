# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Start one program, keep what it says in a log, end it with all its children when its time is over."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .paths import ROOT

GRACE_SECONDS = 10.0
#: programs that run now, whichever thread started them, and whether new ones may start
_running: set[subprocess.Popen[bytes]] = set()
_stopping = threading.Event()
PROGRESS_SECONDS = 30.0


class Failure(Exception):
    """Something the person at the terminal must know; the text is complete as it stands."""


@dataclass(frozen=True)
class Outcome:
    """How a program ended: exit code, wall time in seconds, and whether its time ran out."""

    code: int
    seconds: float
    timed_out: bool = False

    @property
    def ok(self) -> bool:
        return self.code == 0 and not self.timed_out


def say(text: str) -> None:
    """Print one line at once: several programs share the terminal."""
    print(text, flush=True)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock file beside `path`, so that two runs do not build the same thing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name(path.name + ".lock").open("w") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"           waiting: another run is making {path.name}")
            fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def last_line(log: Path, limit: int = 100) -> str:
    """Return the last line of a log that has text, shortened to `limit` characters."""
    try:
        with log.open("rb") as stream:
            stream.seek(max(0, log.stat().st_size - 4096))
            lines = stream.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return ""
    return next((line.strip()[:limit] for line in reversed(lines) if line.strip() and not line.startswith("+ ")), "")


def tail(log: Path, count: int = 40) -> list[str]:
    """Return the last `count` lines of a log."""
    try:
        return log.read_text(encoding="utf-8", errors="replace").splitlines()[-count:]
    except OSError:
        return []


def end_group(process: subprocess.Popen[bytes]) -> None:
    """End the program and all it started: first politely, after GRACE_SECONDS by force."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            return
        try:
            process.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            continue
        if number == signal.SIGTERM:
            time.sleep(0.2)  # children that outlive their parent by a moment get one, then the second round


def end_all() -> None:
    """End what every thread has started, and keep them from starting more until :func:`go_on`."""
    _stopping.set()
    for process in list(_running):
        end_group(process)


def go_on() -> None:
    """Allow programs again: the threads are gone, and what is left is to clear up."""
    _stopping.clear()


def run(
    argv: Sequence[str | Path],
    *,
    log: Path,
    timeout: float,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    label: str = "",
) -> Outcome:
    """Run a program with its output in `log` (appended) for at most `timeout` seconds.

    While it runs, one line every PROGRESS_SECONDS tells what it last said. A program that cannot be started is an
    outcome with code 127, not an exception.
    """
    if _stopping.is_set():
        raise Failure("the run is being stopped")
    log.parent.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    words = [str(word) for word in argv]
    with log.open("ab") as stream:
        stream.write(("+ " + " ".join(words) + "\n").encode())
        stream.flush()
        try:
            process = subprocess.Popen(
                words,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                env=env,
                cwd=cwd or ROOT,
                start_new_session=True,
            )
        except OSError as error:
            stream.write(f"cannot start {words[0]}: {error.strerror}\n".encode())
            return Outcome(127, time.monotonic() - started)
        _running.add(process)
        try:
            code, timed_out = _wait(process, log, started, timeout, label)
        except BaseException:
            end_group(process)
            raise
        finally:
            _running.discard(process)
        if timed_out:
            stream.write(f"\nstopped: still running after {timeout:.0f} s\n".encode())
    return Outcome(code, time.monotonic() - started, timed_out)


def _wait(process: subprocess.Popen[bytes], log: Path, started: float, timeout: float, label: str) -> tuple[int, bool]:
    told = started
    while True:
        now = time.monotonic()
        if now - started >= timeout:
            end_group(process)
            return process.returncode if process.returncode is not None else -signal.SIGKILL, True
        try:
            return process.wait(min(1.0, max(0.01, timeout - (now - started)))), False
        except subprocess.TimeoutExpired:
            pass
        if label and time.monotonic() - told >= PROGRESS_SECONDS:
            told = time.monotonic()
            say(f"           {label}: {told - started:.0f} s of at most {timeout:.0f}; {last_line(log)}")


def output(
    argv: Sequence[str | Path], *, timeout: float = 60.0, env: Mapping[str, str] | None = None, cwd: Path | None = None
) -> str:
    """Return what a short program prints; raise Failure with its own words when it does not end well."""
    words = [str(word) for word in argv]
    try:
        done = subprocess.run(
            words, stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout, env=env, cwd=cwd, check=False
        )
    except OSError as error:
        raise Failure(f"cannot start {words[0]}: {error.strerror}") from error
    except subprocess.TimeoutExpired as error:
        raise Failure(f"{' '.join(words[:3])} gave no answer within {timeout:.0f} s") from error
    if done.returncode:
        text = (done.stderr or done.stdout).decode("utf-8", "replace").strip()
        raise Failure(f"{' '.join(words[:4])} ended with {done.returncode}: {text[-1500:]}")
    return done.stdout.decode("utf-8", "replace")


def replace(argv: Sequence[str | Path], env: Mapping[str, str]) -> int:
    """Become the given program (for `exec`): its exit code and signals are the caller's."""
    words = [str(word) for word in argv]
    sys.stdout.flush()
    try:
        os.execvpe(words[0], words, dict(env))
    except OSError as error:
        raise Failure(f"cannot start {words[0]}: {error.strerror}") from error
