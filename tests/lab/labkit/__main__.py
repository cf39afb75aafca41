# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Start of tests/lab/lab; kept free of new syntax, so that an old Python can still say what is wrong."""

import sys
from pathlib import Path

if sys.version_info < (3, 11):
    sys.exit("E-LAB-PYTHON  The lab needs Python 3.11 or later as python3. Do: use Debian 12 or later.")

# Run by the folder's name, Python would look for modules inside of the package.
sys.path[0] = str(Path(__file__).resolve().parents[1])

from labkit.cli import main  # noqa: E402  (the path above comes first)

if __name__ == "__main__":
    sys.exit(main())
