# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Helm as a child process, played by a shell script that writes down how it was called."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.clock import SystemClock
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.errors import Changed, HubError
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.progress import Reporter
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.redact import Redactor
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub import helm as subject
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.chart import parse_reference
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.helm import (
    Helm,
    Target,
    child_environment,
    find_binary,
)
from ansible_collections.researchops.jupyterhub.tests.unit.fakes import FakeClock

SECRET = "planted-secret-1234"
VALUES = {"hub": {"password": SECRET}}
CHART = Path("/charts/hub")

SCRIPT = r"""#!/bin/sh
here=$(dirname "$0")
case "$1" in version) printf '%s' "@VERSION@"; exit 0;; esac
printf '%s\n' "$@" > "$here/arguments"
env > "$here/environment"
case " $* " in *" --values - "*) cat > "$here/stdin";; esac
@BODY@
"""

Make = Callable[..., Helm]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Helm whose program does what is asked; its calls are read by called()."""

    def build(
        body: str = "echo '{}'",
        version: str = "v4.3.1",
        context: str | None = None,
        clock: object = None,
        kubeconfig: str = "/kube/config",
    ) -> Helm:
        program = tmp_path / "helm"
        program.write_text(SCRIPT.replace("@VERSION@", version).replace("@BODY@", body))
        program.chmod(0o755)
        clock = clock or SystemClock()
        target = Target("hub", "climate", kubeconfig, context)
        reporter = Reporter("hub", "release", clock)  # type: ignore[arg-type]
        return Helm(str(program), target, clock=clock, reporter=reporter, redactor=Redactor([SECRET]))  # type: ignore[arg-type]

    return build


def called(tmp_path: Path) -> list[str]:
    return (tmp_path / "arguments").read_text().splitlines()


COMMON = ["--namespace", "climate", "--values", "-", "--reset-values", "--output", "json", "--history-max", "10"]
SERVER_SIDE = ["--server-side=true", "--force-conflicts"]


@pytest.mark.parametrize(
    ("version", "found"),
    [("v4.3.1", (4, 3)), ("v3.13.0", (3, 13)), ("4.0.0-rc.1", (4, 0)), ("v3.19.2+g8766e71", (3, 19))],
)
def test_version(make: Make, version: str, found: tuple[int, int]) -> None:
    assert make(version=version).version() == found


@pytest.mark.parametrize(
    ("version", "error_id"), [("v3.12.9", "E-HELM-09"), ("v2.17.0", "E-HELM-09"), ("what?", "E-HELM-01")]
)
def test_a_version_that_will_not_do(make: Make, version: str, error_id: str) -> None:
    with pytest.raises(HubError, match=error_id):
        make(version=version).version()


def test_render_asks_the_server_and_hands_the_values_over_unseen(make: Make, tmp_path: Path) -> None:
    helm = make('echo \'{"manifest": "---"}\'')
    assert helm.render(CHART, VALUES, 10.0) == {"manifest": "---"}
    assert called(tmp_path) == ["upgrade", "--install", "hub", str(CHART), *COMMON, *SERVER_SIDE, "--dry-run=server"]
    assert json.loads((tmp_path / "stdin").read_text()) == VALUES
    assert SECRET not in (tmp_path / "environment").read_text()


def test_helm_3_applies_by_itself(make: Make, tmp_path: Path) -> None:
    make(version="v3.19.2", context="here").render(CHART, VALUES, 10.0)
    end = ["--kube-context", "here", "--dry-run=server"]
    assert called(tmp_path) == ["upgrade", "--install", "hub", str(CHART), *COMMON, *end]


def test_upgrade(make: Make, tmp_path: Path) -> None:
    make("echo '{\"version\": 2}'").upgrade(CHART, VALUES, {"b/x": "true", "a/y": "null"}, 600.0)
    rest = ["--cleanup-on-fail", "--timeout", "600s", "--labels", "a/y=null,b/x=true"]
    assert called(tmp_path) == ["upgrade", "--install", "hub", str(CHART), *COMMON, *SERVER_SIDE, *rest]
    assert json.loads((tmp_path / "stdin").read_text()) == VALUES


def test_template(make: Make, tmp_path: Path) -> None:
    assert make("echo text").template(CHART, VALUES, 10.0) == "text\n"
    assert called(tmp_path) == [
        *("template", "hub", str(CHART), "--namespace", "climate", "--values", "-"),
        *("--is-upgrade", "--dry-run=server"),
    ]


def test_helm_3_needs_a_word_more_to_render_for_this_cluster(make: Make, tmp_path: Path) -> None:
    make("echo text", version="v3.19.2").template(CHART, VALUES, 10.0)
    assert called(tmp_path)[-2:] == ["--dry-run=server", "--validate"]


def test_only_who_speaks_to_the_server_gets_its_proxy(make: Make, tmp_path: Path) -> None:
    path = tmp_path / "kubeconfig"
    cluster = {"server": "https://10.0.0.2", "proxy-url": "http://127.0.0.1:4711"}
    entries = {"context": {"cluster": "c", "user": "c"}, "cluster": cluster, "user": {"token": "t"}}
    lists = {f"{kind}s": [{"name": "c", kind: entry}] for kind, entry in entries.items()}
    path.write_text(json.dumps({"current-context": "c", **lists}))
    make(kubeconfig=str(path)).render(CHART, VALUES, 10.0)
    assert "HTTPS_PROXY=http://127.0.0.1:4711" in (tmp_path / "environment").read_text().splitlines()
    place = tmp_path / "place"
    place.mkdir()
    chart = parse_reference("https://charts.example.org/x/jupyterhub", "4.4.0")
    make('for last; do :; done; echo x > "$last/a.tgz"', kubeconfig=str(path)).pull(chart, place)
    assert "127.0.0.1:4711" not in (tmp_path / "environment").read_text()


def test_rollback_and_uninstall(make: Make, tmp_path: Path) -> None:
    make().rollback(12, 60.0)
    assert called(tmp_path) == [
        *("rollback", "hub", "12", "--namespace", "climate", "--cleanup-on-fail", "--timeout", "60s"),
        *SERVER_SIDE,
    ]
    make().uninstall(60.0)
    assert called(tmp_path) == [
        *("uninstall", "hub", "--namespace", "climate", "--ignore-not-found", "--wait", "--timeout", "60s")
    ]


@pytest.mark.parametrize(
    ("ref", "source"),
    [
        ("https://charts.example.org/x/jupyterhub", ["jupyterhub", "--repo", "https://charts.example.org/x"]),
        ("oci://charts.example.org/x/jupyterhub", ["oci://charts.example.org/x/jupyterhub"]),
    ],
)
def test_pull(make: Make, tmp_path: Path, ref: str, source: list[str]) -> None:
    helm = make('for last; do :; done; echo x > "$last/jupyterhub-4.4.0.tgz"'.replace("\\", ""))
    place = tmp_path / "place"
    place.mkdir()
    assert helm.pull(parse_reference(ref, "4.4.0"), place) == place / "jupyterhub-4.4.0.tgz"
    assert called(tmp_path) == ["pull", *source, "--version", "4.4.0", "--destination", str(place)]


@pytest.mark.parametrize("body", ["echo 'Error: 404 Not Found' >&2; exit 1", "exit 0"])
def test_a_chart_that_cannot_be_pulled(make: Make, tmp_path: Path, body: str) -> None:
    place = tmp_path / "place"
    place.mkdir()
    with pytest.raises(HubError, match="E-CHART-03"):
        make(body).pull(parse_reference("oci://x.example.org/y", "1.0.0"), place)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        pytest.param("echo 'Error: it is broken.' >&2; exit 1", "it is broken", id="error-line"),
        pytest.param("echo 'level=WARN msg=x' >&2; echo 'Error: UPGRADE FAILED: a' >&2; echo '  b' >&2; exit 1",
                     "UPGRADE FAILED: a b", id="what-belongs-together"),
        pytest.param("echo one >&2; echo two >&2; exit 1", "two", id="last-line"),
        pytest.param("exit 3", "it gave no reason", id="silent"),
        pytest.param(f"echo 'Error: bad value {SECRET}' >&2; exit 1", "bad value <hidden>", id="redacted"),
        pytest.param("echo '[1]'", "its output is not JSON", id="another-json"),
        pytest.param("echo text", "its output is not JSON", id="no-json"),
    ],
)  # fmt: skip
def test_a_chart_that_cannot_be_rendered(make: Make, body: str, told: str) -> None:
    with pytest.raises(HubError) as caught:
        make(body).render(CHART, VALUES, 10.0)
    error = caught.value
    assert (error.error_id, error.changed) == ("E-HELM-02", Changed.NOTHING)
    assert error.what == f"Helm cannot render the chart for release hub: {told}"


def test_a_failed_upgrade_says_that_something_was_done(make: Make) -> None:
    with pytest.raises(HubError) as caught:
        make("echo 'Error: no' >&2; exit 1").upgrade(CHART, VALUES, {}, 10.0)
    assert (caught.value.error_id, caught.value.changed) == ("E-HELM-07", Changed.SOME)
    assert caught.value.what == "Helm could not upgrade release hub: no"


@pytest.mark.parametrize("printed", ["[1]", "done"])
def test_an_upgrade_that_nobody_can_read_about_was_done(make: Make, printed: str) -> None:
    with pytest.raises(HubError) as caught:
        make(f"echo '{printed}'").upgrade(CHART, VALUES, {}, 10.0)
    assert (caught.value.error_id, caught.value.changed) == ("E-HELM-02", Changed.SOME)
    assert "is not JSON" in caught.value.what


@pytest.mark.parametrize(
    ("verb", "changed"), [("render", Changed.NOTHING), ("template", Changed.NOTHING), ("upgrade", Changed.UNKNOWN)]
)
def test_killed(make: Make, verb: str, changed: Changed) -> None:
    helm = make("kill -9 $$")
    calls = {
        "render": lambda: helm.render(CHART, VALUES, 10.0),
        "template": lambda: helm.template(CHART, VALUES, 10.0),
        "upgrade": lambda: helm.upgrade(CHART, VALUES, {}, 10.0),
    }
    with pytest.raises(HubError) as caught:
        calls[verb]()
    assert (caught.value.error_id, caught.value.changed) == ("E-HELM-03", changed)
    assert (caught.value.seen, caught.value.wanted) == ("SIGKILL", "an exit of its own")
    assert "Helm was killed by SIGKILL during" in caught.value.what


class Hasty(FakeClock):
    """Time that goes on by ``step`` seconds with every look at it."""

    step = 0.0

    def monotonic(self) -> float:
        self.passed += self.step
        return super().monotonic()


def test_a_call_ends_at_its_time_limit_and_says_so_meanwhile(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Hasty()
    helm = make("exec sleep 300", clock=clock)
    helm.version()
    clock.step = 20.0
    monkeypatch.setattr(subject, "REPORT_EVERY", 0.05)
    begun = time.monotonic()
    with pytest.raises(HubError, match="E-HELM-10") as caught:
        helm.render(CHART, {}, 100.0)
    assert time.monotonic() - begun < 200, "it was waited for"
    assert caught.value.changed is Changed.UNKNOWN
    said = [line["text"] for line in helm._reporter.transitions]
    assert said[0].startswith("waiting: rendering the chart on the server runs; ")


class OnceThere(FakeClock):
    """Time that stands still until a file has something in it, and then is up."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path

    def monotonic(self) -> float:
        there = self.path.exists() and self.path.read_text().strip()
        return 5000.0 if there else 0.0


