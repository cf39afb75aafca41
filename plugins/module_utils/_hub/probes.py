# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""What only a node can tell before a hub is installed: which short pods to start, and what became of them. Pure.

:func:`plan` says what to make and what to remove; :func:`judge` turns what the cluster says about it into rows of the
preflight. One pod an image: the hub's asks the issuer as well, because the hub will ask from there.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from .._core.clock import parse_time
from .._core.errors import Changed, HubError
from .._core.preflight import bad_row, good_row
from .._k8s.objects import label_selector
from .oidc import WELL_KNOWN
from .probe_images import Image, image_of

Json = dict[str, Any]

LABEL = "researchops.jupyterhub/probe"
"""On everything of ours; its value is the hub's namespace."""
RUN_LABEL = "researchops.jupyterhub/probe-run"
SUFFIX = "-preflight"
"""Of the namespace that is made where the hub has none yet."""
ACCOUNT = "preflight-probe"

LIMIT = 300
"""Seconds until a probe is given up; also the pods' own deadline, should nobody be left to delete them."""
NO_ROOM = 120
"""Seconds for which no node may take a pod: an autoscaler adds a node in less, or not at all."""
PULL_PATIENCE = 90
"""Seconds on a node for which a pull may fail: kubelet tries again after 10, 20 and 40 s, and registries hiccup."""
USER = 1000
"""The chart's own user of both images."""
NOT_ANSWERED = 3
"""Exit code of :data:`SCRIPT`; everything else but zero means that the image does not work."""
TOLD = 400
"""Characters of somebody else's message that are repeated."""
CHUNK = 60_000
"""Characters in one environment variable; the kernel takes 128 KiB."""

TRIED_AGAIN = frozenset({"ErrImagePull", "ImagePullBackOff", "RegistryUnavailable"})
NOT_THERE = ("not found", "manifest unknown", "name unknown", "does not exist")
"""Words of registries and container runtimes for an image that another try will not find either."""
NOT_PULLED = TRIED_AGAIN | {
    "InvalidImageName",
    "ErrImageNeverPull",
    "ImageInspectError",
    "SignatureValidationFailed",
}
NOT_STARTED = frozenset(
    {"CreateContainerConfigError", "CreateContainerError", "RunContainerError", "PreCreateHookError"}
)
"""What kubelet waits for, though waiting will not help."""

SCRIPT = f"""\
import http.client, json, os, ssl, sys, time, urllib.request
issuer = os.environ["PROBE_ISSUER"]
authorities = "".join(os.environ[name] for name in sorted(os.environ) if name.startswith("PROBE_CA_"))
def ask():
    trust = ssl.create_default_context(cadata=authorities or None)
    if authorities:  # as the hub, which asks by libcurl, takes them; see trust_as_named() of the collection
        trust.verify_flags &= ~ssl.VERIFY_X509_STRICT
        trust.verify_flags |= getattr(ssl, "VERIFY_X509_PARTIAL_CHAIN", 0)  # since Python 3.10
    browser = urllib.request.build_opener(urllib.request.HTTPSHandler(context=trust))
    with browser.open(os.environ["PROBE_ADDRESS"], timeout=10) as reply:
        named = str(json.loads(reply.read(1 << 20))["issuer"])
    if named.rstrip("/") != issuer.rstrip("/"):
        raise ValueError(f"the document there is of {{named}}")
end = time.monotonic() + 15
while True:
    try:
        ask()
        sys.exit(0)
    except (OSError, ValueError, LookupError, TypeError, http.client.HTTPException) as problem:
        told = f"{{type(problem).__name__}}: {{problem}}"
    if time.monotonic() > end:
        break
    time.sleep(5)
with open("/dev/termination-log", "w") as log:
    log.write(told[:2000])
sys.exit({NOT_ANSWERED})
"""
"""Asks for some seconds: where policies are put into force late, a pod's first packets may be lost."""


@dataclass(frozen=True)
class Probe:
    """One row that is to come.

    Attributes:
        check: the row's name.
        pod: the pod that tells; empty where there is none.
        subject: the image or the issuer.
        where: the value or variable to correct.
        issuer: whether the issuer is asked, and not the image.
        reason: why nothing is tried; empty otherwise.
    """

    check: str
    pod: str = ""
    subject: str = ""
    where: str = ""
    issuer: bool = False
    reason: str = ""


