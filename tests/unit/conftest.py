# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes the checkout importable under its real name, ansible_collections.researchops.jupyterhub, in whatever
environment pytest runs.
"""

from __future__ import annotations

import atexit
import importlib
import os
import shutil
import sys
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = "ansible_collections.researchops.jupyterhub"


def _importable() -> bool:
    try:
        package = importlib.import_module(PACKAGE)
    except ImportError:
        return False
    return any(Path(place).resolve() == ROOT for place in package.__path__)


def _place() -> Path:
    """Return the folder to put on the import path: the one tests/run made, or a temporary one with a link in it."""
    given = os.environ.get("ANSIBLE_COLLECTIONS_PATH", "")
    for folder in given.split(os.pathsep):
        if folder and (Path(folder) / "ansible_collections" / "researchops" / "jupyterhub").resolve() == ROOT:
            return Path(folder)
    top = Path(tempfile.mkdtemp(prefix="jupyterhub-collection-"))
    atexit.register(shutil.rmtree, top, ignore_errors=True)
    link = top / "ansible_collections" / "researchops" / "jupyterhub"
    link.parent.mkdir(parents=True)
    link.symlink_to(ROOT)
    return top


if not _importable():
    for name in [name for name in sys.modules if name.partition(".")[0] == "ansible_collections"]:
        del sys.modules[name]
    sys.path.insert(0, str(_place()))
    importlib.invalidate_caches()
    if not _importable():
        sys.exit(
            f"{PACKAGE} cannot be imported from this checkout; "
            "run the tests by: tests/run exec --env newest -- pytest tests/unit"
        )


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The files of a CA, and of certificate and key of ``localhost``; slow to make, and nobody changes them."""
    from ansible_collections.researchops.jupyterhub.tests.unit.fake_hub import make_certificates

    return make_certificates(tmp_path_factory.mktemp("pki"))
