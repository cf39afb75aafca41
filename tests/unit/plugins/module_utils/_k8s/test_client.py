# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The adapter: a timeout on every request, one error per cause, retries only where they are safe."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import urllib3
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.errors import Changed, HubError
from ansible_collections.researchops.jupyterhub.plugins.module_utils._k8s import client as subject
from ansible_collections.researchops.jupyterhub.plugins.module_utils._k8s.client import (
    ASK_POLICY,
    METADATA_LIST,
    KubeClient,
    Reply,
    api_error,
)
from ansible_collections.researchops.jupyterhub.plugins.module_utils._k8s.connection import PROXY_VARIABLES
from ansible_collections.researchops.jupyterhub.tests.unit.tls_server import serving

SERVER = "https://api.test:6443"
PODS = "/api/v1/namespaces/hub/pods"
LOST = urllib3.exceptions.ProtocolError("Connection aborted.")
THERE = {"metadata": {"name": "a"}, "data": {"k": "v"}}
OTHER = {"metadata": {"name": "a"}, "data": {"k": "somebody else's"}}


class Wire:
    """Stands for urllib3's pool: answers in turn, and remembers what it was asked."""

    def __init__(self, *answers: tuple[int, Any] | Exception) -> None:
        self.answers = list(answers)
        self.asked: list[dict[str, Any]] = []

    def request(self, method: str, url: str, **how: Any) -> SimpleNamespace:
        self.asked.append({"method": method, "url": url, **how})
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        status, body = answer
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return SimpleNamespace(status=status, data=data, headers={})


def configuration(token: str = "Bearer one", **more: Any) -> SimpleNamespace:
    settings = {"BearerToken": {"key": "authorization", "value": token}, "none": {"key": "x", "value": None}}
    return SimpleNamespace(host=SERVER, ssl_ca_cert=None, auth_settings=lambda: settings, **more)


def client(*answers: tuple[int, Any] | Exception) -> tuple[KubeClient, Wire]:
    wire = Wire(*answers)
    return KubeClient(configuration(), wire, "/kubeconfig"), wire


def test_a_request_carries_credentials_timeouts_and_a_name() -> None:
    kube, wire = client((200, {"kind": "Pod"}))
    assert kube.get(f"{PODS}/a", {"x": "1 2"}) == {"kind": "Pod"}
    (asked,) = wire.asked
    assert (asked["method"], asked["url"]) == ("GET", f"{SERVER}{PODS}/a?x=1+2")
    assert asked["headers"] == {
        "Accept": "application/json",
        "User-Agent": "researchops.jupyterhub",
        "authorization": "Bearer one",
    }
    assert (asked["timeout"].connect_timeout, asked["timeout"].read_timeout) == (5.0, 30.0)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize(
    "lost", [urllib3.exceptions.ReadTimeoutError, urllib3.exceptions.ConnectTimeoutError, urllib3.exceptions.SSLError]
)
def test_a_write_that_is_lost_is_not_repeated(method: str, lost: Any) -> None:
    kube, wire = client((200, {}))
    kube.request(method, PODS, body={"a": 1})
    assert json.loads(wire.asked[0]["body"]) == {"a": 1}
    problem = lost(None, PODS, "lost") if lost is urllib3.exceptions.ReadTimeoutError else lost("lost")
    with pytest.raises((lost, urllib3.exceptions.MaxRetryError)):
        wire.asked[0]["retries"].increment(method, PODS, error=problem)


