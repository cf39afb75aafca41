# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""No secret leaves the places meant for it, however a run goes; and this suite would notice.

Every secret input is a canary: a random value, or one of the lab's own random secrets where the run must succeed. The rows
spread verbosity, check and diff mode, success, failure and kill -9, ansible-runner, callbacks and a fact cache over the
stories. Each run is searched for every canary in every spelling (support_canaries.py).
"""

from __future__ import annotations

import base64
import os
import secrets
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
from support_bad import World, with_values  # noqa: E402
from support_canaries import Canaries, Run, Way, forms, make_canary, opened, start, unprotected  # noqa: E402
from support_cluster import Cluster  # noqa: E402
from support_demo import demo_hub  # noqa: E402

USING = "Use the hub as its users do"
RELEASING = "Bring the release to these values"
LOG = {"ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json", "ANSIBLE_CALLBACK_RESULT_FORMAT": "json"}
JUNIT = {"ANSIBLE_CALLBACKS_ENABLED": "ansible.builtin.junit,researchops.jupyterhub.progress"}
SHOW_EMPTY = {"ANSIBLE_NO_LOG": "0", "ANSIBLE_DISPLAY_ARGS_TO_STDOUT": "1"}


def lab_secret(name: str) -> str:
    """One of the lab's own secrets; all are random."""
    return Path(os.environ[f"LAB_{name}_FILE"]).read_text(encoding="utf-8").strip()


@pytest.fixture(scope="module")
def cluster() -> Cluster:
    return Cluster(Path(os.environ["LAB_ADMIN_KUBECONFIG"]))


@pytest.fixture
def canaries() -> Canaries:
    """The lab's own secrets, which every run uses in some way."""
    found = Canaries()
    for name in ("OIDC_CLIENT_SECRET", "AUTOMATION_CLIENT_SECRET", "TSIG_SECRET"):
        found.add(f"the lab's {name}", lab_secret(name))
    return found


@pytest.fixture(scope="module")
def own_hub(cluster: Cluster) -> Iterator[dict[str, Any]]:
    """A hub that these tests make, break and take away."""
    name = f"canary-{secrets.token_hex(3)}"
    yield {"hub_name": name, "hub_domain": f"{name}.lab.test"}
    cluster.drop_namespace(name)


def nothing_leaks(run: Run, canaries: Canaries) -> None:
    leaks = run.leaks(canaries)
    told = "\n".join(f"{place}: {', '.join(sorted(hits))}" for place, hits in sorted(leaks.items()))
    assert not leaks, f"secrets outside of the places meant for them:\n{told}"
    assert run.private() == []
    assert run.watch.rounds > 20 and len(run.watch.seen["cmdline"]) > 5, "the process table was not read"


def succeeded(run: Run) -> None:
    assert run.code == 0, run.output[-4000:]


def failed(run: Run, error_id: str) -> None:
    assert run.code != 0 and error_id in run.output, run.output[-4000:]


# ---- the detector -----------------------------------------------------------------------------------------------


def test_every_spelling_is_recognised() -> None:
    canaries = Canaries()
    secret = canaries.plant("it")
    spellings = forms(secret)
    assert {"raw", "json", "url", "hex", "reversed", "base64 0", "base64url 2", "part at 12"} <= set(spellings)
    for name, form in spellings.items():
        assert canaries.hits(b"before " + form + b" after"), name
    assert not canaries.hits(b" ".join(forms(make_canary()).values()))


@pytest.mark.parametrize("before", [0, 1, 2, 3, 4, 5])
def test_base64_is_recognised_wherever_the_secret_stands(before: int) -> None:
    canaries = Canaries()
    secret = canaries.plant("it")
    text = base64.b64encode(b"x" * before + secret.encode() + b"and more")
    assert any("base64" in hit for hit in canaries.hits(text))