# ---- what to try -------------------------------------------------------------------------------------------------


def plan(wish: Mapping[str, Any]) -> Json:
    """What to make, what to remove, and which rows to expect.

    Args:
        wish: ``namespace`` of the hub, ``run``, ``obstacle`` (why nothing may be made), ``look`` (what
            ``cluster_objects`` found: the ``own`` namespace, the one ``beside`` it, our ``pods``), ``issuer``,
            ``ca_file`` and its text ``ca_pem``, and what :func:`.probe_images.image_of` reads.

    Returns:
        ``namespace``, ``selector``, ``documents`` to make, ``leftovers`` to remove first, ``remove`` (everything that
        has to be gone in the end) and ``probes``.
    """
    hub = str(wish["namespace"])
    look = Look.read(wish["look"])
    obstacle = str(wish["obstacle"]) or look.obstacle(hub)
    place = hub if look.exists else beside(hub)
    labels = {LABEL: hub, RUN_LABEL: str(wish["run"])}
    probes, pods = _probes(wish, Place(place, labels, look.exists), obstacle)
    around = [] if look.exists or not pods else _surroundings(place, labels)
    left = [] if obstacle else [_stub(one) for one in look.leftovers]
    made = [_stub(one) for one in (around[:1] or pods)]  # a namespace takes along what is in it
    return {
        "namespace": place,
        "selector": label_selector(labels),
        "documents": [*around, *pods],
        "leftovers": left,
        "remove": [*made, *(one for one in left if one not in made)],
        "probes": [asdict(probe) for probe in probes],
    }


def beside(namespace: str) -> str:
    """The namespace for probes of a hub that has none yet."""
    return namespace[: 63 - len(SUFFIX)] + SUFFIX


@dataclass(frozen=True)
class Look:
    """What was there before.

    Attributes:
        exists: whether the hub has a namespace.
        beside: the namespace for probes, which a killed run left or somebody else made.
        pods: probes in the hub's own namespace, which a killed run left.
        problem: why the cluster did not say.
    """

    exists: bool = False
    beside: tuple[Json, ...] = ()
    pods: tuple[Json, ...] = ()
    problem: str = ""

    @classmethod
    def read(cls, given: Mapping[str, Any]) -> Look:
        """From the answers of ``cluster_objects``; there are none where the cluster was not asked."""
        answers = {name: given.get(name) or {} for name in ("own", "beside", "pods")}
        own, next_to_it, pods = (answer.get("resources") or [] for answer in answers.values())
        problems = [str(answer["problem"]) for answer in answers.values() if answer.get("problem")]
        return cls(bool(own), tuple(next_to_it), tuple(pods), "; ".join(problems))

    def obstacle(self, hub: str) -> str:
        """Why nothing can be made: no answer, or a namespace of that name which is somebody else's."""
        if self.problem:
            return f"because of {self.problem}"
        strangers = [one["metadata"]["name"] for one in self.beside if _labels(one).get(LABEL) != hub]
        return f"because the namespace {strangers[0]} was not made by a preflight" if strangers else ""

    @property
    def leftovers(self) -> list[Json]:
        """Everything of ours, with its kind: lists do not tell it."""
        return [{**one, "kind": "Pod"} for one in self.pods] + [{**one, "kind": "Namespace"} for one in self.beside]


@dataclass(frozen=True)
class Place:
    """Where pods are put.

    Attributes:
        namespace: its name.
        labels: what they are known by.
        exists: whether it is the hub's own, with what else is in it.
    """

    namespace: str
    labels: Mapping[str, str]
    exists: bool


def _labels(one: Mapping[str, Any]) -> Mapping[str, Any]:
    return one["metadata"].get("labels") or {}


def _stub(one: Mapping[str, Any]) -> Json:
    about = {key: one["metadata"][key] for key in ("name", "namespace") if key in one["metadata"]}
    return {"apiVersion": "v1", "kind": one["kind"], "metadata": about}


