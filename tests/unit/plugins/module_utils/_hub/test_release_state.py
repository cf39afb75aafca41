# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Helm's records, and what we add to them."""

from __future__ import annotations

import base64
import gzip
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.errors import HubError
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.release_state import (
    CHART_LABEL,
    DIGEST_LABEL,
    LAYER_PREFIX,
    History,
    Revision,
    chart_label,
    decode,
    encode,
    failed_patch,
    label_changes,
    proof_label,
    read_history,
    release_app_version,
    release_chart,
    release_selector,
)

DIGEST = "d" * 52
A = "a" * 64
RELEASE = {"name": "hub", "info": {"status": "pending-upgrade", "notes": "x"}, "config": {"a": 1}, "manifest": "---"}


def item(number: int, status: str = "superseded", **labels: str) -> dict[str, Any]:
    return {
        "metadata": {
            "name": f"sh.helm.release.v1.hub.v{number}",
            "resourceVersion": str(100 + number),
            "creationTimestamp": "2026-11-22T14:02:00Z",
            "labels": {"owner": "helm", "name": "hub", "status": status, "version": str(number), **labels},
            "annotations": {"x": "y"},
        }
    }


def revision(number: int, status: str = "deployed", **labels: str) -> Revision:
    return Revision(number, status, f"s{number}", labels=labels)


def test_selector() -> None:
    assert release_selector("hub") == {"labelSelector": "owner=helm,name=hub"}


def test_revisions_are_sorted_by_number_not_by_name() -> None:
    history = read_history([item(9), item(10, "deployed"), item(2)])
    assert [revision.number for revision in history.revisions] == [10, 9, 2]


def test_a_revision_is_read_from_its_metadata() -> None:
    found = read_history([item(7, "deployed", **{LAYER_PREFIX + "hub_oauth": "true"})]).revisions[0]
    assert found == Revision(
        7,
        "deployed",
        "sh.helm.release.v1.hub.v7",
        "107",
        datetime(2026, 11, 22, 14, 2, tzinfo=UTC),
        {
            "owner": "helm",
            "name": "hub",
            "status": "deployed",
            "version": "7",
            LAYER_PREFIX + "hub_oauth": "true",
        },
        {"x": "y"},
    )
    assert found.layers == {"hub_oauth"}


@pytest.mark.parametrize(
    ("status", "times", "since"),
    [
        pytest.param("uninstalling", ["2026-11-22T14:02:00Z", "2026-11-24T09:00:00Z"], 24, id="begun-later"),
        pytest.param("uninstalling", [None], 22, id="not-told"),
        pytest.param("superseded", ["2026-11-24T09:00:00Z"], 22, id="marked-by-the-next-one"),
    ],
)
def test_an_uninstall_is_as_old_as_its_mark_not_as_the_revision(status: str, times: list[Any], since: int) -> None:
    metadata = item(7, status)["metadata"] | {"managedFields": [{"time": time} for time in times]}
    (found,) = read_history([{"metadata": metadata}]).revisions
    assert found.since is not None and found.since.day == since


@pytest.mark.parametrize("labels", [None, {}, {"version": "x"}, {"version": ""}])
def test_a_secret_that_is_none_of_helms_is_skipped(labels: dict[str, str] | None) -> None:
    assert read_history([{"metadata": {"name": "x", "labels": labels}}, {}]) == History()


def test_odd_metadata_is_survived() -> None:
    odd = {"metadata": {"labels": {"version": "1"}, "creationTimestamp": "yesterday"}}
    assert read_history([odd]).revisions == (Revision(1, "unknown", "", labels={"version": "1"}),)


@pytest.mark.parametrize(
    ("label", "found"),
    [
        pytest.param(f"{DIGEST}.7", DIGEST, id="its-own"),
        pytest.param(f"{DIGEST}.6", "", id="handed-on-from-an-older-revision"),
        pytest.param(DIGEST, "", id="without-a-revision"),
        pytest.param("", "", id="none"),
    ],
)
def test_a_proof_counts_for_its_own_revision_only(label: str, found: str) -> None:
    assert revision(7, **{DIGEST_LABEL: label}).digest == found


def test_a_proof_fits_a_label_even_for_the_last_revision() -> None:
    assert len(proof_label(DIGEST, 2**31)) == 63


@pytest.mark.parametrize(
    ("history", "newest", "deployed", "base"),
    [
        pytest.param([], None, None, None, id="nothing"),
        pytest.param([revision(1)], 1, 1, 1, id="one"),
        pytest.param([revision(3, "pending-upgrade"), revision(2), revision(1, "superseded")], 3, 2, 2, id="stuck"),
        pytest.param([revision(2, "failed"), revision(1, "failed")], 2, None, 2, id="never-deployed"),
        pytest.param([revision(2, "uninstalled"), revision(1, "superseded")], None, None, None, id="only-a-memory"),
    ],
)
def test_which_revision_is_which(
    history: list[Revision], newest: int | None, deployed: int | None, base: int | None
) -> None:
    found = History(tuple(history))
    numbers = [None if item is None else item.number for item in (found.newest, found.deployed, found.base)]
    assert numbers == [newest, deployed, base]


