# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter that chooses a managed zone; the choice is tested beside its code."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.researchops.jupyterhub.plugins.filter.clouddns_zone import FilterModule

clouddns_zone = FilterModule().filters()["clouddns_zone"]
ZONES = [{"name": "example-org", "dnsName": "example.org.", "visibility": "public", "id": "1"}]


def test_a_zone_is_chosen_in_the_form_of_google_cloud() -> None:
    assert clouddns_zone(ZONES, "hub.example.org") == {"name": "example-org", "dnsName": "example.org."}


def test_no_zone_is_an_error_for_a_person() -> None:
    with pytest.raises(AnsibleFilterError, match="E-DNS-10 Cloud DNS has no public managed zone other that holds"):
        clouddns_zone(ZONES, "hub.example.org", "other")
