# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where things live. Nothing but build/ is ever written inside the work tree."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"
LOGS = BUILD / "logs"
NAMESPACE = "researchops"
NAME = "jupyterhub"


def cache() -> Path:
    """Return the folder for everything that may be kept between runs and shared by checkouts."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "researchops-jupyterhub"


def checkout_cache() -> Path:
    """Return the folder for what belongs to this checkout alone (two clones must not see each other's code)."""
    return cache() / "trees" / hashlib.sha256(str(ROOT).encode()).hexdigest()[:12]
