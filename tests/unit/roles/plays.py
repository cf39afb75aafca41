# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Roles of this collection, run by a real ansible-playbook on this machine alone."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ansible_collections.researchops.jupyterhub.tests.unit.tls_server import Server, serving


def played(
    folder: Path, tasks: list[dict[str, Any]], *given: str, book: str = "play.yml", code: int = 0, **keywords: Any
) -> str:
    """What a playbook of these tasks prints.

    Args:
        folder: where it is run.
        tasks: its tasks.
        given: what the command line has besides, such as ``-e`` and a variable.
        book: the playbook's path, below the folder; where relative paths of modules of Ansible's own start.
        code: how it must end; 2 is a task that failed.
        keywords: what the play has besides, such as ``vars``.
    """
    play = {"hosts": "localhost", "gather_facts": False, "connection": "local", "tasks": tasks, **keywords}
    (folder / book).parent.mkdir(exist_ok=True)
    (folder / book).write_text(json.dumps([play]), encoding="utf-8")
    environ = {name: value for name, value in os.environ.items() if not name.startswith("GCP_")}
    done = subprocess.run(
        [str(Path(sys.executable).with_name("ansible-playbook")), "-i", "localhost,", book, *given],
        env={**environ, "ANSIBLE_LOCAL_TEMP": str(folder / "local"), "ANSIBLE_PYTHON_INTERPRETER": sys.executable},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


@contextmanager
def cluster(
    folder: Path, data: dict[str, bytes], *, items: Sequence[Any] = (), **metadata: dict[str, str]
) -> Iterator[Server]:
    """An API server whose every answer is a Secret with these data, or a list of these items, and its kubeconfig."""
    secret = {
        "metadata": {"name": "s", **metadata},
        "data": {name: base64.b64encode(value).decode() for name, value in data.items()},
        "items": list(items),
    }
    with serving(folder, lambda *_request: (200, secret, {"Content-Type": "application/json"})) as server:
        kubeconfig = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "one",
            "contexts": [{"name": "one", "context": {"cluster": "c", "user": "u"}}],
            "clusters": [{"name": "c", "cluster": {"server": server.url, "certificate-authority": "ca.pem"}}],
            "users": [{"name": "u", "user": {"token": "abcdefgh"}}],
        }
        (folder / "kubeconfig").write_text(json.dumps(kubeconfig), encoding="utf-8")
        (folder / "kubeconfig").chmod(0o600)
        yield server
