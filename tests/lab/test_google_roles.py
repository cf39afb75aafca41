# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Roles that ask Google, where Google is busy, slow or says no: a real ansible-playbook runs the roles' own tasks
against the stand-in on loopback. No lab, no root, no name server."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from standin.testing import Running

P = "lab-project"
#: for a play that ends by itself; far more than it needs, even on a busy machine
SECONDS = 240


@dataclass
class Desk:
    """Where plays are run.

    Attributes:
        google: what they talk to.
        folder: for files.
        settings: variables of every host.
    """

    google: Running
    folder: Path
    settings: dict[str, Any] = field(default_factory=dict)

    def play(self, tasks: list[dict[str, Any]], *hosts: str) -> subprocess.CompletedProcess[str]:
        """Run tasks for some hosts at once."""
        play = {"hosts": "all", "gather_facts": False, "connection": "local", "tasks": tasks}
        file = self.folder / "play.yml"
        file.write_text(json.dumps([play]), encoding="utf-8")
        settings = {"ansible_python_interpreter": sys.executable, **self.settings}
        foreign = ("GCP_", "ANSIBLE_CALLBACK", "ANSIBLE_STDOUT")
        environ = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
        argv = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", ",".join([*hosts, ""]), "--forks", "2"]
        return subprocess.run(
            [*argv, "-e", json.dumps(settings), str(file)],
            env={**environ, **self.google.environment(), "ANSIBLE_LOCALHOST_WARNING": "0"},
            cwd=self.folder, capture_output=True, text=True, timeout=SECONDS, check=False,
        )  # fmt: skip

    def calls(self) -> dict[str, int]:
        """How often each of Google's methods was called."""
        found: dict[str, int] = self.google.control("GET", "counts")["calls"]
        return found


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, documents: Path) -> Iterator[Running]:
    with Running.start(tmp_path_factory.mktemp("google"), documents, pool=("203.0.113.9", "203.0.113.10")) as google:
        yield google


@pytest.fixture
def desk(running: Running, tmp_path: Path) -> Iterator[Desk]:
    """A desk before an empty Google; at the end nobody may have broken its contract."""
    running.do(running.app.reset)
    yield Desk(running, tmp_path)
    assert running.control("GET", "violations")["violations"] == []


def role(name: str, part: str, **variables: Any) -> dict[str, Any]:
    """A task that runs a part of a role."""
    return {
        "name": f"{name}: {part}",
        "ansible.builtin.include_role": {"name": f"researchops.jupyterhub.{name}", "tasks_from": part},
        "vars": variables,
    }


def said(done: subprocess.CompletedProcess[str]) -> str:
    """What a person reads, in one line."""
    return re.sub(r"\s+", " ", done.stdout + done.stderr)


# ---- two hubs, one zone --------------------------------------------------------------------------------------------
def a_zone(desk: Desk) -> None:
    """A managed zone; the plays may change it."""
    status, answer = desk.google.ask(
        "POST", "dns.googleapis.com", f"/dns/v1/projects/{P}/managedZones",
        {"name": "z", "dnsName": "lab.test.", "description": ""}, desk.google.token(),
    )  # fmt: skip
    assert status == 200, answer
    desk.settings = {
        "hub_dns_provider": "clouddns",
        "hub_dns_project": P,
        "hub_dns_service_account_file": str(desk.google.account_file),
        "hub_domain": "{{ inventory_hostname }}.lab.test",
    }


def names(desk: Desk) -> list[str]:
    """Who has a record."""
    found: list[str] = desk.google.do(
        lambda: sorted(one.name for one in desk.google.app.standin.records.read("lab.test."))
    )
    return found


def texts(desk: Desk) -> list[str]:
    """The texts of the zone itself."""
    found: list[str] = desk.google.do(
        lambda: sorted(
            text for one in desk.google.app.standin.records.read("lab.test.") for text in one.data if one.kind == "TXT"
        )
    )
    return found


NAME = role(
    "hub_dns", "clouddns", __hub_dns_cloud_name="{{ hub_domain }}", __hub_dns_cloud_wanted={"A": ["203.0.113.9"]}
)


