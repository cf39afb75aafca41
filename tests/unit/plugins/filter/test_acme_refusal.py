# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter that explains an ACME server's refusal."""

from __future__ import annotations

from ansible_collections.researchops.jupyterhub.plugins.filter.acme_refusal import FilterModule

acme_refusal = FilterModule().filters()["acme_refusal"]


def test_the_text_names_server_reason_and_remedy() -> None:
    text = acme_refusal("urn:ietf:params:acme:error:rateLimited: x", "open an order", "hub.example.org", "https://a")
    assert text == (
        "E-CERT-46 No certificate for hub.example.org: https://a refused to open an order (rateLimited). "
        "Seen: urn:ietf:params:acme:error:rateLimited: x. Some steps were done before this; running again continues "
        "from there. Do: wait until the time the server names; meanwhile try with letsencrypt_staging: true."
    )
