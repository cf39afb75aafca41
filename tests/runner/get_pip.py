# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stands where ansible-test keeps its downloaded get-pip script, so that its virtual environments get pip from
Python itself.

ansible-test runs it with pip's own options and package pins; ensurepip puts pip there, pip then installs what is
asked for.
"""

from __future__ import annotations

import os
import subprocess
import sys

FOREIGN = ("--no-setuptools", "--no-wheel")


def main() -> int:
    """Install pip into this interpreter's environment, then the packages named on the command line."""
    os.environ.pop("GET_PIP", None)
    # in a process of its own: ensurepip switches pip's configuration off for the process it runs in
    subprocess.run([sys.executable, "-m", "ensurepip", "--default-pip"], stdout=subprocess.DEVNULL, check=True)
    wanted = [word for word in sys.argv[1:] if word not in FOREIGN]
    return subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", *wanted], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
