# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A newcomer's first hour: `make demo`, the printed URL in a browser, then the example for a cluster of his own.

The browser stands on the host, outside of the lab's network, and goes through the forwarder like a person's.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

sys.path.insert(0, str(Path(__file__).resolve().parent))
import support_plays
from support_bad import certificate_files
from support_browser import SCREENSHOTS, Browser, browser, on_host
from support_cluster import Cluster
from support_demo import URL, demo, forward, make_demo, path_of_a_person

SUMMARY = (
    "[1/5] lab      Kubernetes # ready in # s; DNS, ACME, OpenID, load balancer up",
    "[2/5] site.yml examples/lab: access # s, preflight # s, front door # s, certificate # s, helm # s, verify # s",
    (
        "[3/5] checked  login as ada: ok; cell 6*7=42: ok; file kept after restart: ok; "
        "mallory (not listed) refused: ok; http goes to https: ok; running image is the pinned one: ok"
    ),
    (
        "[4/5] again    second run changed=0 in # s: # s to see that "
        "(# s over an empty play's # s, # module processes), # s to check the hub once more"
    ),
    (
        f"[5/5] open     {URL} as ada / demo-ada (trust the lab's CA: build/demo/ca.pem); "
        f"stop: make demo-down LAB_NAME={os.environ.get('LAB_NAME')}; # MiB of memory and # min # s in all"
    ),
)
"""The five lines of first-hour.md; # is a number."""
MODULE_PROCESSES = 15
MEMORY = 2048
OWN = support_plays.ROOT / "examples" / "own_cluster" / "inventory.yml"
OTHER_VERSION = "4.4.0-lab.99"

PRESS = "(document.querySelector('a[href*=oauth_login]').click(), true)"
SIGN_IN = "document.querySelector('input[name=login]') && document.querySelector('input[type=password]') && true"
LAUNCHER = "document.querySelector('.jp-LauncherCard[data-category=Notebook]') && true"
STOP = """
(async () => {
  const xsrf = document.cookie.split('; ').find((one) => one.startsWith('_xsrf=')).slice(6);
  const reply = await fetch('/hub/api/users/ada/server', {method: 'DELETE', headers: {'X-XSRFToken': xsrf}});
  return reply.status;
})()
"""


@pytest.fixture(scope="module")
def summary() -> list[str]:
    """`make demo` on this lab: the lines of its output that stay in mind."""
    return [line for line in make_demo().splitlines() if re.match(r"\[\d/\d\]", line)]


@pytest.fixture(scope="module")
def url(summary: list[str]) -> str:
    """The printed URL, with the hub behind it and the door to the host open."""
    assert URL in summary[-1]
    forward()
    return URL


@pytest.fixture
def chromium(url: str) -> Iterator[Browser]:
    """A browser that nobody has used yet."""
    with browser(Path(os.environ["LAB_CA_FILE"])) as one:
        yield one


def sign_in(chromium: Browser, url: str, user: str, password: str) -> None:
    chromium.open(url)
    chromium.wait("the hub's sign-in button", PRESS, 30)
    chromium.wait("the sign-in page", SIGN_IN, 30)
    chromium.type("input[name=login]", user)
    chromium.type("input[type=password]", password)


def served(names: str) -> bytes:
    """The certificate behind hub.lab.test:8443, as seen by this process."""
    context = ssl.create_default_context(cafile=os.environ["LAB_CA_FILE"])
    with (
        socket.create_connection((names, 8443), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname="hub.lab.test") as secure,
    ):
        return secure.getpeercert(binary_form=True) or b""


def test_make_demo_ends_with_the_summary(summary: list[str]) -> None:
    assert len(summary) == len(SUMMARY), summary
    for line, form in zip(summary, SUMMARY, strict=True):
        assert re.sub(r"\d[\d.]*", "#", line) == re.sub(r"\d[\d.]*", "#", form)


