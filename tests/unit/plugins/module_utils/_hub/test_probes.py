# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which pods a preflight starts, and what it says about what became of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.oidc import WELL_KNOWN
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.probes import (
    CHUNK,
    LABEL,
    LIMIT,
    NO_ROOM,
    NOT_ANSWERED,
    PULL_PATIENCE,
    RUN_LABEL,
    SCRIPT,
    beside,
    judge,
    plan,
)
from ansible_collections.researchops.jupyterhub.tests.unit.certificate_maker import Made
from ansible_collections.researchops.jupyterhub.tests.unit.tls_server import old_authority, serving

Json = dict[str, Any]
ISSUER = "https://issuer.example.org"
LABELS = {LABEL: "climate", RUN_LABEL: "r1"}
IMAGES = {
    "hub": {"image": {"name": "registry.example.org/hub", "tag": "1"}},
    "singleuser": {"image": {"name": "registry.example.org/user", "tag": "2"}},
}
EXISTS = {"own": {"resources": [{"metadata": {"name": "climate"}}], "problem": ""}}
HUB_POD, USER_POD = "preflight-hub-r1", "preflight-singleuser-r1"


def wish(**changes: Any) -> Json:
    """A hub whose namespace is there."""
    return {
        "run": "r1",
        "namespace": "climate",
        "obstacle": "",
        "look": EXISTS,
        "values": IMAGES,
        "root": "",
        "chart": {},
        "chart_ref": "",
        "chart_version": "",
        "issuer": ISSUER,
        "ca_file": "",
        "ca_pem": "",
        **changes,
    }


def one(kind: str, name: str, namespace: str = "", labels: Json | None = None) -> Json:
    """An object, as a list has it (without its kind) or as it is named for removal."""
    about: Json = {"name": name, **({"namespace": namespace} if namespace else {})}
    if labels is not None:
        return {"metadata": {**about, "labels": labels, "uid": "u"}}
    return {"apiVersion": "v1", "kind": kind, "metadata": about}


def reasons(planned: Json) -> list[str]:
    return [probe["reason"] for probe in planned["probes"]]


# ---- the plan ------------------------------------------------------------------------------------------------------


def test_the_pods_of_a_hub_whose_namespace_is_there() -> None:
    planned = plan(wish(ca_file="/ca.pem", ca_pem="PEM"))
    assert planned["namespace"] == "climate"
    assert planned["selector"] == f"{LABEL}=climate,{RUN_LABEL}=r1"
    hub, user = planned["documents"]
    assert hub == {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": HUB_POD, "namespace": "climate", "labels": LABELS},
        "spec": {
            "restartPolicy": "Never",
            "activeDeadlineSeconds": LIMIT,
            "terminationGracePeriodSeconds": 1,
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": 1000,
                "runAsGroup": 1000,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "imagePullSecrets": [],
            "nodeSelector": {},
            "tolerations": [
                {"key": key, "operator": "Equal", "value": "core", "effect": "NoSchedule"}
                for key in ("hub.jupyter.org/dedicated", "hub.jupyter.org_dedicated")
            ],
            "containers": [
                {
                    "name": "probe",
                    "image": "registry.example.org/hub:1",
                    "imagePullPolicy": "IfNotPresent",
                    "command": ["python3", "-I", "-c", SCRIPT],
                    "env": [
                        {"name": "PROBE_ISSUER", "value": ISSUER},
                        {"name": "PROBE_ADDRESS", "value": ISSUER + WELL_KNOWN},
                        {"name": "PROBE_CA_000", "value": "PEM"},
                    ],
                    "terminationMessagePolicy": "FallbackToLogsOnError",
                    "resources": {
                        "requests": {"cpu": "10m", "memory": "32Mi"},
                        "limits": {"cpu": "500m", "memory": "128Mi"},
                    },
                    "securityContext": {
                        "allowPrivilegeEscalation": False,
                        "readOnlyRootFilesystem": True,
                        "capabilities": {"drop": ["ALL"]},
                    },
                }
            ],
        },
    }
    (container,) = user["spec"]["containers"]
    assert (container["image"], container["command"], container["env"]) == (
        "registry.example.org/user:2",
        ["sh", "-c", ":"],
        [],
    )
    assert planned["remove"] == [one("Pod", HUB_POD, "climate"), one("Pod", USER_POD, "climate")]
    assert planned["leftovers"] == []


