# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Lookup: whether a chart reference names exactly one chart, and the pinned one."""

from __future__ import annotations

DOCUMENTATION = """
name: chart_check
short_description: Check the reference, version and digest of a chart
version_added: 0.1.0
author: researchops.jupyterhub contributors (@researchops)
description:
  - Checks that reference and version name exactly one chart, and for a path that the chart is there and has its digest.
  - Nothing is downloaded; M(researchops.jupyterhub.hub_release) checks a downloaded chart before it is used.
options:
  _terms:
    description: The chart, as a path, C(https://REPOSITORY/CHART) or C(oci://REGISTRY/CHART).
    type: list
    elements: str
    required: true
  version:
    description: The exact version; may be empty for a path.
    type: str
    default: ""
  sha256:
    description: The digest the chart must have. Empty leaves the word to the collection's list of digests.
    type: str
    default: ""
  read_values:
    description: Whether the chart's own values are wanted, where the chart is on this machine.
    type: bool
    default: false
"""

EXAMPLES = """
- name: Check the chart that is going to be installed
  ansible.builtin.debug:
    msg: "{{ lookup('researchops.jupyterhub.chart_check', 'oci://registry.example.org/jupyterhub', version='4.4.0') }}"
"""

RETURN = """
_raw:
  description: One dictionary a chart.
  type: list
  elements: dict
  contains:
    summary: {description: What is known about the chart; empty with a problem., type: str}
    problem: {description: "Empty, or the whole error message.", type: str}
    own_values:
      description: The chart's own values; empty where the chart is not on this machine.
      type: dict
      returned: with O(read_values)
"""

from collections.abc import Mapping, Sequence
from typing import Any

from ansible.plugins.lookup import LookupBase
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.errors import HubError
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.chart import (
    Kind,
    check_digest,
    expected_digest,
    parse_reference,
)
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.chart_digest import chart_path, digest_of_path
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.chart_files import at_hand, chart_values


def chart_check(ref: str, version: str, sha256: str) -> dict[str, str]:
    """See DOCUMENTATION."""
    try:
        chart = parse_reference(ref, version)
        expected = expected_digest(chart, sha256, "")
        known = f"digest pinned by {expected.source}" if expected.sha256 else "the first install records its digest"
        if chart.kind is Kind.PATH:
            check_digest(chart, digest_of_path(chart_path(ref)), expected)
            known = f"digest as pinned by {expected.source}" if expected.sha256 else "no digest pinned"
    except HubError as problem:
        return {"summary": "", "problem": problem.text()}
    return {"summary": f"{chart}: {known}", "problem": ""}


def own_values(ref: str, version: str, sha256: str) -> dict[str, Any]:
    """The chart's own values, where it is on this machine; what is wrong with it is :func:`chart_check`'s to tell."""
    try:
        chart = parse_reference(ref, version)
        found = at_hand(chart, expected_digest(chart, sha256, ""))
    except HubError:
        return {}
    return chart_values(found.path) if ref and found else {}


class LookupModule(LookupBase):
    """Ansible's entry point."""

    def run(
        self, terms: Sequence[str], variables: Mapping[str, Any] | None = None, **kwargs: Any
    ) -> list[dict[str, Any]]:
        """See DOCUMENTATION."""
        self.set_options(var_options=variables, direct=kwargs)
        version, sha256 = str(self.get_option("version") or ""), str(self.get_option("sha256") or "")
        known: list[dict[str, Any]] = [dict(chart_check(str(ref), version, sha256)) for ref in terms]
        if self.get_option("read_values"):
            for ref, one in zip(terms, known, strict=True):
                one["own_values"] = own_values(str(ref), version, sha256)
        return known
