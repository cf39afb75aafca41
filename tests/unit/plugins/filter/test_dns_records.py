# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter that makes record sets of addresses."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.researchops.jupyterhub.plugins.filter.dns_records import FilterModule

dns_records = FilterModule().filters()["dns_records"]


def test_both_families_are_always_named() -> None:
    assert dns_records(["203.0.113.7", "2001:db8::7"]) == [
        {"type": "A", "values": ["203.0.113.7"], "exact": True},
        {"type": "AAAA", "values": ["2001:db8::7"], "exact": True},
    ]


def test_what_no_name_can_lead_to_is_one_error() -> None:
    with pytest.raises(AnsibleFilterError, match="E-DNS-05 No single name"):
        dns_records(["a.example.org", "203.0.113.7"])
