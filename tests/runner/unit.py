# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""pytest over tests/unit: the newest ansible-core on the newest Python, then the oldest on the oldest with the
lowest allowed libraries; then tests/hub_image, what runs inside a hub, with exactly the packages of the hub image.

What no version changes is marked ``once`` and runs with the first of them only; ``make nightly`` runs all everywhere.
"""

from __future__ import annotations

import os
from pathlib import Path

from . import content, environments, paths, results
from .environments import Environment
from .process import Failure
from .tiers import Tier, expected

MINUTES = 8.0
HUB_MINUTES = 1.0


def tier(names: tuple[str, ...] = ("newest", "oldest")) -> Tier:
    """Run the unit tests in both corners of the matrix and say which they were; then those of the hub image."""
    made = Tier("unit", expected(MINUTES * len(names) / 2) + HUB_MINUTES)
    for name in names:
        wanted = _ready(made, name)
        if wanted is not None:
            label = f"core {wanted.core} Python {wanted.python}"
            env = environments.variables(wanted, content.linked(wanted))
            again = name != names[0] and not os.environ.get("NIGHTLY")
            _pytest(made, wanted, label, "tests/unit", env, 2, marked="not once" if again else "")
    wanted = _ready(made, "hub")
    if wanted is not None:
        # pytest makes the checkout importable by itself: there are no collections to install without Ansible
        label = f"hub image's packages Python {wanted.python}"
        _pytest(made, wanted, label, "tests/hub_image", environments.bare(wanted), 0)
    return made


def _ready(made: Tier, name: str) -> Environment | None:
    """The environment, installed; None, and a failure noted, when it cannot be made."""
    try:
        wanted = environments.ready(name)
        if wanted.core:
            content.linked(wanted)
    except Failure as error:
        made.note_failure(name, str(error))
        return None
    return wanted


def _pytest(
    made: Tier, wanted: Environment, label: str, folder: str, env: dict[str, str], workers: int, *, marked: str = ""
) -> None:
    report = paths.BUILD / "junit" / f"unit-{wanted.name}.xml"
    argv: list[str | Path] = [wanted.bin / "python", "-m", "pytest", folder, "--quiet", f"--junitxml={report}"]
    argv += [f"--numprocesses={workers}"] if workers else []
    argv += ["-m", marked] if marked else []
    made.step(label, argv, env=env, cwd=paths.ROOT, judge=results.junit(report))
