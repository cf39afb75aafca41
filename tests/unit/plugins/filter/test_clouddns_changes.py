# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter that foretells changes in Cloud DNS; the comparison is tested beside its code."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.researchops.jupyterhub.plugins.filter.clouddns_changes import FilterModule

clouddns_changes = FilterModule().filters()["clouddns_changes"]


def test_changes_are_plain_data_and_removals_come_first() -> None:
    there = [{"name": "hub.example.org.", "type": "CNAME", "ttl": 60, "rrdatas": ["lb.example.org."]}]
    assert clouddns_changes(there, "hub.example.org", {"A": ["203.0.113.7"], "CNAME": []}, ttl="120") == [
        {"type": "CNAME", "state": "absent", "target": [], "ttl": 60},
        {"type": "A", "state": "present", "target": ["203.0.113.7"], "ttl": 120},
    ]


def test_what_is_right_is_left_alone() -> None:
    there = [{"name": "hub.example.org.", "type": "A", "ttl": 60, "rrdatas": ["203.0.113.7"]}]
    assert clouddns_changes(there, "hub.example.org", {"A": ["203.0.113.7"], "AAAA": []}) == []


def test_a_routing_policy_is_an_error_for_a_person() -> None:
    there = [{"name": "hub.example.org.", "type": "A", "ttl": 60, "routingPolicy": {}}]
    with pytest.raises(AnsibleFilterError, match="E-DNS-11"):
        clouddns_changes(there, "hub.example.org", {"A": []})
