# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pod behind a user's server: found by annotation, judged by image, explained by events."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.userpod import (
    Compared,
    UserPod,
    UserPods,
    compare_image,
    hints,
    parse_pod,
    pods_of,
)


def pod(user: str = "ada", server: str = "", uid: str = "u1", **status: Any) -> dict[str, Any]:
    notes = {"hub.jupyter.org/username": user} | ({"hub.jupyter.org/servername": server} if server else {})
    return {
        "metadata": {"name": f"jupyter-{user}", "uid": uid, "annotations": notes},
        "spec": {
            "nodeName": "node-1",
            "containers": [{"name": "sidecar", "image": "proxy:1"}, {"name": "notebook", "image": "lab:1"}],
        },
        "status": status,
    }


RUNNING = {
    "containerStatuses": [
        {"name": "sidecar", "imageID": "proxy@sha256:bb"},
        {"name": "notebook", "imageID": "docker.io/library/lab@sha256:aa"},
    ]
}


# ---- finding ----------------------------------------------------------------------------------------------------


def test_the_main_container_counts() -> None:
    found = parse_pod(pod(**RUNNING))
    assert found == UserPod("jupyter-ada", "u1", "lab:1", "docker.io/library/lab@sha256:aa", "node-1")


def test_a_pod_that_does_not_run_yet_has_no_image_id() -> None:
    assert parse_pod(pod()) == UserPod("jupyter-ada", "u1", "lab:1", "", "node-1")


def test_a_pod_without_a_container_of_that_name_is_judged_by_its_first() -> None:
    given = pod()
    given["spec"]["containers"] = [{"name": "main", "image": "lab:2"}]
    assert parse_pod(given).image == "lab:2"


def test_an_empty_object_is_no_error() -> None:
    assert parse_pod({}) == UserPod("", "", "", "", "")


def test_only_the_users_default_server_is_found() -> None:
    there = [
        pod("bob", uid="u1"),
        pod("ada", "named", "u2"),
        pod("ada", "", "u3"),
        pod("adam", "", "u4"),
        {"metadata": {}},
    ]
    assert [one.uid for one in pods_of(there, "ada")] == ["u3"]


def test_the_name_is_compared_as_the_hub_has_it() -> None:
    assert [one.uid for one in pods_of([pod("Ada@Example.org", uid="u9")], "Ada@Example.org")] == ["u9"]
    assert pods_of([pod("Ada@Example.org")], "ada@example.org") == []


# ---- the image --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("image", "image_id", "expected", "wrong"),
    [
        ("lab:2", "x@sha256:aa", "lab:1", "the pod asks for lab:2"),
        ("lab:1@sha256:bb", "lab@sha256:bb", "lab:1@sha256:aa", "the pod asks for lab:1@sha256:bb"),
        ("lab:1@sha256:aa", "lab@sha256:bb", "lab:1@sha256:aa", "the node runs lab@sha256:bb"),
        ("lab:1@sha256:aa", "", "lab:1@sha256:aa", "the node runs an unknown image"),
        ("lab:1@sha256:aa", "docker.io/lab@sha256:aa", "lab:1@sha256:aa", ""),
        ("lab:1", "anything", "lab:1", ""),
        ("lab:1", "lab@sha256:aa", "lab:1@sha256:aa", "the pod asks for lab:1"),
        ("lab", "anything", "lab:latest", ""),
        ("", "", "lab:1", "the pod asks for "),
        # admission with digests
        ("lab:1@sha256:aa", "anything", "lab:1", ""),
        ("docker.io/library/lab:1@sha256:aa", "anything", "lab:1", ""),
        ("r.example.org:5000/x/lab:1@sha256:aa", "anything", "r.example.org:5000/x/lab:1", ""),
        ("lab:1@sha256:aa", "lab@sha256:aa", "lab@sha256:aa", ""),
        ("lab@sha256:aa", "lab@sha256:aa", "lab:1@sha256:aa", ""),
        ("lab@sha256:aa", "lab@sha256:bb", "lab:1@sha256:aa", "the node runs lab@sha256:bb"),
        ("lab:2@sha256:aa", "lab@sha256:aa", "lab:1", "the pod asks for lab:2@sha256:aa"),
        ("r.example.org:5000/lab", "", "lab:5000", "the pod asks for r.example.org:5000/lab"),
        # mirrors
        ("m.example.org/x/lab:1@sha256:aa", "x@sha256:aa", "quay.io/x/lab:1@sha256:aa", ""),
        ("m.example.org/x/lab:1@sha256:aa", "", "quay.io/x/lab:1@sha256:aa", "the node runs an unknown image"),
        ("m.example.org/x/lab:2", "", "quay.io/x/lab:1", "the pod asks for m.example.org/x/lab:2"),
        ("m.example.org/x/mylab:1", "", "quay.io/lab:1", "the pod asks for m.example.org/x/mylab:1"),
        ("quay.io/y/x/lab:1", "", "quay.io/x/lab:1", "the pod asks for quay.io/y/x/lab:1"),
    ],
)
def test_whether_it_is_the_pinned_image(image: str, image_id: str, expected: str, wrong: str) -> None:
    assert compare_image(UserPod("p", "u", image, image_id, "n"), expected) == Compared(wrong=wrong)