@pytest.mark.parametrize(
    ("method", "refusal", "times", "sent", "ends"),
    [
        pytest.param("GET", 429, 2, 3, THERE, id="a read that is put off"),
        pytest.param("POST", 429, 2, 3, THERE, id="a write that is put off"),
        pytest.param(
            "GET", 429, 9, 3, ("E-K8S-07", Changed.NOTHING, True), id="a read that is put off again and again"
        ),
        pytest.param(
            "POST", 429, 9, 3, ("E-K8S-07", Changed.NOTHING, True), id="a write that is put off again and again"
        ),
        pytest.param("GET", 503, 9, 3, ("E-K8S-08", Changed.NOTHING, True), id="a read that nobody can serve"),
        pytest.param("POST", 503, 9, 1, ("E-K8S-08", Changed.UNKNOWN, True), id="a write that may have been done"),
    ],
)
def test_what_a_busy_server_puts_off(
    tmp_path: Path, method: str, refusal: int, times: int, sent: int, ends: Any
) -> None:
    """An API server with too much to do answers 429 with Retry-After, before it has looked at the request."""

    def busy(*_request: Any) -> tuple[int, Any, dict[str, str]]:
        late = len(server.requests) > times
        return (200, THERE, {}) if late else (refusal, {"message": "too many requests"}, {"Retry-After": "0"})

    with serving(tmp_path, busy) as server:
        pool = urllib3.PoolManager(ca_certs=str(server.ca_file))
        kube = KubeClient(SimpleNamespace(host=server.url, ssl_ca_cert=None, auth_settings=dict), pool, "/kubeconfig")
        call = (lambda: kube.get(f"{PODS}/a")) if method == "GET" else (lambda: kube.create(PODS, THERE))
        try:
            ended: Any = call()
        except HubError as problem:
            ended = problem.error_id, problem.changed, "too many requests" in problem.what
        pool.clear()
    assert (ended, [one[0] for one in server.requests]) == (ends, [method] * sent)


def test_a_read_is_repeated_but_follows_no_redirect() -> None:
    kube, wire = client((200, {}))
    kube.request("GET", PODS)
    assert (wire.asked[0]["retries"].total, wire.asked[0]["retries"].redirect) == (2, 0)


def test_a_brief_client_waits_less_and_repeats_nothing() -> None:
    kube, wire = client((200, {}), (200, {}))
    for one in (kube.brief(3.0), kube):
        one.request("GET", PODS)
    limits = [
        (asked["timeout"].connect_timeout, asked["timeout"].read_timeout, asked["retries"].total)
        for asked in wire.asked
    ]
    assert limits == [(3.0, 3.0, 0), (5.0, 30.0, 2)]


@pytest.mark.parametrize(
    ("status", "error_id", "part"),
    [
        (403, "E-K8S-04", "ask the cluster's administrator"),
        (409, "E-K8S-05", "run again"),
        (422, "E-K8S-06", "correct the value"),
        (429, "E-K8S-07", "in a minute"),
        (500, "E-K8S-08", "health"),
        (400, "E-K8S-08", "health"),
    ],
)
def test_one_error_per_status(status: int, error_id: str, part: str) -> None:
    error = api_error(Reply(status, {"message": "because.", "reason": "Why"}), "POST", PODS, SERVER)
    assert error.error_id == error_id
    assert part in error.do
    assert error.what == f"POST {PODS} was refused by {SERVER}: {status}, because"
    assert error.details == {"status": status, "method": "POST", "path": PODS, "reason": "Why"}


def test_who_sent_no_credentials_is_not_told_to_ask_for_a_permission() -> None:
    said = 'pods is forbidden: User "system:anonymous" cannot list resource "pods"'
    error = api_error(Reply(403, {"message": said}), "GET", PODS, SERVER)
    assert error.error_id == "E-K8S-03"
    assert said in error.what and "login program" in error.do


def test_a_policy_or_quota_is_no_missing_permission() -> None:
    said = 'services "hub-front" is forbidden: exceeded quota: team, requested: services=1'
    error = api_error(Reply(403, {"message": said}), "PATCH", PODS, SERVER)
    assert (error.error_id, error.do) == ("E-K8S-04", ASK_POLICY)


def test_a_namespace_that_is_going_away_is_no_missing_permission() -> None:
    said = (
        'services "hub-front" is forbidden: unable to create new content in namespace climate because it is being '
        "terminated"
    )
    error = api_error(Reply(403, {"message": said}), "PATCH", PODS, SERVER)
    assert error.error_id == "E-K8S-04"
    assert said in error.what
    assert error.do.startswith("wait until namespace climate is gone (`kubectl get namespace climate --output yaml` ")
    assert "permission" not in error.do


