# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a newcomer gets wrong: each time one clear error, a non-zero exit, and a cluster that nobody touched.

The runs are whole `site.yml` runs: what must not change anything is the playbook that changes things. Mistakes that the
preflight tells in its table share runs (TOGETHER), where each has a row of its own; what ends a run before that table
has a run of its own.
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
from functools import partial
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
from support_cluster import Cluster, Snapshot
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


@dataclass(frozen=True)
class Several:
    """Mistakes of one inventory.

    Attributes:
        name: what they have in common.
        mistakes: the names of their cases, in the order of the table's rows.
        playbook: where they are met.
    """

    name: str
    mistakes: tuple[str, ...]
    playbook: str = PLAYBOOK

    def spoil(self, world: World) -> Variables:
        """Make them all; no two may need the same variable."""
        made: Variables = {}
        for mistake in self.mistakes:
            more = named(mistake).spoil(world)
            assert not made.keys() & more.keys(), f"{mistake} undoes another mistake of {self.name}"
            made |= more
        return made


TOGETHER = [
    Several(
        "nothing filled in",
        (
            "unknown StorageClass",
            "placeholder DNS key",
            "expired certificate",
            "callback of another host",
            "placeholder client secret",
            "placeholder password",
        ),
    ),
    Several(
        "copied from another hub",
        (
            "no StorageClass",
            "certificate for another name",
            "callback of another scheme",
            "placeholder in angle brackets",
            "chart digest mismatch",
        ),
    ),
    Several(
        "a controller without dnspython", ("missing dnspython", "key of another certificate", "wrong client secret")
    ),
    Several("a controller without cryptography", ("missing cryptography", "issuer without discovery", "missing helm")),
    # the playbook that is only the preflight, with mistakes that four different roles notice
    Several(
        "only the preflight",
        ("unknown StorageClass", "certificate for another name", "issuer without discovery", "missing helm"),
        "preflight",
    ),
]
ALONE = [case for case in CASES if not any(case.name in several.mistakes for several in TOGETHER)]


@dataclass(frozen=True)
class Attempt:
    """What one spoiled run left behind.

    Attributes:
        hub: the hub's name.
        ran: how the playbook ended.
        writes: the requests of this run that could have changed something.
        left: what is in the cluster afterwards: objects of the hub's namespace, and namespaces beside it.
        shown: the wrong secrets that it printed, by their variables.
    """

    hub: str
    ran: Ran
    writes: list[Seen]
    left: list[str]
    shown: tuple[str, ...] = ()


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


def attempt(wrong: Case | Several, folder: Path) -> Attempt:
    """Make the mistake, or several, and look what came of it."""
    with a_world(folder) as world:
        spoiled = wrong.spoil(world)
        before = set(world.cluster.namespaces())
        ran = play(wrong.playbook, world.basis() | spoiled, world.folder, environ=world.environ)
        shown = tuple(name for name, value in spoiled.items() if name.endswith("_secret") and value in ran.output)
        new = {name for name in set(world.cluster.namespaces()) - before if name.startswith(world.hub)}
        left = sorted(new | set(world.cluster.snapshot(world.hub)))
        return Attempt(world.hub, ran, world.proxy.writes(), left, shown)


# ---- mistakes against a hub that runs ------------------------------------------------------------------------------

AGAINST_A_HUB = Several("a running hub", ("wrong client secret", "unknown values key", "chart digest mismatch"))


@dataclass(frozen=True)
class Healed:
    """A hub whose first install was killed, and what mistakes did to it.

    Attributes:
        hub: the hub's name.
        killed: the run in which Helm died.
        left: the status of every revision of the release then.
        again: the run after it.
        wrong: the run with the mistakes.
        writes: the requests of that run that could have changed something.
        before: the hub's objects before that run.
        after: and after it.
    """

    hub: str
    killed: Ran
    left: list[str]
    again: Ran
    wrong: Ran
    writes: list[Seen]
    before: Snapshot
    after: Snapshot


def helm_killed_and_healed(folder: Path) -> Healed:
    """Helm dies in the middle of the first install, one more run follows, and one with mistakes."""
    with a_world(folder) as world:
        variables = world.basis() | world.certificate() | world.dying_helm()
        killed = play(PLAYBOOK, variables, world.folder, arguments=ONLY_RELEASE, environ=world.environ)
        found = world.cluster.request("GET", f"/api/v1/namespaces/{world.hub}/secrets?labelSelector=owner%3Dhelm")
        left = [item["metadata"]["labels"]["status"] for item in found["items"]]
        healing = variables | {"z2jh_pending_policy": "rollback"}
        again = play(PLAYBOOK, healing, world.folder, arguments=ONLY_RELEASE, environ=world.environ)
        before, writes = world.cluster.snapshot(world.hub), len(world.proxy.writes())
        spoiled = variables | AGAINST_A_HUB.spoil(world)
        wrong = play(PLAYBOOK, spoiled, world.folder, environ=world.environ)
        after = world.cluster.snapshot(world.hub)
        return Healed(world.hub, killed, left, again, wrong, world.proxy.writes()[writes:], before, after)


# ---- what only a node can tell: hub_preflight_probes ---------------------------------------------------------------

PROBES = {"hub_preflight_probes": True}
ON_A_NODE = "hub image on a node, user image on a node, issuer from a node"
NOWHERE = with_values({"singleuser": {"image": {"tag": "never-built"}}})
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


# ---- the runs ------------------------------------------------------------------------------------------------------


def slug(wrong: Case | Several) -> str:
    """The name of a mistake in the name of its test."""
    return wrong.name.replace(" ", "-")