def test_a_hub_without_a_namespace_gets_one_for_the_probes() -> None:
    planned = plan(wish(look={}))
    namespace, account, hub, _user = planned["documents"]
    assert namespace == {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": "climate-preflight", "labels": LABELS},
    }
    assert (account["kind"], account["automountServiceAccountToken"]) == ("ServiceAccount", False)
    assert hub["metadata"]["namespace"] == "climate-preflight"
    assert hub["spec"]["serviceAccountName"] == account["metadata"]["name"]
    assert planned["remove"] == [one("Namespace", "climate-preflight")]


def test_a_long_name_stays_a_name() -> None:
    assert beside("a" * 63) == "a" * 53 + "-preflight"


def test_a_bundle_of_authorities_goes_in_parts() -> None:
    text = "x" * (2 * CHUNK + 1)
    env = plan(wish(ca_file="/ca.pem", ca_pem=text))["documents"][0]["spec"]["containers"][0]["env"][2:]
    assert [entry["name"] for entry in env] == ["PROBE_CA_000", "PROBE_CA_001", "PROBE_CA_002"]
    assert "".join(entry["value"] for entry in env) == text


def test_without_an_issuer_nobody_is_asked() -> None:
    planned = plan(wish(issuer=""))
    assert [probe["check"] for probe in planned["probes"]] == ["hub image on a node", "user image on a node"]
    assert planned["documents"][0]["spec"]["containers"][0]["command"] == ["sh", "-c", ":"]


def test_what_a_killed_run_left_is_removed_first_and_in_the_end() -> None:
    pod = one("Pod", "preflight-hub-r0", "climate", {LABEL: "climate"})
    namespace = one("Namespace", "climate-preflight", labels={LABEL: "climate"})
    look = EXISTS | {"pods": {"resources": [pod]}, "beside": {"resources": [namespace]}}
    planned = plan(wish(look=look))
    left = [one("Pod", "preflight-hub-r0", "climate"), one("Namespace", "climate-preflight")]
    assert planned["leftovers"] == left
    assert planned["remove"] == [one("Pod", HUB_POD, "climate"), one("Pod", USER_POD, "climate"), *left]


def test_the_namespace_of_a_killed_run_is_removed_once() -> None:
    look = {"beside": {"resources": [one("Namespace", "climate-preflight", labels={LABEL: "climate"})]}}
    assert plan(wish(look=look))["remove"] == [one("Namespace", "climate-preflight")]


STRANGER = one("Namespace", "climate-preflight", labels={})
NOBODY_ELSES = "because the namespace climate-preflight was not made by a preflight"
UNNAMED = "because neither z2jh_values nor a chart at hand names {}.image"


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        pytest.param({"obstacle": "in check mode"}, ["in check mode"] * 3, id="00 check mode"),
        pytest.param(
            {"look": {"beside": {"resources": [STRANGER]}}}, [NOBODY_ELSES] * 3, id="01 a stranger's namespace"
        ),
        pytest.param({"look": {"own": {"problem": "E-K8S-04 No"}}}, ["because of E-K8S-04 No"] * 3, id="02 no answer"),
        pytest.param(
            {"values": {}},
            [UNNAMED.format("hub"), UNNAMED.format("singleuser"), UNNAMED.format("hub")],
            id="03 no image known",
        ),
        pytest.param(
            {"ca_file": "/ca.pem"}, ["", "", "because hub_oauth_ca_file is not usable"], id="04 authority unreadable"
        ),
        pytest.param(
            {"look": {}, "values": {**IMAGES, "imagePullSecrets": ["reg"]}},
            ["because its pull secrets (reg) need the hub's namespace, which does not exist yet"] * 3,
            id="05 secrets without a namespace",
        ),
    ],
)
def test_what_is_not_tried_and_why(changes: Json, wanted: list[str]) -> None:
    planned = plan(wish(**changes))
    assert reasons(planned) == wanted
    assert len(planned["documents"]) == wanted[:2].count("")
    rows = judge(planned, {"pods": [], "elapsed": 0, "created": {}})["rows"]
    assert [row["text"] for row in rows if row["text"].startswith("not probed")][-1] == f"not probed {wanted[-1]}"


def test_an_obstacle_leaves_leftovers_alone() -> None:
    look = EXISTS | {"pods": {"resources": [one("Pod", "p", "climate", {LABEL: "climate"})]}}
    assert plan(wish(look=look, obstacle="in check mode"))["remove"] == []


# ---- the verdict ---------------------------------------------------------------------------------------------------


MADE = datetime(2026, 11, 22, 14, 0, tzinfo=UTC)


