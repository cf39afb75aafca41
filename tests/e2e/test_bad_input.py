# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a newcomer gets wrong: each time one clear error, a non-zero exit, and a cluster that nobody touched.

The runs are whole `site.yml` runs: what must not change anything is the playbook that changes things.
"""

from __future__ import annotations

import os
import secrets
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
from support_bad import (
    Fault,
    FaultProxy,
    Seen,
    World,
    expired_client_certificate,
    expired_token,
    issuer_of_this_machine,
    with_values,
)
from support_cluster import Cluster
from support_plays import FORM, Ran, play

Variables = dict[str, Any]
PLAYBOOK = "site"
AT_ONCE = 3
ONLY_RELEASE = ("--tags", "cluster_access,hub_preflight,hub_front,hub_https,z2jh")
"""For runs in which Helm starts: the release with its certificate, without DNS, ACME and proof."""


@dataclass(frozen=True)
class Case:
    """One mistake.

    Attributes:
        name: the mistake.
        error_id: the error it must give.
        says: what the error must contain, so that a person can act on it; ``{hub}`` is the hub's name.
        spoil: makes the mistake, and returns the variables it shows in.
        playbook: where the mistake is met.
    """

    name: str
    error_id: str
    says: tuple[str, ...]
    spoil: Callable[[World], Variables]
    playbook: str = PLAYBOOK


def no_default_class(world: World) -> Variables:
    """The API server knows no storage class at all."""
    world.proxy.choose = lambda _method, target, _number: (
        Fault(status=404) if target.startswith("/apis/storage.k8s.io/v1/storageclasses") else None
    )
    return {"z2jh_storage_class": ""}


CASES = [
    # the way to the cluster
    Case(
        "unreachable cluster",
        "E-K8S-02",
        ("https://127.0.0.1:9", "refused"),
        lambda world: world.own_kubeconfig({"token": "some-token-of-somebody"}, server="https://127.0.0.1:9"),
    ),
    Case(
        "unknown host",
        "E-K8S-02",
        ("nowhere.lab.test",),
        lambda world: world.own_kubeconfig({"token": "some-token-of-somebody"}, server="https://nowhere.lab.test:6443"),
    ),
    Case(
        "kubeconfig missing",
        "E-ACCESS-05",
        ("/no/such/kubeconfig", "no such file"),
        lambda _world: {"cluster_access_kubeconfig": "/no/such/kubeconfig"},
    ),
    Case(
        "kubeconfig is garbage",
        "E-ACCESS-05",
        ("text-kubeconfig", "not YAML"),
        lambda world: world.text_kubeconfig("{ this: is [ not YAML\n\tat all"),
    ),
    Case(
        "kubeconfig is another file",
        "E-ACCESS-05",
        ("text-kubeconfig", "no kubeconfig"),
        lambda world: world.text_kubeconfig("- name: a play\n  hosts: all\n"),
    ),
    Case(
        "unknown context",
        "E-ACCESS-05",
        ("production",),
        lambda _world: {"cluster_access_context": "production"},
    ),
    Case(
        "another cluster",
        "E-ACCESS-01",
        ("00000000-0000-0000-0000-000000000000", os.environ.get("LAB_CLUSTER_UID", "no lab")),
        lambda _world: {"cluster_access_expected_uid": "00000000-0000-0000-0000-000000000000"},
    ),
    Case(
        "no cluster pinned",
        "E-ACCESS-02",
        (os.environ.get("LAB_CLUSTER_UID", "no lab"),),
        lambda _world: {"cluster_access_expected_uid": ""},
    ),
    Case(
        "expired token",
        "E-K8S-03",
        ("401",),
        lambda world: world.own_kubeconfig({"token": expired_token()}),
    ),
    Case(
        "expired client certificate",
        "E-K8S-03",
        ("401",),
        lambda world: world.own_kubeconfig(expired_client_certificate()),
    ),
    Case(
        "wrong machine login",
        "E-ACCESS-12",
        ("automation", "https://issuer.lab.test:8443"),
        lambda _world: {"cluster_access_oidc_client_secret": secrets.token_urlsafe(32)},
    ),
    Case(
        "no permission",
        "E-ACCESS-07",
        ("secrets", "in {hub}"),
        lambda world: world.powerless(),
    ),
    # values
    Case(
        "unknown values key",
        "E-VALUES-01",
        ("hub.concurrentSpawnLimits", "hub.concurrentSpawnLimit"),
        lambda _world: with_values({"hub": {"concurrentSpawnLimits": 20}}),
    ),
    Case(
        "placeholder client secret",
        "E-VALUES-03",
        ("hub_oauth_client_secret",),
        lambda _world: {"hub_oauth_client_secret": "CHANGEME"},
    ),
    Case(
        "placeholder in angle brackets",
        "E-VALUES-03",
        ("hub_oauth_client_secret",),
        lambda _world: {"hub_oauth_client_secret": "<the secret of your client>"},
    ),
    Case(
        "placeholder machine secret",
        "E-VALUES-03",
        ("cluster_access_oidc_client_secret",),
        lambda _world: {"cluster_access_oidc_client_secret": "CHANGEME"},
    ),
    Case(
        "placeholder DNS key",
        "E-DNS-07",
        ("hub_dns_key_secret",),
        lambda _world: {"hub_dns_key_secret": "<TSIG secret>"},
    ),
    Case(
        "placeholder password",
        "E-VALUES-03",
        ("hub_verify_password",),
        lambda _world: {"hub_verify_password": "CHANGEME"},
    ),
    # login
    Case(
        "callback of another host",
        "E-OAUTH-03",
        ("https://other.lab.test:8443/hub/oauth_callback", "https://{hub}.lab.test:8443/hub/oauth_callback"),
        lambda _world: {"hub_oauth_callback_url": "https://other.lab.test:8443/hub/oauth_callback"},
    ),
    Case(
        "callback of another scheme",
        "E-OAUTH-03",
        ("http://{hub}.lab.test:8443/hub/oauth_callback", "https://{hub}.lab.test:8443/hub/oauth_callback"),
        lambda world: {"hub_oauth_callback_url": f"http://{world.hub}.lab.test:8443/hub/oauth_callback"},
    ),
    Case(
        "issuer without discovery",
        "E-OAUTH-01",
        ("https://issuer.lab.test:8444",),
        lambda _world: {"hub_oauth_issuer": "https://issuer.lab.test:8444"},
    ),
    Case(
        "wrong client secret",
        "E-AUTH-03",
        ("hub-lab", "hub_oauth_client_secret"),
        lambda _world: {"hub_oauth_client_secret": secrets.token_urlsafe(32)},
    ),
    # certificates
    Case(
        "expired certificate",
        "E-CERT-12",
        ("chain.pem",),
        lambda world: world.certificate(days=-1),
    ),
    Case(
        "certificate for another name",
        "E-CERT-14",
        ("{hub}.lab.test", "other.lab.test"),
        lambda world: world.certificate(names=("other.lab.test",)),
    ),
    Case(
        "key of another certificate",
        "E-CERT-17",
        ("chain.pem",),
        lambda world: world.certificate(foreign_key=True),
    ),
    # storage and chart
    Case(
        "unknown StorageClass",
        "E-STORE-01",
        ("fast-ssd", "lab-local"),
        lambda _world: {"z2jh_storage_class": "fast-ssd"},
    ),
    Case("no StorageClass", "E-STORE-01", ("no default StorageClass", "none"), no_default_class),
    Case(
        "chart digest mismatch",
        "E-CHART-01",
        ("0" * 64, "z2jh_chart_sha256"),
        lambda _world: {"z2jh_chart_sha256": "0" * 64},
    ),
    # the controller
    Case(
        "missing kubernetes library", "E-LIB-01", ("pip install kubernetes",), lambda world: world.without("kubernetes")
    ),
    Case("missing dnspython", "E-LIB-01", ("pip install dnspython",), lambda world: world.without("dns")),
    Case(
        "missing cryptography", "E-LIB-01", ("pip install cryptography",), lambda world: world.without("cryptography")
    ),
    Case(
        "missing collection",
        "E-LIB-02",
        ("community.crypto", "ansible-galaxy collection install"),
        lambda world: world.without_collection("community.crypto"),
    ),
    Case("missing helm", "E-HELM-01", ("helm", "z2jh_helm_binary"), lambda world: world.without_helm()),
    Case("full temp dir", "E-PRE-01", ("tiny/TMPDIR", "0.0 MiB"), lambda world: world.full_disk("TMPDIR")),
    Case(
        "full temp dirs of Ansible",
        "E-PRE-01",
        ("tiny/ANSIBLE_LOCAL_TEMP", "tiny/ANSIBLE_REMOTE_TEMP"),
        lambda world: world.full_disk("ANSIBLE_LOCAL_TEMP", "ANSIBLE_REMOTE_TEMP"),
    ),
    Case(
        "full cache dir",
        "E-ACCESS-15",
        ("No space left on device",),
        lambda world: world.full_disk("XDG_CACHE_HOME"),
    ),
]


def named(name: str) -> Case:
    """One of the cases."""
    return next(case for case in CASES if case.name == name)


AT_ONCE_WRONG = ("unknown StorageClass", "certificate for another name", "issuer without discovery", "missing helm")
"""Mistakes that four different roles notice."""


def several(world: World) -> Variables:
    """A first inventory as tired people write it."""
    return {name: value for wrong in AT_ONCE_WRONG for name, value in named(wrong).spoil(world).items()}


@dataclass(frozen=True)
class Attempt:
    """What one spoiled run left behind.

    Attributes:
        hub: the hub's name.
        ran: how the playbook ended.
        writes: the requests of this run that could have changed something.
        left: what is in the cluster afterwards: objects of the hub's namespace, and namespaces beside it.
    """

    hub: str
    ran: Ran
    writes: list[Seen]
    left: list[str]


@contextmanager
def a_world(folder: Path) -> Iterator[World]:
    """A hub of the test's own, which does not exist yet."""
    hub = f"bad-{secrets.token_hex(3)}"
    environ = {"XDG_CACHE_HOME": str(folder / "cache")}
    with FaultProxy.start(os.environ["LAB_API_SERVER"], upstream_ca=os.environ["LAB_CA_FILE"]) as proxy:
        made = World(folder, Cluster(Path(os.environ["LAB_ADMIN_KUBECONFIG"])), proxy, hub, environ)
        try:
            yield made
        finally:
            made.end()


