# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What has to be done about a domain at Google, and what its refusals mean."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.errors import Changed, HubError
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.plan import Plan, Step
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.poll import State
from ansible_collections.researchops.jupyterhub.plugins.module_utils._gcp import site_verification
from ansible_collections.researchops.jupyterhub.plugins.module_utils._gcp.site_verification import Site, Wish

ROBOT, ADA, BOB = "robot@p.iam.gserviceaccount.com", "Ada@example.org", "bob@example.org"


def params(**changes: Any) -> dict[str, Any]:
    return {"domain": "example.org", "method": "DNS_TXT", "owners": [], "state": "present"} | changes


def test_the_options_become_a_wish() -> None:
    wish = site_verification.parse_wish(
        params(domain="Example.ORG.", owners=[f" {ADA}", ADA, ADA.lower()], state="absent")
    )
    assert wish == Wish("example.org", "DNS_TXT", (ADA,), present=False)
    assert wish.site == {"type": "INET_DOMAIN", "identifier": "example.org"}


@pytest.mark.parametrize(
    "changes",
    [
        {"domain": ""},
        {"domain": "localhost"},
        {"domain": "https://example.org"},
        {"domain": "two words.org"},
        {"domain": "example.org:443"},
        {"owners": ["ada"]},
        {"owners": ["@example.org"]},
        {"owners": ["ada@localhost"]},
        {"owners": ["user:ada@example.org"]},
        {"owners": ["ada@example.org, bob@example.org"]},
    ],
)
def test_what_cannot_be_a_domain_or_an_owner_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(HubError, match="E-SITE-04"):
        site_verification.parse_wish(params(**changes))


@pytest.mark.parametrize(
    ("items", "site"),
    [
        pytest.param([], None, id="00-nothing-verified"),
        pytest.param([{"site": {"type": "SITE", "identifier": "example.org"}}], None, id="01-a-web-site"),
        pytest.param([{"site": {"type": "INET_DOMAIN", "identifier": "ample.org"}}], None, id="02-another-domain"),
        pytest.param([{}], None, id="03-nothing-said"),
        pytest.param(
            [{"site": {"type": "INET_DOMAIN", "identifier": "Example.org"}, "owners": [ROBOT]}],
            Site((ROBOT,)),
            id="04-the-domain",
        ),
        pytest.param(
            [
                {"site": {"type": "INET_DOMAIN", "identifier": "straße.example"}, "owners": [BOB]},
                {"site": {"type": "INET_DOMAIN", "identifier": "example.org"}, "owners": [ROBOT]},
            ],
            Site((ROBOT,)),
            id="05-beside-a-name-that-cannot-be-compared",
        ),
    ],
)
def test_the_domain_is_found_among_the_verified_sites(items: list[dict[str, Any]], site: Site | None) -> None:
    assert site_verification.parse_sites(items, "example.org") == site


VERIFY = Step("create", "verification of example.org")
NOTHING = {"verified": False, "owners": []}


def owners(before: list[str], after: list[str]) -> Step:
    return Step("update", "owners of example.org", {"owners": (before, after)})