def test_the_second_run_changes_nothing_in_few_processes_and_proves_the_hub_again(summary: list[str]) -> None:
    assert "second run changed=0 in" in summary[3]
    second = demo.observed("second", 0.0)
    assert second.changed == 0
    assert 0 < second.processes <= MODULE_PROCESSES
    assert second.roles["hub_verify"] > 0
    rows = {row["title"]: row["result"] for row in second.evidence["rows"]}
    assert {"login as ada", "cell 6*7=42", "file kept after restart", "mallory (not listed) refused"} <= set(rows)
    assert set(rows.values()) == {"ok"}, rows


def test_the_lab_with_an_idle_hub_in_it_fits_into_2_gib(summary: list[str]) -> None:
    found = re.search(r"(\d+) MiB of memory", summary[-1])
    assert found and 0 < int(found[1]) <= MEMORY, summary[-1]


def test_the_host_sees_the_same_door_as_the_lab(url: str) -> None:
    code = (
        "import os, socket, ssl, sys;"
        "context = ssl.create_default_context(cafile=os.environ['LAB_CA_FILE']);"
        "plain = socket.create_connection(('127.0.0.1', 8443), timeout=10);"
        "secure = context.wrap_socket(plain, server_hostname='hub.lab.test');"
        "sys.stdout.buffer.write(secure.getpeercert(binary_form=True))"
    )
    outside = subprocess.run([*on_host(), sys.executable, "-c", code], capture_output=True, check=True, timeout=30)
    assert outside.stdout == served("hub.lab.test")


def test_ada_opens_the_printed_url_and_gets_jupyterlab(chromium: Browser, url: str) -> None:
    sign_in(chromium, url, "ada", "demo-ada")
    chromium.picture("sign-in")
    chromium.press_enter()
    chromium.wait("JupyterLab with its launcher", LAUNCHER, 120)
    assert chromium.value("location.origin + location.pathname").startswith(f"{url}/user/ada/lab")
    chromium.picture("jupyterlab")
    chromium.open(f"{url}/hub/home")
    chromium.wait(
        "the hub's home page", "document.cookie.includes('_xsrf=') && document.querySelector('#stop') && true", 30
    )
    chromium.picture("hub-home")
    assert chromium.value(STOP) in (202, 204)
    assert all((SCREENSHOTS / f"{name}.png").stat().st_size > 5000 for name in ("sign-in", "jupyterlab", "hub-home"))


def test_mallory_reads_why_she_may_not_enter(chromium: Browser, url: str) -> None:
    sign_in(chromium, url, "mallory", "demo-mallory")
    chromium.press_enter()
    chromium.wait("the refusal", "document.body.innerText.includes('403 : Forbidden')", 30)
    assert "not currently authorized to use this hub" in chromium.value("document.body.innerText")
    chromium.picture("refused")


def test_a_wrong_password_is_told_on_the_page(chromium: Browser, url: str) -> None:
    sign_in(chromium, url, "ada", "not-the-password")
    chromium.press_enter()
    alert = "document.querySelector('[role=alert]') && document.querySelector('[role=alert]').innerText"
    assert chromium.wait("the sign-in page's answer", alert, 30) == "Login or password is wrong."
    assert chromium.value("document.querySelector('input[name=login]').value") == "ada"


def test_a_browser_without_the_labs_ca_refuses(url: str, tmp_path: Path) -> None:
    nothing = tmp_path / "no-ca.pem"
    nothing.write_text("", encoding="utf-8")
    with browser(nothing) as stranger, pytest.raises(AssertionError, match="ERR_CERT_AUTHORITY_INVALID"):
        stranger.open(url)


def test_the_labs_inventory_says_outside_of_the_lab_where_it_belongs(tmp_path: Path) -> None:
    nothing = {name: "" for name in os.environ if name.startswith("LAB_")}
    ran = support_plays.play("preflight", {}, tmp_path, environ=nothing)
    assert ran.code != 0
    assert "This inventory belongs to the lab. Do: make demo;" in ran.fatal[0], ran.tail


