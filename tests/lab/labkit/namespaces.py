# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Namespaces and mounts through libc (Python 3.11 has no os.unshare and os.setns; 3.12 has)."""

from __future__ import annotations

import ctypes
import os
from contextlib import suppress
from pathlib import Path

from labkit.paths import Lab

CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWNET = 0x00020000, 0x20000000, 0x40000000
MS_NOSUID, MS_NODEV, MS_BIND, MS_REC, MS_PRIVATE, MS_SHARED = 0x2, 0x4, 0x1000, 0x4000, 0x40000, 0x100000

# What kubelet wants to see of the kernel. It would set these for the whole machine; in the lab it sees these files.
KERNEL_SETTINGS = {
    "vm/overcommit_memory": "1",
    "vm/panic_on_oom": "0",
    "kernel/panic": "10",
    "kernel/panic_on_oops": "1",
    "kernel/keys/root_maxkeys": "1000000",
    "kernel/keys/root_maxbytes": "25000000",
}
PRIVATE = (
    "/run",
    "/var/lib",
    "/var/log",
)  # the lab writes there (fixed paths of kubelet, CNI, containerd); the host must not see it

_libc = ctypes.CDLL(None, use_errno=True)


def _check(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def unshare(flags: int) -> None:
    _check(_libc.unshare(flags), "unshare")


def enter(namespace: int) -> None:
    """Join the namespace behind a file descriptor of /proc/PID/ns/KIND."""
    _check(_libc.setns(namespace, 0), "setns")


def mount(source: str, target: str | Path, kind: str = "", flags: int = 0, data: str = "") -> None:
    words = [ctypes.c_char_p(word.encode() if word else None) for word in (source, str(target), kind, data)]
    _check(_libc.mount(words[0], words[1], words[2], ctypes.c_ulong(flags), words[3]), f"mount {target}")


def bind(source: str | Path, target: str | Path) -> None:
    mount(str(source), target, flags=MS_BIND | MS_REC)


def bind_file(source: Path, target: Path) -> None:
    """Show ``source`` where ``target`` is (through a symbolic link to the real place; made if it is not there)."""
    real = Path(os.path.realpath(target))
    if not real.exists():
        real.parent.mkdir(parents=True, exist_ok=True)
        real.touch()
    bind(source, real)


def make_private() -> None:
    """From here on, mounts of this namespace are its own."""
    mount("none", "/", flags=MS_REC | MS_PRIVATE)


def _kept(lab: Lab, python: str) -> list[Path]:
    """Directories the lab's parts need although they may lie below one that becomes private."""
    wanted = [lab.state, lab.cache, lab.source, Path(python)]
    return [path for path in dict.fromkeys(wanted) if any(path.is_relative_to(top) for top in PRIVATE)]


def set_up_mounts(lab: Lab, python: str) -> None:
    """The lab's view of the file system; called by the supervisor in its new mount and pid namespaces.

    ``/run``, ``/var/lib`` and ``/var/log`` are its own; what must stay visible is bound back. A crash of the lab
    therefore looks like a reboot of the node to containerd and kubelet, a thing both know how to recover from.
    """
    make_private()
    mount("none", "/", flags=MS_REC | MS_SHARED)  # pods may ask for mount propagation
    mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV)
    kept = [(path, os.open(path, os.O_PATH)) for path in _kept(lab, python)]
    for top in PRIVATE:
        mount("tmpfs", top, "tmpfs", MS_NOSUID, "mode=755,size=256m")
    for path, descriptor in kept:
        path.mkdir(parents=True, exist_ok=True)
        bind(f"/proc/self/fd/{descriptor}", path)
        os.close(descriptor)
    for name in ("kubelet", "varlog"):
        (lab.state / name).mkdir(exist_ok=True)
    Path("/var/lib/kubelet").mkdir()
    bind(lab.state / "kubelet", "/var/lib/kubelet")
    bind(lab.state / "varlog", "/var/log")
    settings = Path("/run/lab-sysctl")
    for name, value in KERNEL_SETTINGS.items():
        shown = settings / name
        shown.parent.mkdir(parents=True, exist_ok=True)
        shown.write_text(value + "\n")
        with suppress(OSError):  # a kernel without that setting
            bind(shown, Path("/proc/sys") / name)
    bind_file(lab.resolv_conf, Path("/etc/resolv.conf"))
    bind_file(lab.etc / "hosts", Path("/etc/hosts"))