def pod(name: str, status: Json, node: str = "n1") -> Json:
    metadata = {"name": name, "creationTimestamp": MADE.isoformat().replace("+00:00", "Z")}
    return {"metadata": metadata, "spec": {"nodeName": node}, "status": status}


def container(**state: Json) -> Json:
    return {"phase": "Pending", "containerStatuses": [{"state": state}]}


GOOD = container(terminated={"exitCode": 0, "reason": "Completed"})
HOMELESS = {
    "phase": "Pending",
    "conditions": [
        {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes: 1 Too many pods."}
    ],
}
PULL = "failed to pull and unpack image: not found"
HICCUP = {"reason": "ErrImagePull", "message": "503 Service Unavailable"}


def placed(seconds: int, waiting: Json) -> Json:
    """A container that waits, in a pod that got its node so many seconds after it was made."""
    when = (MADE + timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")
    conditions = [{"type": "PodScheduled", "status": "True", "lastTransitionTime": when}]
    return {**container(waiting=waiting), "conditions": conditions}


@pytest.mark.parametrize(
    ("status", "elapsed", "wanted"),
    [
        pytest.param(
            container(waiting={"reason": "ErrImagePull", "message": PULL}), 1, f"E-PROBE-01 {PULL}", id="00 pull"
        ),
        pytest.param(
            container(waiting={"reason": "ImagePullBackOff", "message": "Back-off"}),
            PULL_PATIENCE,
            "E-PROBE-01 ImagePullBackOff: Back-off",
            id="01 off",
        ),
        pytest.param(
            container(waiting={"reason": "CreateContainerConfigError", "message": "no secret"}),
            1,
            "E-PROBE-01 CreateContainerConfigError: no secret",
            id="02 config",
        ),
        pytest.param(
            container(terminated={"exitCode": 128, "reason": "StartError", "message": "no sh\n"}),
            1,
            "E-PROBE-01 exit code 128, StartError: no sh",
            id="03 no shell",
        ),
        pytest.param(
            container(terminated={"exitCode": 1, "reason": "Error"}), 1, "E-PROBE-01 exit code 1, Error", id="04 broken"
        ),
        pytest.param(
            HOMELESS, NO_ROOM, "E-PROBE-03 Unschedulable: 0/1 nodes: 1 Too many pods. Nothing", id="05 no room"
        ),
        pytest.param(HOMELESS, NO_ROOM - 1, "pending", id="06 a node may come"),
        pytest.param(
            {"phase": "Failed", "reason": "Evicted", "message": "low on memory"},
            1,
            "E-PROBE-03 Evicted: low",
            id="07 out",
        ),
        pytest.param(container(waiting={"reason": "ContainerCreating"}), LIMIT - 1, "pending", id="08 on its way"),
        pytest.param(
            container(waiting={"reason": "ContainerCreating"}),
            LIMIT,
            "E-PROBE-03 ContainerCreating after 300 s",
            id="09 late",
        ),
        pytest.param({}, LIMIT, "E-PROBE-03 not looked at yet after 300 s", id="10 never seen"),
        pytest.param(container(running={}), 1, "pending", id="11 running"),
        pytest.param(GOOD, 1, "", id="12 good"),
        pytest.param(container(waiting=HICCUP), PULL_PATIENCE - 1, "pending", id="13 a registry hiccups"),
        pytest.param(container(waiting=HICCUP), PULL_PATIENCE, "E-PROBE-01 ErrImagePull: 503", id="14 for too long"),
        pytest.param(
            container(waiting={"reason": "RegistryUnavailable"}), 1, "pending", id="15 a registry that comes back"
        ),
        pytest.param(
            container(waiting={"reason": "ErrImagePull", "message": "Manifest unknown: v9"}),
            1,
            "E-PROBE-01 ErrImagePull: Manifest",
            id="16 mistyped",
        ),
        pytest.param(
            container(waiting={"reason": "ErrImageNeverPull"}), 1, "E-PROBE-01 ErrImageNeverPull", id="17 never pulled"
        ),
        pytest.param(placed(200, HICCUP), 200 + PULL_PATIENCE - 1, "pending", id="18 an autoscaler's node"),
        pytest.param(placed(200, HICCUP), 200 + PULL_PATIENCE, "E-PROBE-01 ErrImagePull", id="19 for too long there"),
        pytest.param(placed(250, HICCUP), LIMIT, "E-PROBE-01 ErrImagePull: 503", id="20 the time is up"),
        pytest.param(placed(-9, HICCUP), PULL_PATIENCE, "E-PROBE-01 ErrImagePull: 503", id="21 odd stamps"),
    ],
)
def test_what_became_of_the_users_image(status: Json, elapsed: int, wanted: str) -> None:
    found = {"pods": [pod(HUB_POD, GOOD), pod(USER_POD, status)], "elapsed": elapsed, "created": {}}
    told = judge(plan(wish()), found)
    row = told["rows"][1]
    assert told["done"] is (wanted != "pending")
    if wanted == "":
        assert row == {
            "check": "user image on a node",
            "ok": True,
            "text": "registry.example.org/user:2 starts on node n1",
        }
    elif wanted != "pending":
        error_id, _blank, seen = wanted.partition(" ")
        assert not row["ok"]
        assert row["text"].startswith(f"{error_id} ")
        assert seen in row["text"]


def hub_told(status: Json) -> list[Json]:
    found = {"pods": [pod(HUB_POD, status), pod(USER_POD, GOOD)], "elapsed": 1, "created": {}}
    rows: list[Json] = judge(plan(wish()), found)["rows"]
    return [rows[0], rows[2]]


def test_the_issuer_answers_the_image_of_the_hub() -> None:
    assert hub_told(GOOD) == [
        {"check": "hub image on a node", "ok": True, "text": "registry.example.org/hub:1 starts on node n1"},
        {"check": "issuer from a node", "ok": True, "text": f"{ISSUER} answers on node n1"},
    ]


def test_the_issuer_does_not_answer_and_the_image_is_good() -> None:
    image, issuer = hub_told(container(terminated={"exitCode": NOT_ANSWERED, "message": "URLError: no such name"}))
    assert image["ok"]
    assert issuer["text"] == (
        f"E-PROBE-02 The issuer {ISSUER} does not answer on node n1, so the hub could log nobody in. "
        "Seen: URLError: no such name. Nothing was changed. Do: let pods resolve and reach it "
        "(DNS, firewall, policies); set hub_oauth_ca_file if it is only not trusted."
    )


def test_an_image_that_does_not_start_asks_nobody() -> None:
    image, issuer = hub_told(container(waiting={"reason": "InvalidImageName", "message": "no"}))
    assert not image["ok"]
    assert issuer["ok"]
    assert issuer["text"] == "not probed because the hub's image, which asks, did not start"


def test_an_older_kubelet_tells_in_an_event_why_it_backs_off() -> None:
    status = container(waiting={"reason": "ImagePullBackOff", "message": 'Back-off pulling image "x"'})
    events = [
        {"involvedObject": {"name": USER_POD}, "message": "Failed to pull image: somebody else's"},
        {"involvedObject": {"name": HUB_POD}, "message": f"Failed to pull image: {PULL}"},
        {"involvedObject": {"name": HUB_POD}, "message": "Error: ImagePullBackOff"},
        {},
    ]
    found = {"pods": [pod(HUB_POD, status), pod(USER_POD, GOOD)], "elapsed": 90, "created": {}, "events": events}
    rows = judge(plan(wish()), found)["rows"]
    assert f"Seen: Failed to pull image: {PULL}. " in rows[0]["text"]
    assert rows[1]["ok"]
    newer = container(waiting={"reason": "ImagePullBackOff", "message": f"Back-off: ErrImagePull: {PULL}"})
    told = judge(plan(wish()), found | {"pods": [pod(HUB_POD, newer), pod(USER_POD, GOOD)]})["rows"][0]["text"]
    assert f"Seen: ImagePullBackOff: Back-off: ErrImagePull: {PULL}. " in told


QUOTA = 'pods "x" is forbidden: exceeded quota'
TAKEN = {"changed": True, "result": {"kind": "Pod"}}
REFUSED = {"changed": False, "result": {}, "error": {"msg": QUOTA}}


@pytest.mark.parametrize(
    ("created", "wanted"),
    [
        pytest.param({"result": {"results": [REFUSED, REFUSED]}}, ["E-PROBE-04", "E-PROBE-04"], id="00 both"),
        pytest.param({"result": {"results": [TAKEN, REFUSED]}}, ["E-PROBE-03", "E-PROBE-04"], id="01 the second"),
        pytest.param({"msg": QUOTA}, ["E-PROBE-04", "E-PROBE-04"], id="02 the module"),
        pytest.param({"result": {"results": [TAKEN, TAKEN]}}, ["E-PROBE-03", "E-PROBE-03"], id="03 they vanished"),
    ],
)
def test_pods_that_the_cluster_does_not_take_or_keep(created: Json, wanted: list[str]) -> None:
    told = judge(plan(wish(issuer="")), {"pods": [], "elapsed": 1, "created": created})
    assert told["done"]
    assert [row["text"].partition(" ")[0] for row in told["rows"]] == wanted
    for row in told["rows"]:
        assert (QUOTA in row["text"]) is row["text"].startswith("E-PROBE-04")


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        pytest.param(f"Failed: {json.dumps({'kind': 'Status', 'message': QUOTA})}", QUOTA, id="00 an answer"),
        pytest.param('Failed: {"code": 403}', 'Failed: {"code": 403}', id="01 without a sentence"),
        pytest.param("Failed: {x", "Failed: {x", id="02 cut off"),
    ],
)
def test_the_words_of_the_api_server(text: str, seen: str) -> None:
    told = judge(plan(wish(issuer="")), {"pods": [], "elapsed": 1, "created": {"msg": text}})
    assert f" Seen: {seen}. Nothing" in told["rows"][0]["text"]


