# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person reads while the lab works, and the error that ends it."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

HEARTBEAT = 60.0  # seconds between lines of one long step


class LabError(RuntimeError):
    """Ends a verb: one text for a person, in the collection's form (id, what, seen, changed or not, one ``Do:``)."""


_LOCK = threading.Lock()


def say(text: str) -> None:
    """One progress line on standard error (standard output belongs to what a verb was asked for)."""
    with _LOCK:
        print(f"[lab] {text}", file=sys.stderr, flush=True)


@contextmanager
def step(text: str) -> Iterator[None]:
    """Time a long step: a line when it begins, one a minute while it lasts, one with the seconds at its end."""
    began, done = time.monotonic(), threading.Event()

    def beat() -> None:
        while not done.wait(HEARTBEAT):
            say(f"{text} ... still at it, {time.monotonic() - began:.0f} s")

    say(f"{text} ...")
    watcher = threading.Thread(target=beat, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()
    say(f"{text} ... {time.monotonic() - began:.0f} s")


def run(
    argv: Sequence[str | Path],
    *,
    limit: float,
    log: Path | None = None,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    do: str = "read the text above",
) -> None:
    """Run a command to its end within ``limit`` seconds; its output goes to ``log`` (appended), its end into an error.

    Raises LabError with the last lines of the output.
    """
    words = [str(word) for word in argv]
    try:
        done = subprocess.run(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=limit,
            cwd=cwd,
            env=env,
            check=False,
        )
    except FileNotFoundError as error:
        raise LabError(f"E-LAB-CMD  {words[0]} is not there ({error.strerror}). Do: {do}.") from error
    except subprocess.TimeoutExpired as error:
        raise LabError(f"E-LAB-TIME  `{' '.join(words[:4])}` did not end within {limit:.0f} s. Do: {do}.") from error
    if log is not None:
        with log.open("a", encoding="utf-8") as file:
            file.write(f"$ {' '.join(words)}\n{done.stdout}\n")
    if done.returncode != 0:
        tail = "\n".join(done.stdout.strip().splitlines()[-8:])
        where = f" (all of it: {log})" if log else ""
        raise LabError(f"E-LAB-CMD  `{' '.join(words[:4])}` ended with {done.returncode}{where}:\n{tail}\nDo: {do}.")