def _probes(wish: Mapping[str, Any], place: Place, obstacle: str) -> tuple[list[Probe], list[Json]]:
    """The rows to come, and the pods that they need."""
    blind = "because hub_oauth_ca_file is not usable" if wish["ca_file"] and not wish["ca_pem"] else ""
    questions = {"hub": _question(wish) if wish["issuer"] and not blind else {}, "singleuser": {}}
    probes, pods = [], []
    for part, check in (("hub", "hub image on a node"), ("singleuser", "user image on a node")):
        image = image_of(part, wish)
        reason = obstacle or image.problem or _secret_later(image, place.exists)
        name = "" if reason else f"preflight-{part}-{wish['run']}"
        probes.append(Probe(check, name, image.ref, f"{part}.image", reason=reason))
        if name:
            pods.append(_pod(name, place, image, questions[part]))
    if wish["issuer"]:
        reason = probes[0].reason or blind
        pod = "" if reason else probes[0].pod
        probes.append(Probe("issuer from a node", pod, str(wish["issuer"]), "hub_oauth_issuer", True, reason))
    return probes, pods


def _secret_later(image: Image, exists: bool) -> str:
    """Without its secrets an image may look as if it could not be pulled."""
    if exists or not image.secrets:
        return ""
    return f"because its pull secrets ({', '.join(image.secrets)}) need the hub's namespace, which does not exist yet"


def _question(wish: Mapping[str, Any]) -> dict[str, str]:
    """The environment in which the issuer is asked."""
    issuer, text = str(wish["issuer"]), str(wish["ca_pem"])
    parts = [text[start : start + CHUNK] for start in range(0, len(text), CHUNK)]
    authorities = {f"PROBE_CA_{number:03}": part for number, part in enumerate(parts)}
    return {"PROBE_ISSUER": issuer, "PROBE_ADDRESS": issuer.rstrip("/") + WELL_KNOWN, **authorities}


def _surroundings(place: str, labels: Mapping[str, str]) -> list[Json]:
    """A namespace with an account: its own default account comes later than our pods."""
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": place, "labels": dict(labels)}}
    about = {"name": ACCOUNT, "namespace": place, "labels": dict(labels)}
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": about, "automountServiceAccountToken": False}
    return [namespace, account]


def _pod(name: str, place: Place, image: Image, question: Mapping[str, str]) -> Json:
    """A pod that does its one thing and ends."""
    spec = {
        "restartPolicy": "Never",
        "activeDeadlineSeconds": LIMIT,
        "terminationGracePeriodSeconds": 1,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        **({} if place.exists else {"serviceAccountName": ACCOUNT}),
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "imagePullSecrets": [{"name": secret} for secret in image.secrets],
        "nodeSelector": dict(image.node_selector),
        "tolerations": [dict(one) for one in image.tolerations],
        "containers": [_container(image, question)],
    }
    about = {"name": name, "namespace": place.namespace, "labels": dict(place.labels)}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": about, "spec": spec}