# ---- a cluster of one's own -------------------------------------------------------------------------------------
def own_inventory(folder: Path, chain: Path, key: Path) -> Path:
    """The example for one's own cluster, copied and edited as its first lines ask."""
    edits = {
        "/etc/ssl/hub.example.org/fullchain.pem": str(chain),
        "/etc/ssl/hub.example.org/privkey.pem": str(key),
        "hub.example.org": "physics.lab.test",
        "https://issuer.example.org/": os.environ["LAB_ISSUER"],
        "ops@example.org": "ops@lab.test",
    }
    text = OWN.read_text(encoding="utf-8")
    for old, new in edits.items():
        assert old in text, f"{OWN} no longer has {old}"
        text = text.replace(old, new)
    assert "example.org" not in json.dumps(yaml.safe_load(text))
    made = folder / "inventory.yml"
    made.write_text(text, encoding="utf-8")
    return made


def of_the_lab(folder: Path, chain: Path) -> Path:
    """What this cluster has and the example leaves open: who may prove the hub, authorities, DNS, images."""
    trusted = folder / "trusted.pem"
    trusted.write_bytes(Path(os.environ["LAB_CA_BUNDLE"]).read_bytes() + chain.read_bytes())
    lab = support_plays.inventory()
    given = {name: value for name, value in lab.items() if name.startswith("hub_dns_")} | {
        "cluster_access_expected_uid": os.environ["LAB_CLUSTER_UID"],
        "hub_oauth_client_id": lab["hub_oauth_client_id"],
        "hub_oauth_ca_file": lab["hub_oauth_ca_file"],
        "hub_verify_user": "ada",
        "hub_verify_ca_file": str(trusted),
        "z2jh_storage_class": lab["z2jh_storage_class"],
        "z2jh_values": lab["z2jh_values"],
    }
    made = folder / "lab.json"
    made.write_text(json.dumps(given), encoding="utf-8")
    return made


def test_the_example_for_ones_own_cluster_brings_another_chart_to_a_hub_with_a_login(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`make demo LAB_KUBECONFIG=... INVENTORY=... Z2JH_CHART=...`: a path alone is enough to name a chart."""
    chain, key = certificate_files(tmp_path, ("physics.lab.test",))
    chart = shutil.copytree(os.environ["LAB_CHART"], tmp_path / "chart")
    about = chart / "Chart.yaml"
    about.write_text(re.sub("(?m)^version:.*", f"version: {OTHER_VERSION}", about.read_text(encoding="utf-8")))
    source = own_inventory(tmp_path, chain, key)
    given = {
        "INVENTORY": str(source),
        "Z2JH_CHART": str(chart),
        "HUB_OAUTH_CLIENT_SECRET": Path(os.environ["LAB_OIDC_CLIENT_SECRET_FILE"]).read_text(encoding="utf-8").strip(),
        "HUB_VERIFY_PASSWORD": "demo-ada",
        "PATH": path_of_a_person(),
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(demo, "OUT", tmp_path / "out")
    assert demo.own_cluster()
    cluster = Cluster(Path(os.environ["LAB_ADMIN_KUBECONFIG"]))
    try:
        played = demo.play("own", "-e", f"@{of_the_lab(tmp_path, chain)}")
        hub = cluster.request("GET", "/apis/apps/v1/namespaces/physics/deployments/hub")
    finally:
        cluster.drop_namespace("physics", 0)
    assert played.evidence["url"] == "https://physics.lab.test/"
    assert {row["result"] for row in played.evidence["rows"]} == {"ok"}
    assert OTHER_VERSION in json.dumps(hub["metadata"]["labels"])
    assert demo.shown(demo.inventory()) == str(source)
    assert str(source) in demo.open_door(played.evidence["url"])