def attempt(case: Case, folder: Path) -> Attempt:
    """Make the mistake and look what came of it."""
    with a_world(folder) as world:
        variables = world.basis() | case.spoil(world)
        before = set(world.cluster.namespaces())
        ran = play(case.playbook, variables, world.folder, environ=world.environ)
        new = {name for name in set(world.cluster.namespaces()) - before if name.startswith(world.hub)}
        left = sorted(new | set(world.cluster.snapshot(world.hub)))
        return Attempt(world.hub, ran, world.proxy.writes(), left)


@pytest.fixture(scope="module")
def attempts(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """The runs of all chosen cases, some at a time: each waits more than it computes."""
    parameters = [getattr(item, "callspec", None) for item in request.session.items]
    chosen = [each.params["case"] for each in parameters if each is not None and "case" in each.params]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield {case.name: pool.submit(attempt, case, tmp_path_factory.mktemp("bad")) for case in chosen}
        pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name.replace(" ", "-"))
def test_one_clear_error_and_nothing_changed(case: Case, attempts: dict[str, Future[Attempt]]) -> None:
    made = attempts[case.name].result(timeout=600)

    print(f"{made.ran.seconds:.1f} s: {made.ran.fatal}")
    error = made.ran.error
    assert error.startswith(f"{case.error_id} "), error
    for part in case.says:
        assert part.format(hub=made.hub) in error, f"{part!r} is missing in: {error}"
    assert "Nothing was changed." in error
    assert made.writes == []
    assert made.left == []


