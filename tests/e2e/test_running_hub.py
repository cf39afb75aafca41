# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The demo's hub on another day: who may enter, what the playbooks that change nothing say, and what they say after
somebody has changed an object by hand.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, os.environ["ANSIBLE_COLLECTIONS_PATH"].split(os.pathsep)[0])
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.budget import Budget
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.clock import SystemClock
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.errors import HubError
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.transport import Http
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.login import End
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.rest import Credentials, HubApi
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.signin import sign_in
from support_cluster import Cluster
from support_demo import URL, demo_hub
from support_plays import Ran, play

PROVED = (
    "login as bob: ok; cell 6*7=42: ok; file kept after restart: ok; mallory (not listed) refused: ok; "
    "http goes to https: ok; running image is the pinned one: ok"
)
CHECKS = (
    "Python libraries, API server, Kubernetes version, right cluster, permissions, nodes, storage class, "
    "front Service, DNS settings, ACME, certificate, login rules, OAuth client, chart values, chart, helm, smoke test"
)
CHANGED = {
    "/api/v1/namespaces/hub/configmaps/hub": ("data", "ingress"),
    "/apis/apps/v1/namespaces/hub/deployments/hub": ("metadata", "labels", "heritage"),
}
"""Where somebody changes something: fields that no pod is restarted for, because other tests use this hub, too."""


@dataclass(frozen=True)
class Looks:
    """Runs that change nothing, under way while the tests look at other things.

    Attributes:
        preflight: of preflight.yml.
        verify: of verify.yml, as somebody whom only a group lets in.
        reports: where the evidence is.
    """

    preflight: Future[Ran]
    verify: Future[Ran]
    reports: Path


@pytest.fixture(scope="module")
def looks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Looks]:
    demo_hub()
    folder = tmp_path_factory.mktemp("looks")
    bob = {
        "hub_verify_user": "bob",
        "hub_verify_password": "demo-bob",
        "hub_verify_report_dir": str(folder / "reports"),
    }
    with ThreadPoolExecutor(2) as pool:
        verify = pool.submit(play, "verify", bob, folder)
        yield Looks(pool.submit(play, "preflight", {}, folder), verify, folder / "reports")


def said(ran: Ran) -> str:
    """The output as one line, as a person reads it."""
    return " ".join(ran.output.split())


def untouched(ran: Ran) -> bool:
    """Whether a run ended well and reports no change."""
    return ran.code == 0 and re.search(r"hub +: ok=\d+ +changed=0 ", ran.output) is not None


# ---- who may enter: the inventory lists ada, the group physicists, and hub-admins for administrators --------------


@pytest.mark.parametrize(
    ("person", "end", "admin"),
    [
        pytest.param("mallory", End.REFUSED, None, id="00-in-no-list-and-no-group"),
        pytest.param("bob", End.INSIDE, False, id="01-by-group"),
        pytest.param("ada", End.INSIDE, True, id="02-listed"),
        pytest.param("grace", End.INSIDE, True, id="03-by-the-group-of-administrators-alone"),
    ],
)
def test_who_may_enter_and_who_administers(looks: Looks, person: str, end: End, admin: bool | None) -> None:
    def late() -> HubError:
        return HubError("E-TEST-01", "The hub does not answer in time", "look at its log")

    http = Http(ca_file=os.environ["LAB_CA_BUNDLE"])
    hub = HubApi(Credentials(http, Budget(SystemClock(), 60, late)), f"{URL}/")
    assert sign_in(http, f"{URL}/", person, f"demo-{person}").end is end
    found = hub.whoami()
    assert (found and (found["name"], found["admin"])) == (None if admin is None else (person, admin))


# ---- what the playbooks that change nothing say --------------------------------------------------------------------


def test_the_preflight_of_a_good_inventory_lists_what_it_looked_at(looks: Looks) -> None:
    ran = looks.preflight.result(timeout=300)
    assert untouched(ran), ran.tail
    count = len(CHECKS.split(", "))
    assert f"hub preflight {count} of {count} pass ({CHECKS})" in said(ran), ran.tail


def test_a_good_hub_is_proved_for_somebody_whom_a_group_lets_in(looks: Looks) -> None:
    ran = looks.verify.result(timeout=300)
    assert untouched(ran), ran.tail
    assert re.search(r"hub release jupyterhub-\S+, revision \d+: cluster and inventory agree", said(ran)), ran.tail
    evidence = json.loads((looks.reports / "verify-hub.json").read_text(encoding="utf-8"))
    assert (evidence["user"], evidence["summary"]) == ("bob", PROVED)
    assert evidence["rows"][3]["facts"] == {"user": "bob", "admin": False}


# ---- what somebody changed by hand ---------------------------------------------------------------------------------


def write(cluster: Cluster, path: str, field: tuple[str, ...], value: str) -> str:
    """Set one field of a live object; returns what was there."""
    whole = cluster.request("GET", path)
    inner: Any = whole
    for name in field[:-1]:
        inner = inner[name]
    before, inner[field[-1]] = inner[field[-1]], value
    cluster.request("PUT", path, whole)
    return str(before)


@contextmanager
def changed_by_hand() -> Iterator[str]:
    """Some objects are not what Helm made them, as told by the collection; put back afterwards."""
    cluster = Cluster(Path(os.environ["LAB_ADMIN_KUBECONFIG"]))
    before = {path: write(cluster, path, field, "by-hand") for path, field in CHANGED.items()}
    told = [f"{'.'.join(field)} is by-hand, wanted {before[path]}" for path, field in CHANGED.items()]
    try:
        yield f"ConfigMap/hub: {told[0]}; Deployment/hub: {told[1]}"
    finally:
        for path, field in CHANGED.items():
            write(cluster, path, field, before[path])


def test_what_was_changed_by_hand_is_named_with_its_cure(looks: Looks, tmp_path: Path) -> None:
    looks.verify.result(timeout=300)
    with changed_by_hand() as seen, ThreadPoolExecutor(2) as pool:
        verifying = pool.submit(play, "verify", {}, tmp_path)
        foretelling = pool.submit(play, "site", {}, tmp_path, arguments=["--check", "--tags", "z2jh"])
        verified, foretold = verifying.result(timeout=300), foretelling.result(timeout=300)

    assert verified.error == (
        f"E-HELM-19 Release hub in namespace hub is not what the inventory says. Seen: {seen}. Nothing was changed. "
        "Do: put what is to stay into the inventory, then run site.yml with -e z2jh_drift=check to put the rest right."
    )
    assert "Use the hub as its users do" not in verified.output
    assert foretold.code == 0 and re.search(r"hub +: ok=\d+ +changed=1 ", foretold.output), foretold.tail
    assert re.search(rf"hub release \S+, revision \d+, would change: {re.escape(seen)}", said(foretold)), foretold.tail