# ---- runs that go well --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("story", "way"),
    [
        ("first run, by ansible-runner", Way(runner=True, words=("--diff",), environ=SHOW_EMPTY)),
        ("check mode on the hub that is there", Way(words=("--check", "--diff"), environ=LOG)),
        ("second run, quiet", Way(verbosity=0, environ=JUNIT)),
    ],
    ids=lambda value: value.replace(" ", "-") if isinstance(value, str) else "",
)
def test_a_whole_site_run(
    story: str, way: Way, own_hub: dict[str, Any], canaries: Canaries, tmp_path: Path, cluster: Cluster
) -> None:
    reports = {"hub_verify_report_dir": str(tmp_path / "left" / "reports")}
    run = start(tmp_path, "site", own_hub | reports, way)
    succeeded(run)
    place = f"/api/v1/namespaces/{own_hub['hub_name']}/secrets"
    meant, others = [], []
    for item in cluster.request("GET", place)["items"]:
        (others if item["type"] == "helm.sh/release.v1" else meant).append(item)
    planted = Canaries(dict(canaries.known))
    for item in meant:
        for key, value in (item.get("data") or {}).items():
            text = base64.b64decode(value).decode(errors="replace")
            if key.endswith((".key", "auth_token", "cookie_secret", "CryptKeeper.keys", "apiToken")):
                planted.add(f"{item['metadata']['name']}/{key}", text)
    assert any("tls.key" in name for name in planted.known), "no certificate's key was found to look for"
    nothing_leaks(run, planted)
    for item in others:
        assert canaries.hits(opened(item)) == set(), f"a secret in the values of {item['metadata']['name']}"


# ---- runs that fail -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "way",
    [Way(words=("--diff",), environ=SHOW_EMPTY), Way(verbosity=3, environ=LOG), Way(verbosity=1, runner=True)],
    ids=["v5 diff", "v3 json", "v1 runner"],
)
def test_passwords_that_are_wrong(way: Way, canaries: Canaries, tmp_path: Path) -> None:
    demo_hub()
    given = {
        "hub_verify_password": canaries.plant("hub_verify_password"),
        "hub_verify_stranger_password": canaries.plant("hub_verify_stranger_password"),
        "hub_verify_token": canaries.plant("hub_verify_token", plain=True),
        "hub_verify_report_dir": str(tmp_path / "left" / "reports"),
    }
    run = start(tmp_path, "verify", given, way)
    failed(run, "E-AUTH-11")
    nothing_leaks(run, canaries)


def test_a_strangers_password_that_is_wrong(canaries: Canaries, tmp_path: Path) -> None:
    demo_hub()
    given = {"hub_verify_stranger_password": canaries.plant("hub_verify_stranger_password")}
    run = start(tmp_path, "verify", given, Way(environ=JUNIT))
    failed(run, "E-VERIFY-12")
    nothing_leaks(run, canaries)


def test_a_token_that_is_wrong(canaries: Canaries, tmp_path: Path) -> None:
    demo_hub()
    given = {"hub_verify_login": "hub_token", "hub_verify_token": canaries.plant("hub_verify_token", plain=True)}
    run = start(tmp_path, "verify", given, Way(words=("--check", "--diff")))
    failed(run, "E-AUTH-13")
    nothing_leaks(run, canaries)


@pytest.mark.parametrize(
    ("variable", "plain", "error_id"),
    [
        ("hub_oauth_client_secret", False, "E-AUTH-03"),
        ("cluster_access_oidc_client_secret", True, "E-ACCESS-09"),
        ("hub_dns_key_secret", True, "E-DNS-"),
    ],
)
def test_an_input_that_is_wrong(variable: str, plain: bool, error_id: str, canaries: Canaries, tmp_path: Path) -> None:
    name = f"canary-{secrets.token_hex(3)}"
    canary = canaries.plant(variable, plain=plain)
    given = {"hub_name": name, "hub_domain": f"{name}.lab.test", variable: canary}
    if variable == "hub_dns_key_secret":  # a key that only the name server can refuse
        given[variable] = canaries.add(variable, base64.b64encode(secrets.token_bytes(32)).decode())
        given["hub_dns_addresses"] = ["192.0.2.7"]
    tags = ("--tags", "cluster_access,hub_dns") if variable == "hub_dns_key_secret" else ()
    run = start(tmp_path, "site", given, Way(words=tags, environ=SHOW_EMPTY))
    failed(run, error_id)
    nothing_leaks(run, canaries)