@pytest.fixture(scope="module")
def runs(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Future[Any]]]:
    """The run of every chosen test by the test's name; some at a time, because each waits more than it computes.

    The long ones come first, so that none is left alone at the end.
    """
    folder = tmp_path_factory.mktemp
    alone, together = test_one_clear_error_and_nothing_changed, test_the_preflight_tells_everything_in_one_table
    with issuer_of_this_machine(folder("issuer")) as issuer:
        work: dict[str, Callable[[], Any]] = {
            test_helm_killed_then_one_run_ends_well_and_a_running_hub_stays_untouched.__name__: partial(
                helm_killed_and_healed, folder("healed")
            ),
            test_a_node_is_asked_and_what_a_killed_run_left_is_gone.__name__: partial(
                probe, folder("leftover"), {}, ready=leave_a_probe
            ),
            test_an_image_that_nobody_built_and_an_issuer_that_only_this_machine_reaches.__name__: partial(
                probe, folder("unreachable"), NOWHERE | issuer
            ),
            test_check_mode_makes_no_pods.__name__: partial(probe, folder("check"), {}, "--check"),
            test_nothing_is_made_on_a_cluster_that_may_be_the_wrong_one.__name__: partial(
                probe, folder("unpinned"), {"cluster_access_expected_uid": ""}
            ),
            **{f"{together.__name__}[{slug(each)}]": partial(attempt, each, folder("bad")) for each in TOGETHER},
            **{f"{alone.__name__}[{slug(each)}]": partial(attempt, each, folder("bad")) for each in ALONE},
        }
        chosen = {item.name for item in request.session.items}
        with ThreadPoolExecutor(AT_ONCE) as pool:
            yield {name: pool.submit(run) for name, run in work.items() if name in chosen}
            pool.shutdown(cancel_futures=True)


@pytest.fixture
def made(runs: dict[str, Future[Any]], request: pytest.FixtureRequest) -> Any:
    """What came of the test's own run."""
    return runs[request.node.name].result(timeout=900)


# ---- what they must have led to ------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", ALONE, ids=slug)
def test_one_clear_error_and_nothing_changed(case: Case, made: Attempt) -> None:
    print(f"{made.ran.seconds:.1f} s: {made.ran.fatal}")
    assert_told(case, made.ran.error, made.hub)
    assert made.writes == []
    assert made.left == []
    assert made.shown == ()


@pytest.mark.parametrize("several", TOGETHER, ids=slug)
def test_the_preflight_tells_everything_in_one_table(several: Several, made: Attempt) -> None:
    print(f"{made.ran.seconds:.1f} s: {made.ran.fatal}")
    assert_table(several, made.ran, made.hub)
    assert made.writes == []
    assert made.left == []
    assert made.shown == ()


def test_helm_killed_then_one_run_ends_well_and_a_running_hub_stays_untouched(made: Healed) -> None:
    """Helm dies in the middle of the first install; one more run brings the hub up; mistakes then change nothing."""
    print(f"{made.killed.seconds:.1f} s, {made.again.seconds:.1f} s, {made.wrong.seconds:.1f} s")
    assert made.killed.error.startswith("E-HELM-03 Helm was killed by SIGKILL during upgrade. Seen: SIGKILL;")
    assert "z2jh_pending_policy=rollback" in made.killed.error
    assert made.left == ["pending-install"]
    assert made.again.code == 0, made.again.tail
    assert "deployments/hub" in made.before
    assert_table(AGAINST_A_HUB, made.wrong, made.hub)
    assert made.writes == []
    assert made.after == made.before


def assert_table(several: Several, ran: Ran, hub: str) -> None:
    """The run ended with the preflight's table: these checks have failed, in this order, and no other."""
    errors = ran.errors
    title, *rows = ran.fatal[0].rstrip().splitlines()
    assert title.startswith(f"hub  preflight   {len(several.mistakes)} of 1")
    assert title.endswith(" checks failed; nothing was changed")
    for row, error, mistake in zip(rows, errors, several.mistakes, strict=True):
        check, _colon, told = row.partition(": ")
        assert check.startswith("  FAIL  ")
        assert FORM.fullmatch(told), told
        assert told == error
        assert_told(named(mistake), told, hub)


def assert_told(case: Case, error: str, hub: str) -> None:
    """The error is that of the mistake, and says what a person needs to act on it."""
    assert error.startswith(f"{case.error_id} "), error
    for part in case.says:
        assert part.format(hub=hub) in error, f"{part!r} is missing in: {error}"
    assert "Nothing was changed." in error


def test_a_node_is_asked_and_what_a_killed_run_left_is_gone(made: Attempt) -> None:
    assert made.ran.code == 0, made.ran.tail
    assert f", {ON_A_NODE})" in " ".join(made.ran.output.split())
    assert "changed=0 " in made.ran.output
    assert any(seen.target.endswith("/pods/preflight-hub-killed") for seen in made.writes)
    assert {seen.target.split("?")[0].split("/")[4] for seen in made.writes} == {made.hub}
    assert made.left == []


def test_an_image_that_nobody_built_and_an_issuer_that_only_this_machine_reaches(made: Attempt) -> None:
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


def test_check_mode_makes_no_pods(made: Attempt) -> None:
    assert made.ran.code == 0, made.ran.tail
    assert "; hub image on a node: not probed in check mode" in " ".join(made.ran.output.split())
    assert made.writes == []
    assert made.left == []


def test_nothing_is_made_on_a_cluster_that_may_be_the_wrong_one(made: Attempt) -> None:
    assert made.ran.error.startswith("E-ACCESS-02 ")
    assert "----  user image on a node: not probed because the cluster did not pass its checks" in made.ran.fatal[0]
    assert made.writes == []
    assert made.left == []