def test_google_s_own_refusal_before_a_cluster_is_read_and_has_its_cure() -> None:
    said = "Permission 'container.clusters.connect' denied on resource '//container.googleapis.com/x'"
    refused = {"error": {"code": 403, "message": f"{said}.", "status": "PERMISSION_DENIED"}}
    error = api_error(Reply(403, refused), "GET", "/version", SERVER)
    assert (error.error_id, error.what) == ("E-K8S-04", f"GET /version was refused by {SERVER}: 403, {said}")
    assert "roles/container.clusterViewer" in error.do
    assert api_error(Reply(503, {"error": "no dictionary"}), "GET", "/version", SERVER).what.endswith("no reason given")


def test_a_missing_object_is_none_and_a_missing_collection_is_empty() -> None:
    kube, _wire = client((404, {}), (404, {}))
    assert kube.get(f"{PODS}/a") is None
    assert kube.list(PODS) == []


def test_lists_are_read_page_by_page_with_their_selector() -> None:
    pages = [{"items": [1], "metadata": {"continue": "next"}}, {"items": None, "metadata": {}}]
    kube, wire = client(*((200, page) for page in pages))
    assert kube.list(PODS, {"labelSelector": "a=b"}, metadata_only=True) == [1]
    assert [asked["url"] for asked in wire.asked] == [
        f"{SERVER}{PODS}?labelSelector=a%3Db&limit=500",
        f"{SERVER}{PODS}?labelSelector=a%3Db&limit=500&continue=next",
    ]
    assert {asked["headers"]["Accept"] for asked in wire.asked} == {METADATA_LIST}


def test_what_the_verbs_send() -> None:
    kube, wire = client((201, {}), (200, {}), (200, {}), (200, {}), (404, {}))
    kube.create(PODS, {"a": 1}, dry_run=True)
    kube.apply(f"{PODS}/a", {"b": 1})
    kube.merge(f"{PODS}/a", {"c": 1})
    assert kube.delete(f"{PODS}/a")
    assert not kube.delete(f"{PODS}/a", dry_run=True)
    told = [
        (asked["method"], asked["url"].removeprefix(SERVER + PODS), asked["headers"].get("Content-Type"))
        for asked in wire.asked
    ]
    assert told == [
        ("POST", "?dryRun=All", "application/json"),
        ("PATCH", "/a?fieldManager=researchops.jupyterhub&force=true", "application/apply-patch+yaml"),
        ("PATCH", "/a", "application/merge-patch+json"),
        ("DELETE", "/a", None),
        ("DELETE", "/a?dryRun=All", None),
    ]


@pytest.mark.parametrize("verb", ["create", "apply", "merge"])
def test_a_refused_write_raises(verb: str) -> None:
    kube, _wire = client((403, {"message": "no"}))
    with pytest.raises(HubError, match="E-K8S-04"):
        getattr(kube, verb)(PODS, {})


@pytest.mark.parametrize(
    ("method", "query", "changed"),
    [
        ("GET", {}, Changed.NOTHING),
        ("PATCH", {}, Changed.UNKNOWN),
        pytest.param("PATCH", {"dryRun": "All"}, Changed.NOTHING, id="a rehearsal changes nothing"),
    ],
)
def test_unreachable_says_whether_anything_may_have_happened(
    method: str, query: dict[str, str], changed: Changed
) -> None:
    kube, _wire = client(*[urllib3.exceptions.ProtocolError("Connection aborted.")] * 2)
    with pytest.raises(HubError) as caught:
        kube.request(method, PODS, query)
    assert (caught.value.error_id, caught.value.changed) == ("E-K8S-02", changed)
    assert "Connection aborted" in caught.value.what


