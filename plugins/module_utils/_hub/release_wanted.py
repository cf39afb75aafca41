# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""What is wanted of a release, and the one look that mostly is all there is to do.

The no-op is the usual run, so this file imports little: everything that plans, writes or waits is in :mod:`.release`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .._core.errors import HubError
from .._core.plan import Plan
from .._core.redact import SHORTEST_SECRET
from .._k8s.client import KubeClient
from .chart import ChartRef, Kind, expected_digest, parse_reference
from .chart_digest import chart_path, digest_of_path
from .pending import Policy
from .release_inputs import Inputs, effective_values, fingerprint
from .release_state import APP_VERSION, CHART_NAME, History, Revision, decode, read_history, release_selector

Json = dict[str, Any]


@dataclass(frozen=True)
class Wanted:
    """The options of ``state: present``, checked and complete."""

    release: str
    namespace: str
    chart: ChartRef
    chart_sha256: str
    values: Json
    values_root: str
    layers: tuple[str, ...]
    drop_layers: tuple[str, ...]
    secrets: Mapping[str, str]
    timeout: float
    policy: Policy
    max_age: float
    check_drift: bool
    create_namespace: bool
    front_foretold: bool

    @classmethod
    def from_options(cls, options: Mapping[str, Any]) -> Wanted:
        """From the module's options.

        Raises:
            HubError: E-CHART-02 for a chart that is not pinned, E-HELM-18 for a secret that cannot be masked.
        """
        return cls(
            release=options["release_name"],
            namespace=options["namespace"],
            chart=parse_reference(options["chart_ref"], options["chart_version"] or ""),
            chart_sha256=options["chart_sha256"] or "",
            values=options["values"] or {},
            values_root=options["values_root"] or "",
            layers=tuple(options["layers"] or ()),
            drop_layers=tuple(options["drop_layers"] or ()),
            secrets=read_secrets(options["secrets"] or {}),
            timeout=float(options["timeout"]),
            policy=Policy(options["pending_policy"]),
            max_age=float(options["pending_max_age"]),
            check_drift=options["drift"] == "check",
            create_namespace=options["create_namespace"],
            front_foretold=options["front_foretold"],
        )


@dataclass
class Done:
    """What a run found and did; the module turns it into its return values."""

    changed: bool
    status: str = ""
    revision: int = 0
    chart: str = ""
    app_version: str = ""
    digest: str = ""
    plan: Plan = field(default_factory=lambda: Plan({}, {}))
    hooks: list[Json] = field(default_factory=list)
    unchecked: list[str] = field(default_factory=list)
    restarts: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    pods: list[Json] = field(default_factory=list)
    recovered: str = ""
    warnings: list[str] = field(default_factory=list)

    def as_dict(self) -> Json:
        """The module's documented return values."""
        return {
            "status": self.status or "absent",
            "revision": self.revision,
            "chart": self.chart,
            "app_version": self.app_version,
            "digest": self.digest,
            "plan": [step.as_dict() for step in self.plan.steps],
            "plan_summary": self.plan.summary(),
            "reason": self.plan.reason,
            "hooks": self.hooks,
            "not_server_checked": self.unchecked,
            "restarts": self.restarts,
            "kept": self.kept,
            "pods": self.pods,
            "recovered": self.recovered,
        }


def secrets_path(namespace: str, name: str = "") -> str:
    """The path of a Secret, or of all of a namespace."""
    return f"/api/v1/namespaces/{namespace}/secrets" + (f"/{name}" if name else "")


def load_history(client: KubeClient, namespace: str, release: str) -> History:
    """One read: the metadata of Helm's records of one release."""
    return read_history(client.list(secrets_path(namespace), release_selector(release), metadata_only=True))


def load_record(client: KubeClient, namespace: str, revision: Revision | None) -> Json:
    """What Helm wrote down about a revision; empty where there is none.

    Raises:
        HubError: E-HELM-13 for a record that cannot be read; E-K8S-*.
    """
    stored = client.get(secrets_path(namespace, revision.secret)) if revision is not None else None
    return decode(stored) if stored is not None else {}


def read_secrets(given: Mapping[str, Any]) -> dict[str, str]:
    """Option ``secrets``: texts of a length that can be masked; an empty one counts as not given.

    Raises:
        HubError: E-HELM-18.
    """
    for name, value in given.items():
        if value not in (None, "") and (not isinstance(value, str) or len(value) < SHORTEST_SECRET):
            raise HubError(
                "E-HELM-18",
                f"The secret {name} is not a text of at least {SHORTEST_SECRET} characters",
                f"set {name} to the secret itself; a shorter one could be guessed and cannot be kept out of logs",
            )
    return {name: value for name, value in given.items() if value not in (None, "")}


def read_inputs(wanted: Wanted) -> Inputs:
    """Everything the release is made from; reads a chart's files, but nothing from the network."""
    mark = fingerprint(wanted.secrets, wanted.namespace, wanted.release)
    digest = expected_digest(wanted.chart, wanted.chart_sha256, "").sha256
    if wanted.chart.kind is Kind.PATH:
        digest = digest_of_path(chart_path(wanted.chart.ref))
    return Inputs(
        release=wanted.release,
        namespace=wanted.namespace,
        chart=wanted.chart,
        chart_digest=digest,
        values=effective_values(wanted.values, wanted.values_root, mark),
        layers=wanted.layers,
        fingerprint=mark,
    )


def as_found(history: History) -> Done:
    """The result of a run that does nothing."""
    plan = Plan({}, {}, (), "the release is as wanted")
    newest = history.newest
    if newest is None:
        return Done(False, plan=plan)
    return Done(
        changed=False,
        status=newest.status,
        revision=newest.number,
        chart=newest.annotations.get(CHART_NAME, ""),
        app_version=newest.annotations.get(APP_VERSION, ""),
        digest=newest.digest,
        plan=plan,
    )