def test_two_hubs_of_one_play_change_one_zone(desk: Desk) -> None:
    """google.cloud's module replaces the zone's SOA. The pause makes sure that of two at once both read the same."""
    a_zone(desk)
    desk.google.control("POST", "faults", {"rules": [{"method": "dns.changes.create", "latency": 3.0}]})
    done = desk.play([NAME], "climate", "ocean")
    assert done.returncode == 0, said(done)
    assert names(desk) == ["climate.lab.test.", "ocean.lab.test."]
    assert desk.calls()["dns.changes.create"] == 2  # nobody had to come again


TEXT = role("hub_dns", "txt_clouddns", hub_dns_txt_name="lab.test", hub_dns_txt_present=["{{ inventory_hostname }}"])


@pytest.mark.parametrize(
    "rules",
    [
        pytest.param([], id="00-the-second-wrote-over-it"),
        pytest.param([{"method": "dns.changes.create", "status": 412, "times": 1}], id="01-the-second-was-faster"),
    ],
)
def test_two_hubs_of_one_play_add_a_text_to_one_set(desk: Desk, rules: list[dict[str, Any]]) -> None:
    """Both look before one writes, and Cloud DNS takes whole sets only. Refused is, too, who met another run."""
    a_zone(desk)
    desk.google.control("POST", "faults", {"rules": rules})
    done = desk.play([TEXT], "climate", "ocean")
    assert done.returncode == 0, said(done)
    assert texts(desk) == ['"climate"', '"ocean"']
    assert desk.calls()["dns.changes.create"] == 3  # one had to come again, once


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        pytest.param(
            {"status": 403},
            r"E-DNS-11 Cloud DNS did not take the change of climate\.lab\.test\. "
            r"Seen: (requests\.exceptions\.HTTPError: )?403 Client Error: .*\. "
            r"Some records .* from there\. Do: check that the credentials \(auth_kind serviceaccount\) have the role "
            r"roles/dns\.admin in project lab-project, then run again\.",
            id="00-refused",
        ),
        pytest.param(
            {"status": 503, "latency": 20.0},
            r"E-DNS-11 Cloud DNS did not take the change of climate\.lab\.test\. Seen: no answer within 3 s\. "
            r"Some records .* from there\. Do: look at the status page of Google Cloud, then run again\.",
            id="01-no-answer",
        ),
    ],
)
def test_a_change_that_google_does_not_make_is_told(desk: Desk, rule: dict[str, Any], message: str) -> None:
    """google.cloud's module has no message for it: it dies, or waits for ever."""
    a_zone(desk)
    if "latency" in rule:  # short for the change alone: all else may take its time on a busy machine
        desk.settings["__hub_dns_change_timeout"] = "{{ 3 if __hub_dns_rrsets is defined else 200 }}"
    desk.google.control("POST", "faults", {"rules": [{"method": "dns.changes.create", **rule}]})
    done = desk.play([NAME], "climate")
    assert done.returncode == 2, said(done)
    assert re.search(message, said(done)), said(done)


def test_a_preflight_goes_on_where_cloud_dns_does_not_answer(desk: Desk) -> None:
    """It reports all that is wrong, so that one thing must not end it."""
    a_zone(desk)
    desk.settings["__hub_dns_change_timeout"] = 3
    desk.google.control("POST", "faults", {"rules": [{"method": "dns.*", "status": 503, "latency": 20.0}]})
    rows = {"ansible.builtin.debug": {"msg": "{{ __hub_dns_preflight | rejectattr('ok') | map(attribute='text') }}"}}
    done = desk.play([role("hub_dns", "preflight"), rows], "climate")
    assert done.returncode == 0, said(done)
    assert re.search(r"E-DNS-11 .* no answer within 3 s\. Nothing was changed\. Do: check ", said(done)), said(done)


# ---- a domain that stays -------------------------------------------------------------------------------------------
DOWN = role("hub_teardown", "main", hub_teardown_roles=["domain_verification", "hub_dns"])
ASKED = "siteVerification.webResource.getToken"
STAYS = "stays verified with Google, because it could not be given up; this goes on. E-GCP-04 "
#: what the role after domain_verification says
NEXT = "leads nowhere now; please remove its record"


@pytest.fixture
def verified(desk: Desk) -> Desk:
    """Hubs with one name, which they verified with a Google that now takes their credentials for nobody's."""
    desk.settings = {
        "domain_verification_enabled": True,
        "domain_verification_service_account_file": str(desk.google.account_file),
        "hub_domain": "hub.lab.test",
        "hub_dns_provider": "manual",
    }
    desk.google.control("POST", "faults", {"rules": [{"method": ASKED, "status": 403}]})
    return desk


