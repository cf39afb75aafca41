# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``LAB_KUBECONFIG=...``: somebody's own cluster instead of the lab. No services, only kubeconfig and Helm."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from labkit import build, labs
from labkit.say import LabError, say


def kubeconfig() -> str:
    """Absolute path of the kubeconfig that was given; empty when the lab is meant.

    `lab exec` sets LAB_KUBECONFIG too, to the lab's own: that one means the lab.
    """
    given = os.environ.get("LAB_KUBECONFIG", "")
    if not given or Path(given) in [lab.kubeconfig for lab in labs.known()]:
        return ""
    return str(Path(given).absolute())


def up() -> None:
    path = kubeconfig()
    if not Path(path).is_file():
        raise LabError(
            f"E-LAB-KUBECONFIG  LAB_KUBECONFIG names {path}, which is no file. Nothing was changed. "
            "Do: correct the path."
        )
    facts()
    say(f"using the cluster of {path}; the lab is not started")


def facts() -> dict[str, str]:
    """What `lab env` tells: the kubeconfig, and Helm from the PATH or, without one, built."""
    found = shutil.which("helm") or str(build.helm(labs.cache_directory(), build.helm_major()))
    return {"name": "", "kubeconfig": kubeconfig(), "helm": found, "kubectl": shutil.which("kubectl") or ""}


def execute(command: Sequence[str]) -> NoReturn:
    """The command with KUBECONFIG set, in the host's own network."""
    environment = (
        os.environ | {f"LAB_{key.upper()}": value for key, value in facts().items()} | {"KUBECONFIG": kubeconfig()}
    )
    try:
        os.execvpe(command[0], list(command), environment)
    except FileNotFoundError as error:
        raise LabError(f"E-LAB-CMD  There is no command {command[0]!r} on the PATH. Do: check its spelling.") from error