@pytest.mark.parametrize("case", [Case("several mistakes", "", (), several, "preflight")], ids=["several-mistakes"])
def test_the_preflight_tells_everything_in_one_table(case: Case, attempts: dict[str, Future[Attempt]]) -> None:
    made = attempts[case.name].result(timeout=600)

    print(f"{made.ran.seconds:.1f} s: {made.ran.fatal}")
    assert made.ran.code != 0
    (table,) = made.ran.fatal
    title, *rows = table.rstrip().splitlines()
    assert title.startswith(f"hub  preflight   {len(AT_ONCE_WRONG)} of 1")
    assert title.endswith(" checks failed; nothing was changed")
    for row, name in zip(rows, AT_ONCE_WRONG, strict=True):
        title, _colon, error = row.partition(": ")
        assert title.startswith("  FAIL  ")
        assert FORM.fullmatch(error), error
        assert error.startswith(f"{named(name).error_id} ")
        for part in named(name).says:
            assert part.format(hub=made.hub) in error, f"{part!r} is missing in: {error}"
    assert made.writes == []
    assert made.left == []


def test_helm_killed_then_one_run_ends_well_and_a_running_hub_stays_untouched(tmp_path: Path) -> None:
    """Helm dies in the middle of the first install; one more run brings the hub up; mistakes then change nothing."""
    with a_world(tmp_path) as world:
        variables = world.basis() | world.certificate() | world.dying_helm(after=1.0)
        killed = play(PLAYBOOK, variables, world.folder, arguments=ONLY_RELEASE, environ=world.environ)
        assert killed.error.startswith("E-HELM-03 Helm was killed by SIGKILL during upgrade. Seen: SIGKILL;")
        assert "z2jh_pending_policy=rollback" in killed.error

        healing = variables | {"z2jh_pending_policy": "rollback"}
        again = play(PLAYBOOK, healing, world.folder, arguments=ONLY_RELEASE, environ=world.environ)
        assert again.code == 0, again.tail

        before = world.cluster.snapshot(world.hub)
        assert "deployments/hub" in before
        writes = len(world.proxy.writes())
        for name in ("unknown values key", "wrong client secret", "chart digest mismatch"):
            ran = play(PLAYBOOK, variables | named(name).spoil(world), world.folder, environ=world.environ)
            assert ran.error.startswith(f"{named(name).error_id} "), ran.error
        assert world.proxy.writes()[writes:] == []
        assert world.cluster.snapshot(world.hub) == before