@pytest.mark.parametrize(
    ("newest", "proved"),
    [
        pytest.param(revision(7, **{DIGEST_LABEL: f"{DIGEST}.7"}), True, id="proved"),
        pytest.param(revision(7, "failed", **{DIGEST_LABEL: f"{DIGEST}.7"}), False, id="failed-since"),
        pytest.param(revision(7, "pending-upgrade", **{DIGEST_LABEL: f"{DIGEST}.7"}), False, id="stuck"),
        pytest.param(revision(7, **{DIGEST_LABEL: f"{'e' * 52}.7"}), False, id="something-else"),
        pytest.param(revision(8, **{DIGEST_LABEL: f"{DIGEST}.7"}), False, id="upgraded-by-hand-since"),
        pytest.param(revision(7), False, id="never-ready"),
    ],
)
def test_proved(newest: Revision, proved: bool) -> None:
    assert History((newest, revision(6, "superseded"))).proved(DIGEST) is proved


def test_no_release_is_not_proved() -> None:
    assert not History().proved(DIGEST)
    assert not History().proved("")


def test_the_chart_seen_before_is_found_in_any_revision() -> None:
    label = chart_label(A, "identity01")
    assert len(label) == 63
    history = History(
        (revision(3, **{CHART_LABEL: chart_label("b" * 64, "identity02")}), revision(1, **{CHART_LABEL: label}))
    )
    assert history.recorded_chart("identity01") == A
    assert history.recorded_chart("identity02") == "b" * 64
    assert history.recorded_chart("identity03") == ""


def test_labels_add_what_is_wanted_and_take_away_what_any_revision_had() -> None:
    old = {LAYER_PREFIX + "hub_nfs": "true", LAYER_PREFIX + "hub_oauth": "true"}
    history = History((revision(3), revision(2, "superseded", **old)))
    assert label_changes(history, ["hub_oauth", "hub_https"], "c") == {
        LAYER_PREFIX + "hub_oauth": "true",
        LAYER_PREFIX + "hub_https": "true",
        LAYER_PREFIX + "hub_nfs": "null",
        CHART_LABEL: "c",
    }


def secret(data: str) -> dict[str, Any]:
    return {"metadata": {"name": "s1", "resourceVersion": "42"}, "data": {"release": data}}


def test_a_record_comes_back() -> None:
    assert decode(secret(encode(RELEASE))) == RELEASE


def test_helms_own_packing_is_read_compressed_or_not() -> None:
    plain = json.dumps(RELEASE).encode()
    for inner in (plain, gzip.compress(plain)):
        packed = base64.b64encode(base64.b64encode(inner)).decode()
        assert decode(secret(packed)) == RELEASE


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param({"metadata": {"name": "s1"}}, id="no-data"),
        pytest.param({"metadata": {"name": "s1"}, "data": None}, id="null-data"),
        pytest.param(secret("%%%"), id="not-base64"),
        pytest.param(secret(base64.b64encode(base64.b64encode(b"no json")).decode()), id="not-json"),
        pytest.param(secret(base64.b64encode(base64.b64encode(b"[1]")).decode()), id="no-release"),
        pytest.param(secret(base64.b64encode(base64.b64encode(b"\x1f\x8b\x08zzz")).decode()), id="not-gzip"),
        pytest.param(secret(base64.b64encode(base64.b64encode(gzip.compress(b"{}")[:-9])).decode()), id="cut-off"),
        pytest.param(secret(encode({"info": {}})[:-40]), id="cut-off-outside"),
    ],
)
def test_a_record_that_cannot_be_read_names_its_secret(broken: dict[str, Any]) -> None:
    with pytest.raises(HubError, match="E-HELM-13") as caught:
        decode(broken)
    assert "Secret s1" in caught.value.what


def test_a_stuck_revision_is_marked_as_helm_marks_failures() -> None:
    stuck = Revision(13, "pending-upgrade", "s1")
    patch = failed_patch(secret(encode(RELEASE)), stuck, datetime(2026, 11, 22, 15, 0, tzinfo=UTC))
    assert patch["metadata"] == {"resourceVersion": "42", "labels": {"status": "failed"}}
    assert decode({"data": patch["data"]}) == {
        **RELEASE,
        "info": {
            "status": "failed",
            "notes": "x",
            "description": "Marked failed by researchops.jupyterhub: pending-upgrade was left behind by a dead writer",
            "last_deployed": "2026-11-22T15:00:00Z",
        },
    }


def test_names_in_a_record() -> None:
    release = {"chart": {"metadata": {"name": "jupyterhub", "version": "4.4.0", "appVersion": "5.5.0"}}}
    assert (release_chart(release), release_app_version(release)) == ("jupyterhub-4.4.0", "5.5.0")
    assert (release_chart({}), release_app_version({})) == ("?-?", "")
