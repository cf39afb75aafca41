# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""Tunnels as they are on this machine: one private folder each, a process that holds its lock, and what is left over.

Whoever can take the lock of a folder knows that its supervisor is gone: the kernel drops a lock with its process. The
lock is taken before the supervisor starts and handed down to it, so there is no moment in which a folder looks dead.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from .._core.clock import Clock
from .._core.errors import HubError
from .._core.files import write_private
from .._k8s.access import unwritable
from .controller import Process
from .settings import Observed

Json = dict[str, Any]

FOLDER = ".tunnels"
"""Beside the hubs' folders; no hub's name starts with a dot."""
LOCK_TIMEOUT = 60.0
"""Seconds to wait for another play of this user that starts or ends a tunnel."""
STOP_TIMEOUT = 10.0
"""Seconds a supervisor gets to end by itself."""
ENVIRONMENT = (
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "LANG",
    "TMPDIR",
    "SSH_",
    "LC_",
    "XDG_",
    "GCE_",
    "GOOGLE_",
    "CLOUDSDK_",
    "KRB5",
)
NETWORK = ("HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "SSL_CERT_", "REQUESTS_CA_BUNDLE")
"""What a tunnel gets of this process's environment (the second line: in capitals or not, for the way to IAP)."""
PROXY_COMMANDS = frozenset(
    {
        "AWS_PROFILE",
        "AWS_DEFAULT_PROFILE",
        "AWS_REGION",
        "AWS_DEFAULT_REGION",
        "AWS_CONFIG_FILE",
        "AWS_SHARED_CREDENTIALS_FILE",
        "AWS_CA_BUNDLE",
        "TELEPORT_HOME",
        "TELEPORT_PROXY",
        "TELEPORT_CLUSTER",
        "TELEPORT_USER",
        "TELEPORT_LOGIN",
        "TELEPORT_IDENTITY_FILE",
    }
)
"""Names that say where credentials are, for the ProxyCommand of a person's own ssh configuration (aws ssm, tsh).
Whole names: keys, tokens and passwords themselves begin in the same way, and are not handed to a process that stays."""


@dataclass(frozen=True)
class Start:
    """What a new tunnel is made of.

    Attributes:
        config: the supervisor's configuration; ``digest`` in it names the settings.
        files: further private files by name.
    """

    config: Json
    files: Mapping[str, str]


def source_of(module: ModuleType) -> str:
    """A module's own text, from a directory or from the archive Ansible sends."""
    spec = module.__spec__
    loader: Any = spec.loader if spec else None
    return str(loader.get_source(module.__name__))


def passed_on(environ: Mapping[str, str]) -> dict[str, str]:
    """The part of an environment that ssh and the relay need; the rest may hold secrets of other tasks."""
    return {
        name: value
        for name, value in environ.items()
        if name.startswith(ENVIRONMENT) or name.upper().startswith(NETWORK) or name in PROXY_COMMANDS
    }


class Tunnels:
    """All tunnels of this user."""

    def __init__(self, base: str, clock: Clock) -> None:
        """Look at nothing yet.

        Args:
            base: the directory of the hubs' private folders.
            clock: where time comes from.
        """
        self._base = os.path.join(base, FOLDER)
        self._clock = clock

    def place(self, hub: str, process: Process) -> str:
        """The folder of a hub's tunnel in one play; plays never share one, because each ends its own."""
        mark = hashlib.sha256(f"{process.pid} {process.started}".encode()).hexdigest()[:12]
        return os.path.join(self._base, f"{hub}-{mark}")

    @contextlib.contextmanager
    def exclusive(self) -> Iterator[None]:
        """Nobody else of this user starts, ends or sweeps meanwhile.

        Raises:
            HubError: E-ACCESS-15 for a folder that cannot be written, E-TUNNEL-08 when another play takes too long.
        """
        try:
            os.makedirs(self._base, mode=0o700, exist_ok=True)
            os.chmod(self._base, 0o700)
            descriptor = os.open(os.path.join(self._base, "lock"), os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as problem:
            raise unwritable(self._base, problem) from problem
        try:
            end = self._clock.monotonic() + LOCK_TIMEOUT
            while not _taken(descriptor):
                if self._clock.monotonic() >= end:
                    raise HubError(
                        error_id="E-TUNNEL-08",
                        what=f"Another play has kept {self._base} locked for {LOCK_TIMEOUT:.0f} s",
                        do="end that play (fuser shows it), then run again",
                    )
                self._clock.sleep(0.1)
            yield
        finally:
            os.close(descriptor)

    def sweep(self) -> list[str]:
        """Remove what killed supervisors left: sockets' folders, kubeconfigs that lead nowhere. Call it exclusively."""
        removed = []
        for name in sorted(self._names()):
            path = os.path.join(self._base, name)
            if not alive(path):
                shutil.rmtree(path, ignore_errors=True)
                removed.append(path)
        return removed

    def _names(self) -> list[str]:
        with contextlib.suppress(OSError):
            return [entry.name for entry in os.scandir(self._base) if entry.is_dir(follow_symlinks=False)]
        return []

    def observe(self, path: str) -> Observed:
        """The tunnel of a folder."""
        if not alive(path):
            return Observed()
        return Observed(True, str(read(path, "config.json").get("digest", "")), str(status(path).get("state", "")))

    def start(self, path: str, wanted: Start) -> None:
        """Start a supervisor; returns before the tunnel is ready. Call it exclusively.

        Raises:
            HubError: E-ACCESS-15 for a folder that cannot be written.
        """
        shutil.rmtree(path, ignore_errors=True)
        try:
            os.makedirs(path, mode=0o700)
            for name, text in {**wanted.files, "config.json": json.dumps(wanted.config)}.items():
                write_private(os.path.join(path, name), text)
            lock = os.open(os.path.join(path, "lock"), os.O_RDWR | os.O_CREAT, 0o600)
            log = os.open(os.path.join(path, "log"), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        except OSError as problem:
            shutil.rmtree(path, ignore_errors=True)
            raise unwritable(path, problem) from problem
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            started = subprocess.Popen(  # pylint: disable=ansible-bad-function  # it outlives the module
                [sys.executable, "-I", "-B", os.path.join(path, "supervisor.py"), path],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=(lock,),
                start_new_session=True,  # an interrupt from the keyboard is for the play, which then ends us
                cwd="/",
                env=passed_on(os.environ),
            )
            try:
                write_private(os.path.join(path, "pid"), str(started.pid))
            except FileNotFoundError:
                pass  # it has ended already, and its folder with it
            except OSError as problem:  # without its number nobody could end it
                started.kill()
                started.wait()
                shutil.rmtree(path, ignore_errors=True)
                raise unwritable(path, problem) from problem
        finally:
            os.close(lock)
            os.close(log)

    def stop(self, path: str) -> None:
        """End a supervisor and remove its folder. Call it exclusively."""
        pid = pid_of(path)
        for number in (signal.SIGTERM, signal.SIGKILL):
            if pid and alive(path):  # while the lock is held, that number is the supervisor's
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)
            end = self._clock.monotonic() + STOP_TIMEOUT
            while alive(path) and self._clock.monotonic() < end:
                self._clock.sleep(0.05)
        shutil.rmtree(path, ignore_errors=True)


def alive(path: str) -> bool:
    """Whether a folder's supervisor lives."""
    try:
        descriptor = os.open(os.path.join(path, "lock"), os.O_RDWR)
    except OSError:
        return False
    try:
        return not _taken(descriptor)
    finally:
        os.close(descriptor)


def pid_of(path: str) -> int:
    """The supervisor of a folder; 0 when none was started."""
    try:
        with open(os.path.join(path, "pid"), encoding="ascii") as stream:
            return int(stream.read())
    except (OSError, ValueError):
        return 0


def status(path: str) -> Json:
    """What a supervisor wrote last; its end is a state of its own."""
    found = read(path, "status.json")
    if found.get("state") != "failed" and not alive(path):
        return {"state": "gone", "reason": last_words(path)}
    return found


def last_words(path: str) -> str:
    """The last line of a supervisor's log; empty when there is none."""
    with contextlib.suppress(OSError), open(os.path.join(path, "log"), encoding="utf-8", errors="replace") as stream:
        lines = [line.strip() for line in stream.read().splitlines() if line.strip()]
        return lines[-1][:300] if lines else ""
    return ""


def read(path: str, name: str) -> Json:
    """A JSON file of a folder; empty when it is not there (yet)."""
    try:
        with open(os.path.join(path, name), encoding="utf-8") as stream:
            found = json.load(stream)
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _taken(descriptor: int) -> bool:
    """Take a lock, if nobody else has it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