def test_a_child_that_does_not_listen_is_killed(make: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    clock = OnceThere(tmp_path / "pid")
    helm = make(f"trap '' TERM; echo $$ > {tmp_path}/pid; while :; do sleep 0.05; done", clock=clock)
    monkeypatch.setattr(subject, "REPORT_EVERY", 0.05)
    monkeypatch.setattr(subject, "STOP_GRACE", 0.2)
    with pytest.raises(HubError, match="E-HELM-10"):
        helm.render(CHART, {}, 100.0)
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


@pytest.mark.skipif(sys.platform != "linux", reason="not cross-checked: only Linux can tie a child to its parent")
def test_helm_does_not_outlive_the_module(make: Make, tmp_path: Path) -> None:
    make(f"echo $$ > {tmp_path}/pid; exec sleep 60")
    code = (
        "import sys; sys.path[:] = eval(sys.argv[1])\n"
        f"from {Helm.__module__} import Helm, Target\n"
        f"from {SystemClock.__module__} import SystemClock\n"
        f"from {Reporter.__module__} import Reporter\n"
        f"from {Redactor.__module__} import Redactor\n"
        "clock = SystemClock()\n"
        f"helm = Helm({str(tmp_path / 'helm')!r}, Target('hub', 'x', None, None), clock=clock,\n"
        "            reporter=Reporter('hub', 'x', clock), redactor=Redactor())\n"
        "helm.rollback(1, 30)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code, repr(sys.path)])
    try:
        deadline = time.monotonic() + 20
        while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text().strip():
            assert time.monotonic() < deadline, "the child did not start"
            time.sleep(0.02)
        child = int((tmp_path / "pid").read_text())
        os.kill(child, 0)
        parent.send_signal(signal.SIGKILL)
        parent.wait()
        while Path(f"/proc/{child}").exists() and "zombie" not in Path(f"/proc/{child}/status").read_text():
            assert time.monotonic() < deadline, "the child outlived its parent"
            time.sleep(0.02)
    finally:
        parent.kill()
        parent.wait()


@pytest.mark.parametrize("name", ["no-such-program-here", "/no/such/helm", "/etc/passwd"])
def test_no_helm(name: str) -> None:
    with pytest.raises(HubError, match="E-HELM-01") as caught:
        find_binary(name)
    assert name in caught.value.what


def test_a_program_that_cannot_be_started(make: Make, tmp_path: Path) -> None:
    helm = make()
    (tmp_path / "helm").write_text("#!/no/such/interpreter\n")
    with pytest.raises(HubError, match="E-HELM-01"):
        helm.version()


def test_the_callers_settings_do_not_redirect_helm() -> None:
    given = {"PATH": "/bin", "HELM_NAMESPACE": "x", "HELM_DRIVER": "sql", "HELM_CACHE_HOME": "/c", "KUBECONFIG": "/old"}
    assert child_environment(given, "/new") == {"PATH": "/bin", "HELM_CACHE_HOME": "/c", "KUBECONFIG": "/new"}
    assert child_environment(given, None)["KUBECONFIG"] == "/old"


def test_time_is_the_clocks(make: Make) -> None:
    """With a clock that stands still nothing times out early."""
    assert make(clock=FakeClock()).render(CHART, {}, 5.0) == {}