def test_a_single_pod_that_was_taken_is_awaited() -> None:
    values = {"hub": IMAGES["hub"]}
    found = {"pods": None, "elapsed": 1, "created": TAKEN}
    assert judge(plan(wish(values=values, issuer="")), found)["done"] is False


def test_a_cluster_that_does_not_answer_is_asked_until_the_time_is_up() -> None:
    planned = plan(wish())
    assert judge(planned, {"pods": None, "elapsed": LIMIT - 1, "created": {}})["done"] is False
    told = judge(planned, {"pods": None, "elapsed": LIMIT, "created": {}})
    assert told["done"]
    assert "Seen: no answer. " in told["rows"][0]["text"]


@pytest.mark.parametrize(
    "removed", [{"msg": "timed out."}, {"result": {"results": [TAKEN, {"error": {"msg": "timed out."}}]}}]
)
def test_what_could_not_be_removed_is_named(removed: Json) -> None:
    found = {"pods": [pod(HUB_POD, GOOD), pod(USER_POD, GOOD)], "elapsed": 1, "created": {}}
    assert len(judge(plan(wish()), found | {"removed": {"result": {"results": [TAKEN, TAKEN]}}})["rows"]) == 3
    row = judge(plan(wish()), found | {"removed": removed})["rows"][-1]
    assert (row["check"], row["ok"]) == ("probes removed", False)
    seen = f"What the preflight made may still be there: Pod {HUB_POD}, Pod {USER_POD}. Seen: timed out."
    assert row["text"].startswith(f"E-PROBE-05 {seen} Whether")


