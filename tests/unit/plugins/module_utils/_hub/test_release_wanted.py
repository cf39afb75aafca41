# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wanted of a release, and the one look that mostly is all there is to do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.errors import Changed, HubError
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.plan import Plan, Step
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.chart_digest import digest_of_path
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.chart_lock import LOCK, Z2JH_REPOSITORY
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.pending import Policy
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.release_state import (
    APP_VERSION,
    CHART_NAME,
    DIGEST_LABEL,
    History,
    Revision,
)
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.release_wanted import (
    Done,
    Wanted,
    as_found,
    load_history,
    read_inputs,
    read_secrets,
    secrets_path,
)
from ansible_collections.researchops.jupyterhub.tests.unit.fake_release import OPTIONS
from ansible_collections.researchops.jupyterhub.tests.unit.fakes import FakeKube

DIGEST = "d" * 52


@pytest.fixture
def chart(tmp_path: Path) -> Path:
    (tmp_path / "Chart.yaml").write_text("name: x")
    return tmp_path


def wanted(chart: Path, **changed: Any) -> Wanted:
    return Wanted.from_options({**OPTIONS, "chart_ref": str(chart), **changed})


@pytest.mark.parametrize(
    ("given", "name"),
    [({"a": "short"}, "a"), ({"a": "long-enough", "b": 12345678}, "b"), ({"a": ["list-of-texts"]}, "a")],
)
def test_a_secret_that_cannot_be_masked_is_refused_without_telling_it(given: dict[str, Any], name: str) -> None:
    with pytest.raises(HubError, match="E-HELM-18") as caught:
        read_secrets(given)
    assert caught.value.what == f"The secret {name} is not a text of at least 8 characters"
    assert caught.value.changed is Changed.NOTHING
    assert not [value for value in ("short", "12345678", "list-of-texts") if value in caught.value.text().split()]


def test_an_empty_secret_counts_as_not_given() -> None:
    assert read_secrets({"a": "", "b": None, "c": "long-enough"}) == {"c": "long-enough"}


def test_options_become_what_is_wanted(chart: Path) -> None:
    found = wanted(chart, pending_policy="rollback", drift="check", values=None, layers=None, timeout=5)
    assert (found.policy, found.check_drift, found.values, found.layers, found.timeout) == (
        Policy.ROLLBACK,
        True,
        {},
        (),
        5.0,
    )


def test_omitted_null_and_empty_options_are_the_same(chart: Path) -> None:
    one = wanted(chart, chart_version=None, chart_sha256=None, values_root=None, drop_layers=None, secrets=None)
    two = wanted(chart, chart_version="", chart_sha256="", values_root="", drop_layers=[], secrets={})
    assert one == two
    assert read_inputs(one).digest == read_inputs(two).digest


def test_the_digest_of_a_path_is_that_of_its_files(chart: Path) -> None:
    assert read_inputs(wanted(chart)).chart_digest == digest_of_path(chart)


def test_the_digest_of_a_locked_chart_is_known_without_a_download() -> None:
    remote = wanted(Path("x"), chart_ref=f"{Z2JH_REPOSITORY}/jupyterhub", chart_version="3.3.8")
    assert read_inputs(remote).chart_digest == LOCK[(f"{Z2JH_REPOSITORY}/jupyterhub", "3.3.8")]
    unknown = wanted(Path("x"), chart_ref="oci://x.example.org/y", chart_version="1.0.0")
    assert read_inputs(unknown).chart_digest == ""


def test_the_order_of_values_and_layers_makes_no_other_digest(chart: Path) -> None:
    one = wanted(chart, values={"a": 1, "b": 2}, layers=["x", "y"])
    two = wanted(chart, values={"b": 2, "a": 1}, layers=["y", "x"])
    assert read_inputs(one).digest == read_inputs(two).digest
    assert read_inputs(one).digest != read_inputs(wanted(chart, values={"a": 1, "b": 3}, layers=["x", "y"])).digest


def test_paths() -> None:
    assert secrets_path("ns") == "/api/v1/namespaces/ns/secrets"
    assert secrets_path("ns", "x") == "/api/v1/namespaces/ns/secrets/x"


def test_the_history_is_one_read_of_metadata() -> None:
    kube = FakeKube("ns")
    labels = {"owner": "helm", "name": "hub", "version": "1", "status": "deployed"}
    kube.put("/api/v1/namespaces/ns/secrets/one", {"metadata": {"labels": labels}})
    kube.put("/api/v1/namespaces/ns/secrets/two", {"metadata": {"labels": {**labels, "name": "other"}}})
    history = load_history(kube, "ns", "hub")
    assert [revision.secret for revision in history.revisions] == ["one"]
    assert kube.requests == [("GET", "/api/v1/namespaces/ns/secrets", False)]


def test_a_release_as_it_was_found() -> None:
    notes = {CHART_NAME: "jupyterhub-4.4.0", APP_VERSION: "5.5.0"}
    newest = Revision(7, "deployed", "s", labels={DIGEST_LABEL: f"{DIGEST}.7"}, annotations=notes)
    assert as_found(History((newest,))).as_dict() == {
        "status": "deployed",
        "revision": 7,
        "chart": "jupyterhub-4.4.0",
        "app_version": "5.5.0",
        "digest": DIGEST,
        "plan": [],
        "plan_summary": "+0 ~0 -0",
        "reason": "the release is as wanted",
        "hooks": [],
        "not_server_checked": [],
        "restarts": [],
        "kept": [],
        "pods": [],
        "recovered": "",
    }


def test_no_release_as_it_was_found() -> None:
    found = as_found(History()).as_dict()
    assert (found["status"], found["revision"], found["digest"]) == ("absent", 0, "")


def test_a_plan_as_data() -> None:
    done = Done(True, plan=Plan({}, {}, (Step("create", "Secret/x"),), "why"))
    found = done.as_dict()
    assert (found["plan"], found["plan_summary"], found["reason"]) == (
        [{"verb": "create", "target": "Secret/x", "changes": []}],
        "+1 ~0 -0",
        "why",
    )