def test_a_domain_that_cannot_be_given_up_does_not_stop_a_teardown(verified: Desk) -> None:
    done = verified.play([DOWN], "climate")
    assert done.returncode == 0, said(done)
    assert verified.calls()[ASKED] == 1
    assert f"climate front door hub.lab.test {STAYS}" in said(done)
    assert f"climate front door hub.lab.test {NEXT}" in said(done)


def test_it_stops_one_where_that_was_asked_for(verified: Desk) -> None:
    verified.settings["domain_verification_required"] = True
    done = verified.play([DOWN], "climate")
    assert done.returncode == 2, said(done)
    assert "E-GCP-04 " in said(done)
    assert STAYS not in said(done) and NEXT not in said(done)


def test_a_domain_that_another_hub_owns_is_not_given_up(verified: Desk) -> None:
    verified.settings["hub_domain_owner"] = "ocean"
    done = verified.play([DOWN], "climate", "ocean")
    assert done.returncode == 0, said(done)
    assert verified.calls()[ASKED] == 1  # by its owner
    assert f"ocean front door hub.lab.test {STAYS}" in said(done)
    assert "climate front door hub.lab.test stays verified with Google: others may need that" in said(done)


# ---- an address that Google does not give ----------------------------------------------------------------------------
INSERT = "compute.globalAddresses.insert"
ADDRESS = [
    role("gke_iap", "address"),
    {"ansible.builtin.debug": {"msg": "got {{ __gke_iap_address }}"}},
]


@pytest.fixture
def reserving(desk: Desk) -> Desk:
    """A hub that reserves its address."""
    desk.settings = {
        "gke_iap_project": P,
        "gke_iap_service_account_file": str(desk.google.account_file),
        # Short for the reservation alone: the look before it may take its time on a busy machine.
        "gke_iap_timeout": "{{ 3 if __gke_iap_addresses is defined else 200 }}",
    }
    return desk


def until(condition: Callable[[], Any], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds:.0f} s"
        time.sleep(0.1)


def test_an_address_that_is_late_is_told_and_taken_by_the_next_run(reserving: Desk) -> None:
    google = reserving.google
    google.control(
        "POST", "settings", {"operation_seconds": 90}
    )  # a run without a limit would wait for it, and succeed
    done = reserving.play(ADDRESS, "climate")
    assert done.returncode == 2, said(done)
    assert re.search(
        r"E-GCP-12 The static address climate-hub-front of project lab-project was not reserved in time\. "
        r"Seen: no answer within 3 s\. It may be there soon; nothing else was changed\. Do: run again, .* more time\.",
        said(done),
    ), said(done)
    until(lambda: reserving.calls().get(INSERT))  # on a busy machine the order may be under way still
    reserving.settings["gke_iap_timeout"] = 200
    again = reserving.play(ADDRESS, "climate")
    assert again.returncode == 0, said(again)
    assert "got 203.0.113.9" in said(again)
    assert reserving.calls()[INSERT] == 1
    google.do(lambda: [one.update(done=0) for one in google.app.standin.world.operations.values()])  # who waits may end


@pytest.mark.parametrize(
    ("method", "rule", "message"),
    [
        pytest.param(
            INSERT, {"status": 403, "message": "The limit is 8 globally."},
            r"E-GCP-10 The static address climate-hub-front of project lab-project was not reserved\. "
            r"Seen: The limit is 8 globally\. Nothing was changed\. Do: check .* then run again\.",
            id="00-refused",
        ),
        pytest.param(
            "compute.globalAddresses.list", {"status": 503, "latency": 20.0},
            r"E-GCP-09 Google does not tell whether the static address climate-hub-front of project lab-project is "
            r"there\. Seen: no answer within 3 s\. Nothing was changed\. Do: check .* then run again\.",
            id="01-no-answer-to-the-look",
        ),
    ],
)  # fmt: skip
def test_no_answer_about_an_address_is_told(reserving: Desk, method: str, rule: dict[str, Any], message: str) -> None:
    reserving.settings["gke_iap_timeout"] = 200 if method == INSERT else 3
    reserving.google.control("POST", "faults", {"rules": [{"method": method, **rule}]})
    done = reserving.play(ADDRESS, "climate")
    assert done.returncode == 2, said(done)
    assert re.search(message, said(done)), said(done)
    assert reserving.calls().get(INSERT, 0) == (method == INSERT)