# ---- what only a node can tell: hub_preflight_probes ---------------------------------------------------------------

PROBES = {"hub_preflight_probes": True}
ON_A_NODE = "hub image on a node, user image on a node, issuer from a node"
OF_EVERY_NAMESPACE = {"configmaps/kube-root-ca.crt", "serviceaccounts/default"}


def leave_a_probe(world: World) -> None:
    """The hub's namespace, with a pod that a killed run would have left there."""
    world.cluster.make_namespace(world.hub)
    path = f"/api/v1/namespaces/{world.hub}"
    end = time.monotonic() + 30
    while not world.cluster.request("GET", f"{path}/serviceaccounts/default"):
        assert time.monotonic() < end, "the namespace has no account after 30 s"
        time.sleep(0.2)
    labels = {"researchops.jupyterhub/probe": world.hub, "researchops.jupyterhub/probe-run": "killed"}
    spec = {"nodeSelector": {"no": "such-node"}, "containers": [{"name": "probe", "image": "lab.test/none:1"}]}
    body = {"metadata": {"name": "preflight-hub-killed", "labels": labels}, "spec": spec}
    world.cluster.request("POST", f"{path}/pods", body)


def probe(folder: Path, variables: Variables, *arguments: str, ready: Callable[[World], None] | None = None) -> Attempt:
    """A preflight with probes, in a world of its own."""
    with a_world(folder) as world:
        if ready:
            ready(world)
        ran = play("preflight", world.basis() | PROBES | variables, folder, arguments=arguments, environ=world.environ)
        namespaces = {name for name in world.cluster.namespaces() if name.startswith(f"{world.hub}-")}
        left = sorted(namespaces | set(world.cluster.snapshot(world.hub)) - OF_EVERY_NAMESPACE)
        print(f"{ran.seconds:.1f} s\n{ran.tail}")
        return Attempt(world.hub, ran, world.proxy.writes(), left)


