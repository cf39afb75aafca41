# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lets the lab's tests import labkit and their own helpers, which are no part of the collection's Python packages."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE / "google")]
# The collection itself, from where the runner has put it.
sys.path += [place for place in os.environ.get("ANSIBLE_COLLECTIONS_PATH", "").split(os.pathsep) if place]


@pytest.fixture(scope="session")
def chart() -> Path:
    """The lab's chart."""
    return HERE / "charts" / "jupyterhub"


@pytest.fixture(scope="session")
def all_values() -> dict[str, Any]:
    """Values that touch every option of the chart; the unit tests hold them against z2jh's schema."""
    path = HERE.parent / "unit" / "lab_chart" / "all-values.yaml"
    found: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return found


@pytest.fixture(scope="session")
def helm() -> str:
    """The helm that a lab would have: LAB_HELM where that is a path, else the lab's own of the major it chooses."""
    from labkit import build, labs

    given = os.environ.get("LAB_HELM", "")
    return given if "/" in given else str(build.helm(labs.cache_directory(), build.helm_major()))


@pytest.fixture(scope="session")
def documents(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The discovery documents of the installed google-api-python-client, cut down for the stand-in for Google."""
    import googleapiclient.discovery
    from standin.discovery import cut_all

    target = tmp_path_factory.mktemp("documents")
    cut_all(Path(googleapiclient.discovery.__file__).parent / "discovery_cache" / "documents", target)
    return target


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The services of a lab, see ``test_services_support.target``."""
    from test_services_support import target

    with ExitStack() as stack:  # pylint takes a plain `with` around a yield for one that is never left
        yield stack.enter_context(target(tmp_path_factory.mktemp("lab")))