@pytest.mark.parametrize(
    ("verb", "answers", "sent"),
    [
        pytest.param("create", [LOST, (200, THERE)], ["POST", "GET"], id="created, the answer was lost"),
        pytest.param("create", [LOST, (404, {}), (201, THERE)], ["POST", "GET", "POST"], id="not created"),
        pytest.param(
            "create", [LOST, (404, {}), (409, {}), (200, THERE)], ["POST", "GET", "POST", "GET"], id="created late"
        ),
        pytest.param("apply", [LOST, (200, THERE)], ["PATCH", "GET"], id="applied"),
        pytest.param("apply", [LOST, (200, OTHER), (200, THERE)], ["PATCH", "GET", "PATCH"], id="not applied"),
        pytest.param("merge", [LOST, (200, THERE)], ["PATCH", "GET"], id="merged"),
    ],
)
def test_a_write_whose_answer_is_lost_is_read_back(verb: str, answers: list[Any], sent: list[str]) -> None:
    kube, wire = client(*answers)
    path = PODS if verb == "create" else f"{PODS}/a"
    assert getattr(kube, verb)(path, THERE) == THERE
    assert [one["method"] for one in wire.asked] == sent
    assert all(one["url"].split("?")[0].endswith(f"{PODS}/a") for one in wire.asked if one["method"] == "GET")


@pytest.mark.parametrize(
    ("answers", "sent", "result"),
    [
        ([LOST, (404, {})], ["DELETE", "GET"], True),
        ([LOST, (200, THERE), (200, {})], ["DELETE", "GET", "DELETE"], True),
    ],
)
def test_a_deletion_whose_answer_is_lost_is_read_back(answers: list[Any], sent: list[str], result: bool) -> None:
    kube, wire = client(*answers)
    assert kube.delete(f"{PODS}/a") is result
    assert [one["method"] for one in wire.asked] == sent


@pytest.mark.parametrize(
    ("answers", "body"),
    [
        pytest.param([LOST], {"metadata": {"generateName": "a-"}}, id="no name to look for"),
        pytest.param([LOST, (200, OTHER)], THERE, id="another object of that name"),
        pytest.param([LOST, (403, {})], THERE, id="it may not be read"),
        pytest.param([LOST, LOST], THERE, id="no answer again"),
    ],
)
def test_what_cannot_be_settled_stays_unknown(answers: list[Any], body: dict[str, Any]) -> None:
    kube, wire = client(*answers)
    with pytest.raises(HubError) as caught:
        kube.create(PODS, body)
    assert (caught.value.error_id, caught.value.changed) == ("E-K8S-02", Changed.UNKNOWN)
    assert [one["method"] for one in wire.asked] == ["POST", "GET"][: len(answers)]


def test_a_question_is_simply_asked_again() -> None:
    kube, wire = client(LOST, (201, THERE), LOST, (201, THERE))
    assert kube.create("/apis/authentication.k8s.io/v1/selfsubjectreviews", {"kind": "SelfSubjectReview"}) == THERE
    assert kube.create(PODS, THERE, dry_run=True) == THERE
    assert [one["method"] for one in wire.asked] == ["POST"] * 4


def test_a_rehearsed_creation_of_what_exists_is_a_conflict_even_after_a_loss() -> None:
    kube, wire = client(LOST, (409, {}))
    with pytest.raises(HubError, match="E-K8S-05"):
        kube.create(PODS, THERE, dry_run=True)
    assert [one["method"] for one in wire.asked] == ["POST", "POST"]


@pytest.mark.parametrize(("asked", "slept"), [("1", 1.0), ("3600", 5.0)])
def test_no_server_makes_a_reading_sleep_for_long(monkeypatch: pytest.MonkeyPatch, asked: str, slept: float) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    kube, wire = client((200, {}))
    kube.get(PODS)
    retries = wire.asked[0]["retries"].increment("GET", PODS, urllib3.HTTPResponse(status=503))
    retries.sleep(urllib3.HTTPResponse(headers={"Retry-After": asked}, status=503))
    assert pauses == [slept]


