# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""DNS settings that cannot work."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._dns import settings

SECRET = "3q2+7wABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhs="  # the bytes say nothing
MANUAL = {"domain": "hub.example.org", "provider": "manual", "server": "", "zone": "", "key_name": "", "key_secret": ""}
UPDATE = MANUAL | {
    "provider": "rfc2136",
    "server": "ns1",
    "key_name": "k",
    "key_secret": SECRET,
    "zone": "example.org.",
}


ALIAS = {"option": "hub_dns_alias_name"}
CLOUD = MANUAL | {"provider": "clouddns", "zone": "example-org", "project": "example-research"}
ZONES = [{"name": "example-org", "dnsName": "example.org."}]


@pytest.mark.parametrize(
    ("values", "error_id", "seen"),
    [
        pytest.param(MANUAL | {"domain": ""}, "E-DNS-07", "hub_domain is not set", id="00-no-name"),
        pytest.param(MANUAL | {"domain": "https://hub.example.org"}, "E-DNS-07", "no host name", id="01-a-url"),
        pytest.param(MANUAL | {"domain": "hub"}, "E-DNS-07", "no host name", id="02-one-label"),
        pytest.param(MANUAL | {"domain": "-a.example.org"}, "E-DNS-07", "no host name", id="03-dash-first"),
        pytest.param(MANUAL | {"domain": "a" * 64 + ".org"}, "E-DNS-07", "no host name", id="04-long-label"),
        pytest.param(MANUAL | {"domain": "a." * 130 + "org"}, "E-DNS-07", "no host name", id="05-long-name"),
        pytest.param(MANUAL | {"provider": "route53"}, "E-DNS-06", "route53 does not exist", id="06-not-yet"),
        pytest.param(
            UPDATE | {"server": "", "key_name": ""}, "E-DNS-07", "hub_dns_server, hub_dns_key_name", id="07-missing"
        ),
        pytest.param(UPDATE | {"key_secret": "CHANGEME"}, "E-DNS-07", "placeholder", id="08-placeholder"),
        pytest.param(UPDATE | {"key_secret": "<secret>"}, "E-DNS-07", "placeholder", id="09-placeholder"),
        pytest.param(UPDATE | {"key_secret": "not base64!"}, "E-DNS-07", "not base64", id="10-no-base64"),
        pytest.param(UPDATE | {"key_secret": "YWJj"}, "E-DNS-07", "not base64", id="11-too-short"),
        pytest.param(UPDATE | {"zone": "example.com"}, "E-DNS-07", "is not in hub_dns_zone", id="12-another-zone"),
        pytest.param(CLOUD | {"domain": ""}, "E-DNS-07", "hub_domain is not set", id="14-cloud-without-a-name"),
        pytest.param(
            MANUAL | {"domain": "hub.example.org."}, "E-DNS-07", "ends with a dot", id="dot-that-urls-would-have-too"
        ),
        pytest.param(CLOUD | {"project": ""}, "E-DNS-07", "hub_dns_project", id="15-cloud-without-a-project"),
        pytest.param(CLOUD | {"zone": "example.org"}, "E-DNS-07", "no name of a managed zone", id="16-a-domain"),
        pytest.param(CLOUD | {"zones": [], "zones_problem": "403."}, "E-DNS-11", "403", id="17-cloud-refuses"),
        pytest.param(CLOUD | {"zones": []}, "E-DNS-10", "no public managed zone", id="18-no-zone-holds-it"),
        pytest.param(MANUAL | ALIAS | {"domain": ""}, "E-DNS-07", "hub_dns_alias_name is not set", id="19-no-alias"),
        pytest.param(MANUAL | ALIAS | {"domain": "hub"}, "E-DNS-07", "hub_dns_alias_name 'hub' is no", id="20-alias"),
        pytest.param(
            UPDATE | ALIAS | {"zone": "a.org"}, "E-DNS-07", "hub_dns_alias_name hub.example.org is not in", id="21-zone"
        ),
        pytest.param(UPDATE | {"missing": ["a.b"]}, "E-LIB-02", "collection a.b is missing", id="22-no-collection"),
        pytest.param(
            MANUAL | {"domain": "Bücher.example.org"},
            "E-DNS-07",
            "hub_domain 'Bücher.example.org' is not in the form in which names travel. Nothing was changed. "
            "Do: write it as xn--bcher-kva.example.org.",
            id="23-another-script",
        ),
        pytest.param(
            MANUAL | {"domain": "https://bücher.example.org/"}, "E-DNS-07", "write the bare name", id="24-url-in-script"
        ),
        pytest.param(UPDATE | {"zone": "ample.org"}, "E-DNS-07", "is not in hub_dns_zone", id="13-no-label-border"),
        pytest.param(
            MANUAL | {"others": [["b", "a.org", ""], ["c", "HUB.example.org", None], ["d", "hub.example.org", "d"]]},
            "E-DNS-07",
            "hub_domain hub.example.org is also the name of c, d: each would lead it away from the other. Nothing was",
            id="25-a-name-that-others-set-too",
        ),
    ],
)
def test_settings_that_cannot_work(values: dict[str, Any], error_id: str, seen: str) -> None:
    (row,) = settings.rows(values)
    assert (row["ok"], row["text"].split()[0]) == (False, error_id)
    assert seen in row["text"]


@pytest.mark.parametrize(
    "values",
    [
        MANUAL,
        MANUAL | {"others": [["b", "", ""], ["c", "x.example.org", "c"], ["d", "hub.example.org", "a"]]},
        MANUAL | ALIAS | {"others": [["b", "hub.example.org", ""]]},
        CLOUD,
        CLOUD | {"zones": ZONES},
        CLOUD | {"zones": "", "zone": ""},
        UPDATE,
        UPDATE | {"zone": ""},
        UPDATE | {"zone": "hub.example.org", "domain": "Hub.Example.org.", "option": "hub_dns_txt_name"},
    ],
)
def test_settings_that_work(values: dict[str, Any]) -> None:
    assert settings.rows(values) == [
        {"check": "DNS settings", "ok": True, "text": f"{values['domain']} by {values['provider']}"}
    ]


def test_what_was_not_asked_has_not_passed() -> None:
    (row,) = settings.rows(CLOUD | {"unprobed": True})
    assert (row["ok"], row["text"]) == (True, "not probed because Google's credentials cannot be used")
    (wrong,) = settings.rows(CLOUD | {"unprobed": True, "domain": "hub"})
    assert not wrong["ok"]


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("hub.example.org", ""),
        ("hub", ""),
        ("BÜCHER.example.org.", "xn--bcher-kva.example.org."),
        ("bu\u0308cher.example.org", "xn--bcher-kva.example.org"),
        ("例え.テスト", "xn--r8jz45g.xn--zckzah"),
        ("straße.example.org", ""),  # strasse by the old rules, xn--strae-oqa by the browsers'
        ("ü" * 64 + ".example.org", ""),
        ("bücher", ""),
        ("bücher.example.org/hub", ""),
    ],
)
def test_a_name_in_another_script_has_a_form_that_travels(name: str, form: str) -> None:
    assert settings.ascii_form(name) == form


def test_the_secret_is_never_repeated() -> None:
    secret = "this is no base64 but secret"
    assert secret not in str(settings.rows(UPDATE | {"key_secret": secret}))


def test_an_alias_without_a_name_says_nothing_about_the_hub() -> None:
    (row,) = settings.rows(MANUAL | ALIAS | {"domain": ""})
    assert "hub has no name" not in row["text"] and "hub_domain" not in row["text"]
