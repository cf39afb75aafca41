# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""All layers of a hub, in their one fixed order, and what becomes of them.

A role that contributes chart values adds one line to :data:`LAYERS`. Nothing here reads a file, a clock or a cluster:
the same variables and the same discovery document always give the same values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from . import base, environment, https, lint, oauth
from .settings import SHARED, Finding, Json, is_secret, plain, read
from .values import dig, merge_layers, overridden, override, root_path, touches, under_root

LayerFunction: TypeAlias = Callable[[Mapping[str, Any], Mapping[str, Any]], "tuple[Json | None, list[Finding]]"]

LAYERS: dict[str, LayerFunction] = {
    "z2jh": base.layer,
    "hub_https": https.layer,
    "hub_oauth": oauth.layer,
}
"""Name of the role that owns the layer, in the order in which layers are merged."""

READ = (
    SHARED
    | base.DEFAULTS
    | base.FRONT_DEFAULTS
    | {"hub_front_service_type": "LoadBalancer"}
    | https.DEFAULTS
    | oauth.DEFAULTS
)
"""What is read of the variables to judge all layers together."""

HUB_ONLY = frozenset({"cull", "hub", "prePuller", "singleuser"})
"""Keys that no parent chart has for itself."""


@dataclass(frozen=True)
class ChartValues:
    """Everything one run gives to the chart.

    Attributes:
        layers: the layers that take part, by role, in order.
        values: what the chart gets; below ``z2jh_values_root`` where that is set.
        hub: the hub's own among them, without that root.
        overridden: leaves of layers that the operator replaced, with the layer each came from.
        findings: everything that is wrong; the values are used only when there is none.
    """

    layers: dict[str, Json]
    values: Json
    hub: Json
    overridden: dict[str, str]
    findings: tuple[Finding, ...]


def judge_layer(
    name: str, variables: Mapping[str, Any], discovery: Mapping[str, Any] | None = None
) -> tuple[Json | None, list[Finding]]:
    """One role's layer and what is wrong with it; variables that hold secrets are dropped before it sees them."""
    known = {key: value for key, value in variables.items() if not is_secret(key)}
    return LAYERS[name](known, plain(discovery or {}))


def compute_layers(variables: Mapping[str, Any], discovery: Mapping[str, Any] | None = None) -> dict[str, Json]:
    """The layers that take part, by role, in order.

    Raises:
        HubError: the first finding, where a layer finds something wrong.
    """
    layers, findings = _layers(variables, discovery)
    if findings:
        raise findings[0].error()
    return layers


def chart_values(
    variables: Mapping[str, Any],
    discovery: Mapping[str, Any] | None = None,
    secrets: Mapping[str, str] | None = None,
    *,
    front: bool = False,
) -> ChartValues:
    """Layers, merged values and every finding, from the variables of one hub.

    Args:
        variables: the ``hub_*``, ``z2jh_*`` and ``letsencrypt_*`` variables; secrets among them are dropped.
        discovery: what the look-up ``oidc_discovery`` returned.
        secrets: the secrets the release will hold, by name; looked at only to find placeholders and missing ones.
        front: the role hub_front has run, so it is known by which Service people come in.
    """
    layers, findings = _layers(variables, discovery)
    settled, _seen_already = read(variables, READ)
    operator, root = settled["z2jh_values"], settled["z2jh_values_root"]
    mine = dig(operator, *root_path(root), default={})
    if not isinstance(mine, dict):
        findings.append(Finding("E-VALUES-08", "z2jh_values", f"holds no mapping below {root}", "correct z2jh_values"))
        operator, mine = {}, {}
    merged = merge_layers(layers)
    findings += _placed(environment.list_findings(merged.values, mine), mine, root)
    ours, mine = environment.with_mappings(merged.values, mine)
    final = override(ours, mine)
    findings += [finding for finding in merged.findings if not touches(finding.path, mine)]
    findings += _outside_root(operator, root) + _second_door(settled)
    findings += _lint(final, mine, settled, findings, front=front)
    findings += lint.lint_secrets(final, secrets or {})
    values = override(operator, under_root(final, root))
    return ChartValues(layers, values, final, overridden(merged.owners, mine), tuple(dict.fromkeys(findings)))


def _lint(final: Json, mine: Json, settled: Json, known: list[Finding], *, front: bool) -> list[Finding]:
    """The lint of the final values; what comes from the operator is named by the variable it came from."""
    by_callback = settled["hub_oauth_provider"] != "iap"  # nobody is sent anywhere: IAP has asked before
    context = lint.Context(
        acknowledged=settled["hub_oauth_acknowledge_open_hub"],
        callback=oauth.callback_url(settled) if settled["hub_domain"] and by_callback else "",
        chart_version=settled["z2jh_chart_version"],
        parent=bool(settled["z2jh_values_root"]),
        front=front and _by_front(settled),
    )
    decided = any(finding.error_id in ("E-OAUTH-04", "E-OAUTH-05") for finding in known)
    found = [one for one in lint.lint(final, context) if not (one.error_id == "E-OAUTH-04" and decided)]
    return _placed(found, mine, settled["z2jh_values_root"])


def _placed(findings: Iterable[Finding], mine: Json, root: str) -> list[Finding]:
    """Findings about chart values, those about the operator's own named by the variable they came from."""
    prefix = ".".join(("z2jh_values", *root_path(root)))
    return [
        replace(finding, path=f"{prefix}.{finding.path}") if touches(finding.path, mine) else finding
        for finding in findings
    ]


def _by_front(settled: Json) -> bool:
    """Whether people come in by the load balancer of our Service hub-front.

    Otherwise they do by the chart's own Service, by Google's load balancer, or by something of the operator's own,
    which may well end TLS.
    """
    balanced = settled["hub_front_service_type"] == "LoadBalancer"
    return balanced and not (_by_google(settled) or settled["hub_front_keep_proxy_public"])


def _by_google(settled: Json) -> bool:
    """Whether people come in by Google's load balancer, where Identity-Aware Proxy asks who they are."""
    return settled["hub_platform"] == "gke" and settled["hub_https_type"] in ("", *https.DOORS)


def _second_door(settled: Json) -> list[Finding]:
    """The load balancer of a hub that ran before, where it would stay open beside Google's."""
    if not (settled["hub_front_keep_proxy_public"] and _by_google(settled)):
        return []
    return [
        Finding(
            "E-FRONT-12",
            "hub_front_keep_proxy_public",
            "keeps the chart's own load balancer open, past Identity-Aware Proxy",
            "take it out: the name moves to Google's load balancer, and the old address is given back",
        )
    ]


def _layers(variables: Mapping[str, Any], discovery: Mapping[str, Any] | None) -> tuple[dict[str, Json], list[Finding]]:
    layers: dict[str, Json] = {}
    findings: list[Finding] = []
    for name in LAYERS:
        values, wrong = judge_layer(name, variables, discovery)
        findings += [finding for finding in wrong if finding not in findings]
        if values is not None:
            layers[name] = values
    return layers, findings


def _outside_root(operator: Json, root: str) -> list[Finding]:
    """Values for a parent chart that lie beside its key although they are meant for the hub."""
    if not root:
        return []
    return [
        Finding(
            "E-VALUES-01",
            f"z2jh_values.{key}",
            f"lies beside {root}, where the parent chart does not look for it",
            f"move it to z2jh_values.{root}.{key}",
        )
        for key in sorted((set(operator) & HUB_ONLY) - set(root_path(root)[:1]))
    ]