def test_somebody_else_s_object_is_a_conflict_even_after_a_loss() -> None:
    kube, _wire = client(LOST, (404, {}), (409, {}), (200, OTHER))
    with pytest.raises(HubError, match="E-K8S-05"):
        kube.create(PODS, THERE)


def test_a_certificate_that_does_not_fit_has_another_cure() -> None:
    kube, _wire = client(urllib3.exceptions.SSLError("certificate verify failed: self-signed"))
    with pytest.raises(HubError, match="do not switch verification off") as caught:
        kube.request("GET", PODS)
    assert caught.value.details == {"kind": "tls"}


@pytest.fixture(autouse=True)
def _nothing_was_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A renewal says so in the environment; after the test it is as before."""
    monkeypatch.setenv(subject.REFUSED_TOKEN, "")


@pytest.fixture
def renewals(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str | None]]:
    """Answers to a renewal of credentials; what it was asked for is recorded."""
    seen: list[tuple[str, str | None]] = []

    def load(path: str, context: str | None) -> tuple[Any, Wire]:
        seen.append((path, context))
        return configuration("Bearer two"), Wire((200, {"late": True}))

    monkeypatch.setattr(subject, "_load", load)
    return seen


def test_expired_credentials_are_renewed_once(renewals: list[tuple[str, str | None]]) -> None:
    kube, wire = client((401, {}))
    assert kube.get(PODS) == {"late": True}
    assert len(wire.asked) == 1
    assert [path for path, _context in renewals] == ["/kubeconfig"]


def test_credentials_are_asked_for_once_however_many_requests_follow() -> None:
    """An exec helper behind them would be started each time: the library takes a short-lived token for expired."""
    asked: list[int] = []

    def settings() -> dict[str, Any]:
        asked.append(1)
        return {"BearerToken": {"key": "authorization", "value": "Bearer one"}}

    wire = Wire((200, {}), (200, {}), (200, {}))
    kube = KubeClient(SimpleNamespace(host=SERVER, ssl_ca_cert=None, auth_settings=settings), wire, "/kubeconfig")
    for _request in range(3):
        kube.get(PODS)
    assert len(asked) == 1
    assert [call["headers"]["authorization"] for call in wire.asked] == ["Bearer one"] * 3


HELPER = """
test -n "${variable}" && token=two || token=one
echo '{{"status": {{"token": "'$token'"}}}}'
"""


def test_a_login_helper_is_told_which_token_was_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ours keeps its token: without a word it would hand out the refused one until its end."""
    helper = tmp_path / "helper"
    helper.write_text(HELPER.format(variable=subject.REFUSED_TOKEN))
    user = {"exec": {"apiVersion": "v1", "command": "/bin/sh", "args": [str(helper)]}}
    path = tmp_path / "config"
    path.write_text(KUBECONFIG.replace("{token: abcdefgh}", json.dumps(user)))
    for name in PROXY_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    kube = KubeClient.from_kubeconfig(str(path), None)
    kube._renew(kube._credentials)
    assert kube._credentials == {"authorization": "Bearer two"}
    assert os.environ[subject.REFUSED_TOKEN] == hashlib.sha256(b"one").hexdigest()


@pytest.mark.parametrize("used", [{}, {"authorization": "Basic YWRhOnB3"}], ids=["certificate", "password"])
def test_nothing_about_other_credentials_than_a_token_gets_into_the_environment(used: dict[str, str]) -> None:
    """A password's digest could be guessed at; a token's cannot."""
    assert subject._fingerprint(used) == ""


def test_threads_that_are_refused_together_renew_once(renewals: list[tuple[str, str | None]]) -> None:
    kube, _wire = client((401, {}))
    used = kube._credentials
    kube._renew(used)
    kube._renew(used)
    assert len(renewals) == 1