@pytest.fixture(scope="module")
def probed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Future[Attempt]]]:
    """All runs with probes: each waits for the cluster most of its time."""
    nowhere = with_values({"singleuser": {"image": {"tag": "never-built"}}})
    folder = tmp_path_factory.mktemp
    with issuer_of_this_machine(folder("issuer")) as issuer, ThreadPoolExecutor(AT_ONCE) as pool:
        yield {
            "leftover": pool.submit(probe, folder("leftover"), {}, ready=leave_a_probe),
            "unreachable": pool.submit(probe, folder("unreachable"), nowhere | issuer),
            "check": pool.submit(probe, folder("check"), {}, "--check"),
            "unpinned": pool.submit(probe, folder("unpinned"), {"cluster_access_expected_uid": ""}),
        }


def test_a_node_is_asked_and_what_a_killed_run_left_is_gone(probed: dict[str, Future[Attempt]]) -> None:
    made = probed["leftover"].result(timeout=600)
    assert made.ran.code == 0, made.ran.tail
    assert f", {ON_A_NODE})" in " ".join(made.ran.output.split())
    assert "changed=0 " in made.ran.output
    assert any(seen.target.endswith("/pods/preflight-hub-killed") for seen in made.writes)
    assert {seen.target.split("?")[0].split("/")[4] for seen in made.writes} == {made.hub}
    assert made.left == []


def test_an_image_that_nobody_built_and_an_issuer_that_only_this_machine_reaches(
    probed: dict[str, Future[Attempt]],
) -> None:
    made = probed["unreachable"].result(timeout=600)
    (table,) = made.ran.fatal
    title, image, issuer = table.rstrip().splitlines()
    assert title.startswith("hub  preflight   2 of 20 checks failed")
    image, issuer = (row.partition(": ")[2] for row in (image, issuer))
    assert FORM.fullmatch(image), image
    assert FORM.fullmatch(issuer), issuer
    assert image.startswith("E-PROBE-01 The image lab.test/jupyterhub:never-built cannot be started on node ")
    assert 'ErrImagePull: failed to pull and unpack image "lab.test/jupyterhub:never-built"' in image
    assert "Do: correct singleuser.image in z2jh_values, or " in image
    assert issuer.startswith("E-PROBE-02 The issuer https://localhost:")
    assert "refused" in issuer
    assert made.left == []


def test_check_mode_makes_no_pods(probed: dict[str, Future[Attempt]]) -> None:
    made = probed["check"].result(timeout=600)
    assert made.ran.code == 0, made.ran.tail
    assert "; hub image on a node: not probed in check mode" in " ".join(made.ran.output.split())
    assert made.writes == []
    assert made.left == []


def test_nothing_is_made_on_a_cluster_that_may_be_the_wrong_one(probed: dict[str, Future[Attempt]]) -> None:
    made = probed["unpinned"].result(timeout=600)
    assert made.ran.error.startswith("E-ACCESS-02 ")
    assert "----  user image on a node: not probed because the cluster did not pass its checks" in made.ran.fatal[0]
    assert made.writes == []
    assert made.left == []