def test_a_long_message_is_cut() -> None:
    text = hub_told(container(waiting={"reason": "ErrImagePull", "message": "x" * 9999}))[0]["text"]
    assert "xxx... Nothing" not in text
    assert len(text) < 800


# ---- what runs in the pod ------------------------------------------------------------------------------------------


def run(script: str, folder: Path, environ: dict[str, str]) -> tuple[int, str]:
    log = folder / "log"
    patient = script.replace("/dev/termination-log", str(log)).replace("+ 15", "- 1")
    done = subprocess.run([sys.executable, "-I", "-c", patient], env=os.environ | environ, timeout=60, check=False)
    return done.returncode, log.read_text() if log.exists() else ""


@pytest.mark.parametrize(
    ("named", "trusted", "code", "told", "authority"),
    [
        pytest.param(
            "another", True, NOT_ANSWERED, "ValueError: the document there is of another", None, id="00 another's"
        ),
        pytest.param("", False, NOT_ANSWERED, "CERTIFICATE_VERIFY_FAILED", None, id="01 not trusted"),
        pytest.param("", True, 0, "", None, id="02 good"),
        pytest.param("", True, 0, "", old_authority(), id="03 good, by an authority of the old form"),
    ],
)
def test_the_program_in_the_pod(
    tmp_path: Path, named: str, trusted: bool, code: int, told: str, authority: Made | None
) -> None:
    with serving(tmp_path, lambda *_request: (200, {"issuer": named or server.url}, {}), authority) as server:
        pem = server.ca_file.read_text() if trusted else ""
        half = len(pem) // 2
        environ = {"PROBE_ISSUER": f"{server.url}/", "PROBE_ADDRESS": server.url + WELL_KNOWN}
        authorities = {"PROBE_CA_000": pem[:half], "PROBE_CA_001": pem[half:]} if pem else {}
        seen = run(SCRIPT, tmp_path, environ | authorities)
    assert seen[0] == code
    assert told in seen[1]