def test_refused_credentials_are_an_error_after_one_renewal(monkeypatch: pytest.MonkeyPatch) -> None:
    kube, _wire = client((401, {}))
    monkeypatch.setattr(subject, "_load", lambda _path, _context: (configuration(), Wire((401, {}))))
    with pytest.raises(HubError, match="E-K8S-03"):
        kube.get(PODS)


@pytest.mark.parametrize(
    ("server", "told"),
    [
        ("https://0A1B.gr7.eu-west-1.eks.amazonaws.com", True),
        ("https://0A1B.yl4.cn-north-1.eks.amazonaws.com.cn", True),
        ("https://0A1B.eks-cluster.eu-west-1.api.aws", True),
        (SERVER, False),
    ],
)
def test_who_is_not_known_to_an_eks_cluster_is_told_where_access_is_given(
    monkeypatch: pytest.MonkeyPatch, server: str, told: bool
) -> None:
    known = SimpleNamespace(host=server, ssl_ca_cert=None, auth_settings=dict)
    monkeypatch.setattr(subject, "_load", lambda _path, _context: (known, Wire((401, {}))))
    with pytest.raises(HubError, match="E-K8S-03") as caught:
        KubeClient(known, Wire((401, {})), "/kubeconfig").get(PODS)
    assert ("access entry of EKS" in caught.value.do) is told


@pytest.mark.parametrize(
    ("data", "body"),
    [
        (b"", {}),
        (b'{"a": 1}', {"a": 1}),
        (b"<html>" + b"x" * 300, {"message": "<html>" + "x" * 194}),
        (b"[1]", {"message": "[1]"}),
    ],
)
def test_bodies_that_are_no_object_become_a_message(data: bytes, body: dict[str, Any]) -> None:
    kube, _wire = client((200, data))
    assert kube.request("GET", PODS) == Reply(200, body)


KUBECONFIG = """
apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "https://api.test:6443"}}]
users: [{name: u, user: {token: abcdefgh}}]
contexts: [{name: one, context: {cluster: c, user: u}}]
current-context: one
"""


def test_a_kubeconfig_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "config"
    path.write_text(KUBECONFIG)
    monkeypatch.setenv("KUBECONFIG", str(path))
    kube = KubeClient.from_kubeconfig(None, None)
    assert (kube.server, kube.ca_file) == (SERVER, None)


def test_an_unusual_kubeconfig_needs_the_kubernetes_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "config"
    path.write_text(KUBECONFIG.replace("token: abcdefgh", "username: u, password: p"))
    monkeypatch.setitem(sys.modules, "kubernetes", None)
    with pytest.raises(HubError, match="E-LIB-01 The Python library kubernetes is missing"):
        KubeClient.from_kubeconfig(str(path), None)


@pytest.mark.parametrize(
    "user", [pytest.param("token: abcdefgh", id="usual"), pytest.param("username: u, password: p", id="unusual")]
)
def test_a_kubeconfig_s_proxy_is_never_passed_by(tmp_path: Path, user: str) -> None:
    path = tmp_path / "config"
    proxied = KUBECONFIG.replace('"https://api.test:6443"', '"https://api.test:6443", proxy-url: "http://127.0.0.1:9"')
    path.write_text(proxied.replace("token: abcdefgh", user))
    kube = KubeClient.from_kubeconfig(str(path), None)
    assert str(kube._pool.proxy) == "http://127.0.0.1:9"
    path.write_text(KUBECONFIG.replace("token: abcdefgh", user))
    assert getattr(KubeClient.from_kubeconfig(str(path), None)._pool, "proxy", None) is None


@pytest.mark.parametrize("several", [False, True], ids=["one file", "several files"])
@pytest.mark.parametrize(
    "user", [pytest.param("token: abcdefgh", id="usual"), pytest.param("username: u, password: p", id="unusual")]
)
def test_no_proxy_leads_nobody_past_a_kubeconfig_s_proxy(
    tmp_path: Path, user: str, several: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "api.test,*")
    monkeypatch.setenv("no_proxy", "api.test,*")
    path = tmp_path / "config"
    proxied = KUBECONFIG.replace('"https://api.test:6443"', '"https://api.test:6443", proxy-url: "http://127.0.0.1:9"')
    path.write_text(proxied.replace("token: abcdefgh", user))
    kube = KubeClient.from_kubeconfig(f"{path}{os.pathsep}/nowhere" if several else str(path), None)
    assert str(kube._pool.proxy) == "http://127.0.0.1:9"