def _container(image: Image, question: Mapping[str, str]) -> Json:
    command = ["python3", "-I", "-c", SCRIPT] if question else ["sh", "-c", ":"]
    return {
        "name": "probe",
        "image": image.ref,
        "imagePullPolicy": image.policy,
        "command": command,
        "env": [{"name": name, "value": value} for name, value in question.items()],
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


# ---- what became of it -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Verdict:
    """What one pod told.

    Attributes:
        error_id: of the failure; empty for a success, and while nothing is decided.
        seen: what kubelet, the scheduler, the API server or the pod itself said.
        node: where the pod was put.
        pending: nothing is decided yet.
    """

    error_id: str = ""
    seen: str = ""
    node: str = ""
    pending: bool = False


def judge(planned: Mapping[str, Any], found: Mapping[str, Any]) -> Json:
    """The rows, as far as they are known.

    Args:
        planned: of :func:`plan`.
        found: ``pods`` (None where the cluster did not say), ``elapsed`` seconds, ``created`` (the result of making
            them), and where there are any ``events`` about pods and ``removed`` (the result of removing everything).

    Returns:
        ``done``: nothing more is to be waited for; ``rows``.
    """
    late = int(found["elapsed"]) >= LIMIT
    pods = {pod["metadata"]["name"]: pod for pod in found["pods"] or []}
    refused = dict(_refusals(planned["documents"], found["created"]))
    verdicts = {
        name: _of_pod(pods.get(name), refused.get(name, ""), found["pods"] is not None, int(found["elapsed"]))
        for name in {probe["pod"] for probe in planned["probes"]} - {""}
    }
    verdicts |= dict(_from_events(found.get("events") or [], verdicts))
    rows = [_row(Probe(**probe), verdicts, planned["namespace"]) for probe in planned["probes"]]
    rows += _unremoved(planned, found.get("removed") or {})
    return {"done": late or not any(verdict.pending for verdict in verdicts.values()), "rows": rows}


def _refusals(documents: Sequence[Mapping[str, Any]], created: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Pods that the API server did not take, with its words; a failure without a list is everybody's."""
    results = (created.get("result") or {}).get("results") or [created]
    whole = len(results) != len(documents)
    for number, document in enumerate(documents):
        result = created if whole else results[number]
        error = result.get("error") or (result if result.get("msg") and not result.get("result") else {})
        if error:
            yield document["metadata"]["name"], _short(_message(str(error.get("msg"))))


def _message(text: str) -> str:
    """The API server's sentence, where its whole answer is in an error of kubernetes.core."""
    try:
        answer = json.loads(text[text.index("{") :])
    except ValueError:
        return text
    return str(answer["message"]) if isinstance(answer, dict) and answer.get("message") else text


def _from_events(events: Sequence[Mapping[str, Any]], verdicts: Mapping[str, Verdict]) -> Iterator[tuple[str, Verdict]]:
    """Older kubelets forget in a pod's status why they back off, and keep it in an event."""
    for event in events:
        name, text = str((event.get("involvedObject") or {}).get("name")), str(event.get("message"))
        verdict = verdicts.get(name, Verdict())
        silent = verdict.seen.startswith("ImagePullBackOff") and "ErrImagePull" not in verdict.seen
        if silent and text.startswith("Failed to pull image"):
            yield name, replace(verdict, seen=_short(text))


def _of_pod(pod: Mapping[str, Any] | None, refused: str, known: bool, elapsed: int) -> Verdict:
    if refused:
        return Verdict("E-PROBE-04", refused)
    if pod is None:
        return Verdict("E-PROBE-03", "the pod is gone" if known else "no answer", pending=not known and elapsed < LIMIT)
    return _of_status(pod, str((pod.get("spec") or {}).get("nodeName") or ""), elapsed)


def _of_status(pod: Mapping[str, Any], node: str, elapsed: int) -> Verdict:
    status = pod.get("status") or {}
    container: Json = next(iter(status.get("containerStatuses") or []), {})
    state = container.get("state") or {}
    if status.get("phase") == "Failed" and status.get("reason"):  # evicted, past its deadline, refused by kubelet
        return Verdict("E-PROBE-03", _words(status), node)
    if state.get("terminated"):
        return _ended(state["terminated"], node)
    waiting = state.get("waiting") or {}
    if waiting.get("reason") in NOT_PULLED | NOT_STARTED:
        hopeful = _tried_again(waiting) and elapsed < LIMIT and _on_node(pod, elapsed) < PULL_PATIENCE
        return Verdict("E-PROBE-01", _words(waiting), node, pending=hopeful)
    return _unstarted(status, waiting, node, elapsed)


def _tried_again(waiting: Mapping[str, Any]) -> bool:
    """Whether kubelet's next try may find the image."""
    told = str(waiting.get("message") or "").lower()
    return waiting.get("reason") in TRIED_AGAIN and not any(words in told for words in NOT_THERE)


def _on_node(pod: Mapping[str, Any], elapsed: int) -> float:
    """Seconds since the pod got its node; how long it waited for one is a difference of the server's own stamps."""
    made = parse_time(pod["metadata"].get("creationTimestamp"))
    placed = parse_time(_placed(pod.get("status") or {}).get("lastTransitionTime"))
    return elapsed - max(0.0, (placed - made).total_seconds()) if made and placed else elapsed


def _placed(status: Mapping[str, Any]) -> Json:
    """What the scheduler says."""
    return next((each for each in status.get("conditions") or [] if each.get("type") == "PodScheduled"), {})


def _ended(state: Mapping[str, Any], node: str) -> Verdict:
    code = state.get("exitCode")
    if code == 0:
        return Verdict(node=node)
    if code == NOT_ANSWERED:
        return Verdict("E-PROBE-02", _short(state.get("message")), node)
    return Verdict("E-PROBE-01", f"exit code {code}, {_words(state)}", node)


def _unstarted(status: Mapping[str, Any], waiting: Mapping[str, Any], node: str, elapsed: int) -> Verdict:
    """A pod that is still on its way."""
    placed = _placed(status)
    homeless = placed.get("status") == "False"
    if homeless and elapsed >= NO_ROOM:
        return Verdict("E-PROBE-03", _words(placed))
    seen = _words(waiting or (placed if homeless else {"reason": status.get("phase") or "not looked at yet"}))
    return Verdict("E-PROBE-03", f"{seen} after {elapsed} s", node, pending=elapsed < LIMIT)


def _words(state: Mapping[str, Any]) -> str:
    """Reason and message in one line."""
    return _short(": ".join(str(state[key]) for key in ("reason", "message") if state.get(key)))


def _short(text: object) -> str:
    """Somebody else's message, in one line that ends without a full stop."""
    line = " ".join(str(text or "").split())
    return (line if len(line) <= TOLD else line[: TOLD - 3] + "...").rstrip(".") or "no reason was given"


def _row(probe: Probe, verdicts: Mapping[str, Verdict], place: str) -> Json:
    if probe.reason:
        return good_row(probe.check, f"not probed {probe.reason}")
    verdict = verdicts[probe.pod]
    answered = verdict.error_id == "E-PROBE-02"
    if not verdict.error_id or (answered and not probe.issuer):
        did = "answers" if probe.issuer else "starts"
        return good_row(probe.check, f"{probe.subject} {did} on node {verdict.node}")
    if probe.issuer and not answered:
        return good_row(probe.check, "not probed because the hub's image, which asks, did not start")
    return bad_row(probe.check, _error(probe, verdict, place))


def _error(probe: Probe, verdict: Verdict, place: str) -> HubError:
    there = f"on node {verdict.node}" if verdict.node else f"in namespace {place}"
    what, do = {
        "E-PROBE-01": (
            f"The image {probe.subject} cannot be started {there}",
            f"correct {probe.where} in z2jh_values, or let the nodes reach its registry (a NAT, imagePullSecrets)",
        ),
        "E-PROBE-02": (
            f"The issuer {probe.subject} does not answer {there}, so the hub could log nobody in",
            "let pods resolve and reach it (DNS, firewall, policies); set hub_oauth_ca_file if it is only not trusted",
        ),
        "E-PROBE-03": (
            f"No node started a pod with the image {probe.subject} in namespace {place}",
            "make room (kubectl describe nodes tells what is taken), or correct what was seen; then run again",
        ),
        "E-PROBE-04": (
            f"The API server does not take the pod {probe.pod} in namespace {place}",
            "allow it (permissions, quota, admission policies); the hub's own pods will need the same",
        ),
    }[verdict.error_id]
    return HubError(verdict.error_id, what, do, verdict.seen)


def _unremoved(planned: Mapping[str, Any], removed: Mapping[str, Any]) -> Iterable[Json]:
    """A row where something of ours may have stayed behind."""
    results = (removed.get("result") or {}).get("results") or [removed]
    texts = [_short((one.get("error") or one).get("msg")) for one in results if one.get("error") or one.get("msg")]
    if not texts:
        return []
    names = ", ".join(f"{one['kind']} {one['metadata']['name']}" for one in planned["remove"])
    error = HubError(
        "E-PROBE-05",
        f"What the preflight made may still be there: {names}",
        "run again with hub_preflight_probes, which removes it, or delete it",
        texts[0],
        changed=Changed.UNKNOWN,
    )
    return [bad_row("probes removed", error)]
