# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# /// script
# dependencies = ["nox>=2025.2.9", "antsibull-nox>=1.10.0"]
# ///
"""Sessions for nox, all from antsibull-nox.toml. CI runs `make test`: nox fetches collections from the network."""

import sys

import nox

try:
    import antsibull_nox
except ImportError:
    sys.exit("antsibull-nox is missing. Do: python3 -m pip install antsibull-nox")

antsibull_nox.load_antsibull_nox_toml()

if __name__ == "__main__":
    nox.main()