def test_secrets_written_into_the_values(canaries: Canaries, tmp_path: Path) -> None:
    values = {
        "hub": {
            "config": {"GenericOAuthenticator": {"client_secret": canaries.plant("client_secret in z2jh_values")}},
            "services": {"grader": {"apiToken": canaries.plant("apiToken in z2jh_values", plain=True)}},
        },
        "proxy": {"secretToken": canaries.plant("secretToken in z2jh_values", plain=True)},
    }
    run = start(tmp_path, "preflight", with_values(values), Way(words=("--diff",), environ=SHOW_EMPTY))
    failed(run, "E-VALUES-")
    nothing_leaks(run, canaries)


@pytest.mark.parametrize("foreign", [True, False], ids=["of another certificate", "that fits"])
def test_a_private_key(foreign: bool, canaries: Canaries, tmp_path: Path, cluster: Cluster) -> None:
    meant = tmp_path / "meant"
    meant.mkdir(mode=0o700)
    world = World(meant, cluster, None, f"canary-{secrets.token_hex(3)}")  # type: ignore[arg-type]
    given = world.certificate(foreign_key=foreign)
    canaries.add("private key", Path(given["hub_https_private_key_file"]).read_text(encoding="utf-8"))
    given |= {"hub_name": world.hub, "hub_domain": f"{world.hub}.lab.test"}
    run = start(tmp_path, "preflight", given, Way(words=("--diff",), environ=SHOW_EMPTY))
    if foreign:
        failed(run, "E-CERT-17")
    else:
        succeeded(run)
    nothing_leaks(run, canaries)


# ---- runs that are killed -----------------------------------------------------------------------------------------


def test_a_kill_while_somebody_signs_in(own_hub: dict[str, Any], canaries: Canaries, tmp_path: Path) -> None:
    canaries.add("hub_verify_password", "demo-ada")
    canaries.add("hub_verify_stranger_password", "demo-mallory")
    run = start(tmp_path, "verify", own_hub, Way(verbosity=0, kill_after=USING, grace=1.5))
    assert run.code == -9
    nothing_leaks(run, canaries)


def test_a_kill_while_helm_works(own_hub: dict[str, Any], canaries: Canaries, tmp_path: Path) -> None:
    change = with_values({"hub": {"labels": {"canary": secrets.token_hex(4)}}})
    way = Way(words=("--tags", "cluster_access,z2jh"), kill_after=RELEASING, grace=2.5)
    run = start(tmp_path, "site", own_hub | change, way)
    assert run.code == -9
    nothing_leaks(run, canaries)


def test_taking_the_hub_down(own_hub: dict[str, Any], canaries: Canaries, tmp_path: Path) -> None:
    run = start(tmp_path, "teardown", own_hub | {"hub_teardown_data": True}, Way(words=("--diff",)))
    succeeded(run)
    nothing_leaks(run, canaries)


# ---- the control: without no_log the same search finds them -----------------------------------------------------------


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The collection with every no_log taken out."""
    here = Path(os.environ["ANSIBLE_COLLECTIONS_PATH"].split(os.pathsep)[0])
    return unprotected(here, tmp_path_factory.mktemp("bare"))


def test_without_no_log_passwords_and_machine_login_are_found(bare: Path, canaries: Canaries, tmp_path: Path) -> None:
    demo_hub()
    names = {"hub_verify_password", "hub_verify_stranger_password", "hub_verify_token"}
    given = {name: canaries.plant(name) for name in names}
    run = start(tmp_path, "verify", given, Way(), collections=bare)
    failed(run, "E-AUTH-11")
    found = canaries.named(hit for hits in run.leaks(canaries).values() for hit in hits)
    assert found >= names | {"the lab's AUTOMATION_CLIENT_SECRET"}


def test_without_no_log_client_secret_and_private_key_are_found(
    bare: Path, canaries: Canaries, tmp_path: Path, cluster: Cluster
) -> None:
    meant = tmp_path / "meant"
    meant.mkdir(mode=0o700)
    world = World(meant, cluster, None, f"canary-{secrets.token_hex(3)}")  # type: ignore[arg-type]
    given = world.certificate() | {"hub_name": world.hub, "hub_domain": f"{world.hub}.lab.test"}
    canaries.add("private key", Path(given["hub_https_private_key_file"]).read_text(encoding="utf-8"))
    run = start(tmp_path, "preflight", given, Way(), collections=bare)
    found = canaries.named(hit for hits in run.leaks(canaries).values() for hit in hits)
    assert found >= {"the lab's OIDC_CLIENT_SECRET", "private key"}