@pytest.mark.parametrize(
    "user", [pytest.param("token: abcdefgh", id="usual"), pytest.param("username: u, password: p", id="unusual")]
)
def test_an_api_server_on_this_machine_needs_no_proxy_of_the_environment(
    tmp_path: Path, user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    path = tmp_path / "config"
    path.write_text(KUBECONFIG.replace("api.test", "127.0.0.1").replace("token: abcdefgh", user))
    assert getattr(KubeClient.from_kubeconfig(str(path), None)._pool, "proxy", None) is None


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:9", "ftp://127.0.0.1:9", "127.0.0.1:9"])
def test_a_proxy_that_nobody_here_can_use_is_told(tmp_path: Path, proxy: str) -> None:
    """Version 37 of the package takes socks proxies, but for a library that it does not bring."""
    import kubernetes

    path = tmp_path / "config"
    path.write_text(KUBECONFIG.replace('"https://api.test:6443"', f'"https://api.test:6443", proxy-url: "{proxy}"'))
    takes_socks = int(kubernetes.__version__.split(".")[0]) >= 37 and proxy.startswith("socks")
    wanted = "E-LIB-01 .* socks .* pip install PySocks" if takes_socks else "E-ACCESS-05 .* through: socks5"
    with pytest.raises(HubError, match=wanted):
        KubeClient.from_kubeconfig(str(path), None)


@pytest.mark.parametrize(
    ("text", "context"),
    [
        pytest.param(None, None, id="no-such-file"),
        pytest.param("a: [", None, id="not-yaml"),
        pytest.param("[]", None, id="no-kubeconfig"),
        pytest.param(KUBECONFIG, "other", id="no-such-context"),
    ],
)
def test_a_kubeconfig_that_cannot_be_used(tmp_path: Path, text: str | None, context: str | None) -> None:
    path = tmp_path / "config"
    if text is not None:
        path.write_text(text)
    with pytest.raises(HubError, match="E-K8S-01") as caught:
        KubeClient.from_kubeconfig(str(path), context)
    assert str(path) in caught.value.what
    assert not caught.value.what.endswith(".")


class Stream:
    """An answer that goes on for a while."""

    def __init__(self, *parts: bytes | Exception, status: int = 200) -> None:
        self.parts = parts
        self.status = status
        self.data = b"".join(part for part in parts if isinstance(part, bytes))
        self.ended: list[str] = []

    def stream(self, amount: int) -> Any:
        for part in self.parts:
            if isinstance(part, Exception):
                raise part
            yield part

    def release_conn(self) -> None:
        self.ended.append("released")

    def close(self) -> None:
        self.ended.append("closed")


class Streams(Wire):
    """A pool that hands out streams."""

    def request(self, method: str, url: str, **how: Any) -> Any:
        self.asked.append({"method": method, "url": url, **how})
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def watching(*answers: Any) -> tuple[KubeClient, Streams]:
    wire = Streams(*answers)
    return KubeClient(configuration(), wire, "/kubeconfig"), wire


def test_events_come_line_by_line_however_the_stream_is_cut() -> None:
    stream = Stream(b'{"type": "ADDED"}\n{"ty', b'pe": "MODIFIED", "object": {"a": 1}}\n\n', b'{"type": "cut')
    kube, wire = watching(stream)
    events = list(kube.watch(PODS, {"resourceVersion": "7", "fieldSelector": "metadata.name=a"}, 600))
    assert events == [{"type": "ADDED"}, {"type": "MODIFIED", "object": {"a": 1}}]
    (asked,) = wire.asked
    assert asked["url"].endswith("?resourceVersion=7&fieldSelector=metadata.name%3Da&watch=true&timeoutSeconds=25")
    assert (asked["timeout"].read_timeout, asked["retries"], asked["preload_content"]) == (30.0, False, False)
    assert stream.ended == ["closed"]


@pytest.mark.parametrize(("seconds", "asked"), [(600, "25"), (7.9, "7"), (0.2, "1"), (-3, "1")])
def test_a_watch_always_ends(seconds: float, asked: str) -> None:
    kube, wire = watching(Stream())
    assert list(kube.watch(PODS, {}, seconds)) == []
    assert wire.asked[0]["url"].endswith(f"timeoutSeconds={asked}")


def test_a_watch_that_is_left_early_is_closed() -> None:
    stream = Stream(b'{"type": "ADDED"}\n{"type": "ADDED"}\n')
    kube, _wire = watching(stream)
    events = kube.watch(PODS, {}, 5)
    next(events)
    events.close()  # type: ignore[attr-defined]
    assert stream.ended == ["closed"]


def test_a_version_that_is_too_old_is_an_error_of_its_status() -> None:
    gone = json.dumps({"type": "ERROR", "object": {"code": 410, "message": "too old"}}).encode() + b"\n"
    kube, _wire = watching(Stream(gone))
    with pytest.raises(HubError, match=r"E-K8S-08 WATCH .* 410, too old") as caught:
        list(kube.watch(PODS, {}, 5))
    assert caught.value.details["status"] == 410
    kube, _wire = watching(Stream(b'{"type": "ERROR"}\n'))
    with pytest.raises(HubError, match="500, no reason given"):
        list(kube.watch(PODS, {}, 5))


def test_a_refused_watch_is_an_error() -> None:
    kube, _wire = watching(Stream(b'{"message": "no"}', status=403))
    with pytest.raises(HubError, match="E-K8S-04"):
        list(kube.watch(PODS, {}, 5))


@pytest.mark.parametrize("when", ["at once", "later"])
def test_a_broken_watch_is_an_error(when: str) -> None:
    problem = urllib3.exceptions.ProtocolError("reset")
    kube, _wire = watching(problem if when == "at once" else Stream(b'{"type": "ADDED"}\n', problem))
    with pytest.raises(HubError, match="E-K8S-02") as caught:
        list(kube.watch(PODS, {}, 5))
    assert caught.value.changed is Changed.NOTHING


def test_a_watch_renews_credentials_once(monkeypatch: pytest.MonkeyPatch) -> None:
    refused, stream = Stream(status=401), Stream(b'{"type": "ADDED"}\n')
    kube, wire = watching(refused, stream)
    monkeypatch.setattr(subject, "_load", lambda path, context: (configuration("Bearer two"), wire))
    assert list(kube.watch(PODS, {}, 5)) == [{"type": "ADDED"}]
    assert [asked["headers"]["authorization"] for asked in wire.asked] == ["Bearer one", "Bearer two"]
    assert refused.ended == ["released"]


@pytest.mark.parametrize(("header", "seconds"), [("7", 7.0), ("Wed, 21 Oct 2026 07:28:00 GMT", 0.0), ("", 0.0)])
def test_what_the_server_asks_for_is_handed_on(header: str, seconds: float) -> None:
    wire = Streams(SimpleNamespace(status=429, data=b"{}", headers={"Retry-After": header}))
    assert KubeClient(configuration(), wire, "/kubeconfig").request("GET", PODS).retry_after == seconds


def test_the_servers_clock_is_the_one_of_its_last_answer() -> None:
    date = "Wed, 21 Oct 2020 07:28:00 GMT"
    kube = KubeClient(configuration(), Streams(SimpleNamespace(status=200, data=b"{}", headers={"date": date})), "/x")
    kube.request("GET", PODS)
    assert timedelta() <= kube.server_time.now() - datetime(2020, 10, 21, 7, 28, tzinfo=UTC) < timedelta(minutes=1)