@pytest.mark.parametrize(
    ("image", "expected", "reason"),
    [
        ("m.example.org/x/lab:1", "quay.io/x/lab:1", "path and tag of quay.io/x/lab:1 in another registry"),
        ("m.example.org/quay/x/lab:1@sha256:aa", "quay.io/x/lab:1", "path and tag of quay.io/x/lab:1 in another"),
        ("localhost/hub/lab:1", "lab:1", "path and tag of lab:1 in another registry (a mirror?)"),
        ("lab@sha256:aa", "lab:1", "whose tag nobody can tell"),
        ("m.example.org/lab@sha256:aa", "lab:1", "whose tag nobody can tell"),
    ],
)
def test_what_admission_made_of_an_image_is_not_proved(image: str, expected: str, reason: str) -> None:
    compared = compare_image(UserPod("p", "u", image, "x@sha256:aa", "n"), expected)
    assert compared.wrong == ""
    assert compared.unproved.startswith(f"the pod asks for {image}, ")
    assert reason in compared.unproved


# ---- events -----------------------------------------------------------------------------------------------------


def event(name: str, reason: str, message: str, **more: Any) -> dict[str, Any]:
    about = {"kind": more.pop("kind", "Pod"), "name": name}
    base = {"involvedObject": about, "reason": reason, "message": message, "type": "Normal"}
    return base | {"lastTimestamp": "2026-11-22T14:00:00Z"} | more


def test_warnings_come_first_and_the_newest_before_the_older() -> None:
    found = hints(
        [
            event("jupyter-ada", "Scheduled", "to node-1", lastTimestamp="2026-11-22T14:00:09Z"),
            event("jupyter-ada", "Failed", "old", type="Warning", lastTimestamp="2026-11-22T14:00:01Z"),
            event("jupyter-ada", "Failed", "new", type="Warning", lastTimestamp="2026-11-22T14:00:02Z"),
        ],
        "ada",
    )
    assert found == ["Failed: new", "Failed: old", "Scheduled: to node-1"]


def test_others_pods_and_kinds_are_left_out() -> None:
    found = hints(
        [
            event("jupyter-bob", "Failed", "x"),
            event("hub-5f7", "Failed", "x"),
            event("jupyter-ada", "Failed", "x", kind="Node"),
            event("claim-ada", "ProvisioningFailed", "no class", kind="PersistentVolumeClaim"),
        ],
        "ada",
    )
    assert found == ["ProvisioningFailed: no class"]


def test_names_are_compared_without_what_escaping_changes() -> None:
    assert hints([event("jupyter-ada-example-org---1a2b3c4d", "Failed", "x")], "Ada@Example.org") == ["Failed: x"]


@pytest.mark.parametrize("user", ["", "---"])
def test_a_name_without_letters_finds_nothing(user: str) -> None:
    assert hints([event("jupyter-ada", "Failed", "x")], user) == []


def test_repeated_events_are_told_once_and_only_a_few() -> None:
    events = [event("jupyter-ada", "Pulling", f"image {number % 6}") for number in range(30)]
    assert len(hints(events, "ada")) == 4


def test_a_long_message_is_one_short_line() -> None:
    (hint,) = hints([event("jupyter-ada", "Failed", "first line " * 50 + "\nsecond")], "ada")
    assert len(hint) == 200 and "second" not in hint


def test_events_with_the_newer_time_field_are_understood() -> None:
    given = event("jupyter-ada", "Failed", "x")
    given["lastTimestamp"], given["eventTime"] = None, "2026-11-22T14:00:00.000000Z"
    assert hints([given], "ada") == ["Failed: x"]


# ---- reading ----------------------------------------------------------------------------------------------------


class Listing:
    """Answers lists and remembers what was asked."""

    def __init__(self, **answers: list[dict[str, Any]]) -> None:
        self.answers = answers
        self.asked: list[tuple[str, dict[str, str] | None]] = []

    def list(self, path: str, query: dict[str, str] | None = None) -> list[dict[str, Any]]:
        self.asked.append((path, query))
        return self.answers[path.rpartition("/")[2]]


def test_pods_are_listed_by_label_in_one_namespace() -> None:
    client: Any = Listing(pods=[pod(**RUNNING), pod("bob")])
    pods = UserPods(client, "climate")
    assert [one.name for one in pods.of("ada")] == ["jupyter-ada"]
    assert client.asked == [("/api/v1/namespaces/climate/pods", {"labelSelector": "component=singleuser-server"})]


def test_events_are_read_from_the_same_namespace() -> None:
    client: Any = Listing(events=[event("jupyter-ada", "Failed", "x")])
    assert UserPods(client, "climate").hints("ada") == ["Failed: x"]
    assert client.asked == [("/api/v1/namespaces/climate/events", None)]
