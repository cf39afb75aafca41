# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Start of tests/run; kept free of new syntax, so that an old Python can still say what is wrong."""

import sys
from pathlib import Path

if sys.version_info < (3, 11):
    sys.exit(
        f"tests/run needs Python 3.11 or later; this is {sys.version.split()[0]} ({sys.executable}). "
        "Do: install python3.11."
    )

sys.path[0] = str(Path(__file__).resolve().parents[1])

from runner.cli import main  # noqa: E402  (the path above comes first)

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
