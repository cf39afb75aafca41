# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""Helm's records of one release as facts, without values or manifests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._k8s.client import KubeClient
from .chart import from_label
from .release_state import CHART_LABEL, History, Revision, release_app_version, release_chart
from .release_wanted import load_history, load_record

Json = dict[str, Any]


def read_base(client: KubeClient, namespace: str, release: str) -> Json:
    """The decoded record of the revision that runs, or that the next upgrade starts from; empty where there is none.

    Raises:
        HubError: E-HELM-13 for a record that cannot be read; E-K8S-*.
    """
    return load_record(client, namespace, load_history(client, namespace, release).base)


def read_facts(client: KubeClient, namespace: str, release: str) -> Json:
    """The facts about one release.

    Raises:
        HubError: E-HELM-13 for a record that cannot be read; E-K8S-*.
    """
    history = load_history(client, namespace, release)
    return facts(history, load_record(client, namespace, history.newest))


def facts(history: History, record: Mapping[str, Any]) -> Json:
    """The documented return values."""
    newest = history.newest
    return {
        "exists": newest is not None,
        "status": newest.status if newest else "absent",
        "revision": newest.number if newest else 0,
        "since": _time(newest),
        "chart": release_chart(record) if record else "",
        "app_version": release_app_version(record),
        "chart_sha256": from_label(newest.labels.get(CHART_LABEL, "").partition(".")[0]) if newest else "",
        "layers": sorted(newest.layers) if newest else [],
        "digest": newest.digest if newest else "",
        "history": [
            {"revision": item.number, "status": item.status, "since": _time(item)} for item in history.revisions
        ],
    }


def _time(revision: Revision | None) -> str:
    return "" if revision is None or revision.since is None else revision.since.isoformat(timespec="seconds")