@pytest.mark.parametrize(
    ("wish", "site", "plan"),
    [
        pytest.param(
            Wish("example.org", present=False), None, Plan(NOTHING, NOTHING, (), "not verified"), id="00-absent-already"
        ),
        pytest.param(
            Wish("example.org", present=False),
            Site((ROBOT,)),
            Plan(
                {"verified": True, "owners": [ROBOT]},
                NOTHING,
                (Step("delete", "verification of example.org"),),
                "verified, and shall not be",
            ),
            id="01-given-up",
        ),
        pytest.param(
            Wish("example.org", owners=("ada@example.org",)),
            Site((ROBOT, ADA)),
            Plan(
                {"verified": True, "owners": [ROBOT, ADA]},
                {"verified": True, "owners": [ROBOT, ADA]},
                (),
                "verified, with all owners",
            ),
            id="02-there-in-another-spelling",
        ),
        pytest.param(
            Wish("example.org", owners=(BOB,)),
            Site((ROBOT, ADA)),
            Plan(
                {"verified": True, "owners": [ROBOT, ADA]},
                {"verified": True, "owners": [ROBOT, ADA, BOB]},
                (owners([ROBOT, ADA], [ROBOT, ADA, BOB]),),
                "update owners of example.org",
            ),
            id="03-an-owner-is-added-and-none-taken-away",
        ),
        pytest.param(
            Wish("example.org", owners=(ADA,)),
            None,
            Plan(
                NOTHING,
                {"verified": True, "owners": [ROBOT, ADA]},
                (VERIFY, owners([ROBOT], [ROBOT, ADA])),
                "create verification of example.org; update owners of example.org",
            ),
            id="04-verified-and-shared",
        ),
        pytest.param(
            Wish("example.org", owners=(ROBOT,)),
            None,
            Plan(NOTHING, {"verified": True, "owners": [ROBOT]}, (VERIFY,), "create verification of example.org"),
            id="05-we-ourselves-need-not-be-added",
        ),
    ],
)
def test_what_has_to_be_done(wish: Wish, site: Site | None, plan: Plan) -> None:
    assert site_verification.decide(wish, site, ROBOT) == plan


def test_an_unknown_account_is_no_owner() -> None:
    assert site_verification.decide(Wish("example.org"), None).after == {"verified": True, "owners": []}


def test_only_a_txt_token_is_a_record() -> None:
    token = "google-site-verification=x"
    assert site_verification.record("example.org", "DNS_TXT", token) == {
        "name": "example.org",
        "type": "TXT",
        "value": token,
    }
    assert site_verification.record("example.org", "DNS_CNAME", "whatever it is") is None


def refusal(error_id: str, status: int, changed: Changed = Changed.NOTHING) -> HubError:
    return HubError(error_id, "Google refuses", "do", seen="why", changed=changed, details={"status": status})


@pytest.mark.parametrize(
    ("seen", "state"),
    [
        pytest.param(refusal("E-GCP-04", 403), State.FATAL, id="00-forbidden"),
        pytest.param(refusal("E-GCP-09", 503), State.FATAL, id="01-busy-for-too-long"),
        pytest.param(refusal("E-GCP-10", 400), State.PENDING, id="02-not-seen-yet"),
        pytest.param(None, State.DONE, id="03-done"),
    ],
)
def test_only_400_is_waited_for(seen: HubError | None, state: State) -> None:
    assert site_verification.judge(seen).state is state


def test_the_end_of_the_wait_has_an_error_for_each_direction() -> None:
    told = refusal("E-GCP-10", 400)
    present = site_verification.not_seen(Wish("example.org"), told, 600.4)
    absent = site_verification.not_seen(Wish("example.org", present=False), told, 600.4)
    assert (present.error_id, absent.error_id) == ("E-SITE-02", "E-SITE-03")
    assert (present.seen, present.wanted) == (
        "why",
        "the token of these same credentials as TXT record; waited 600 s",
    )


@pytest.mark.parametrize(
    ("error_id", "person", "after"),
    [
        pytest.param("E-GCP-04", False, "E-GCP-04", id="00-a-service-account-lacks-a-right"),
        pytest.param("E-GCP-09", True, "E-GCP-09", id="01-busy"),
        pytest.param("E-GCP-10", True, "E-GCP-10", id="02-no-record"),
        pytest.param("E-GCP-03", True, "E-SITE-01", id="03-scope-refused-at-login"),
        pytest.param("E-GCP-04", True, "E-SITE-01", id="04-scope-missing"),
        pytest.param("E-GCP-05", True, "E-SITE-01", id="05-the-login-tools-own-project"),
    ],
)
def test_a_persons_login_is_named_as_the_cause(error_id: str, person: bool, after: str) -> None:
    error = site_verification.told(refusal(error_id, 403, Changed.UNKNOWN), person)
    assert (error.error_id, error.changed) == (after, Changed.UNKNOWN)
    assert (f"{error_id} Google refuses (why)" in error.seen) is (after == "E-SITE-01")
