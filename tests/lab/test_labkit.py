# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's pure parts, and its supervisor with toy processes. No root, no network but loopback."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import os
import signal
import ssl
import struct
import tarfile
from pathlib import Path
from typing import Any

import pytest
from labkit import (
    api,
    archive,
    browse,
    build,
    cgroups,
    enter,
    foreign,
    forward,
    kubeconf,
    labs,
    net,
    ready,
    runtime,
    trust,
    up,
)
from labkit.paths import Lab
from labkit.process import Process, ReadyCheck, from_json, start_order, to_json
from labkit.say import LabError
from labkit.supervisor import Supervisor


def a_lab(tmp_path: Path = Path("/state"), name: str = "demo", index: int = 3) -> Lab:
    return Lab(name=name, index=index, cache=Path("/cache"), state=tmp_path, source=labs.SOURCE)


# ---- names and addresses -----------------------------------------------------------------------------------
def test_addresses_follow_from_the_index() -> None:
    lab = a_lab()
    seen = (lab.host_ip, lab.node_ip, lab.issuer_ip, lab.acme_ip, lab.knot_ip, lab.dns_ip, lab.v6(2), lab.v6(13))
    assert seen == (
        "10.210.3.1",
        "10.210.3.2",
        "10.210.3.10",
        "10.210.3.11",
        "10.210.3.12",
        "10.210.3.13",
        "fd00:210:3::2",
        "fd00:210:3::13",
    )
    assert [str(end) for end in (*lab.pool, *lab.pool6)] == [
        "10.210.3.100",
        "10.210.3.199",
        "fd00:210:3::100",
        "fd00:210:3::199",
    ]
    assert (str(lab.pod_network), str(lab.pod_network6)) == ("10.220.3.0/24", "fd00:220:3::/64")


def test_sixteen_labs_share_no_address() -> None:
    networks = [
        network for index in range(16) for network in (a_lab(index=index).network, a_lab(index=index).pod_network)
    ]
    assert len(set(networks)) == 32


def test_interface_names_fit_the_kernel() -> None:
    assert all(len(a_lab(name="a-rather-long-lab-name", index=index).veth_host) <= 15 for index in range(16))


@pytest.mark.parametrize("name", ["", "Lab", "1lab", "lab_1", "../lab", "a" * 30])
def test_a_bad_name_is_refused(name: str) -> None:
    with pytest.raises(LabError, match="E-LAB-NAME"):
        labs.find(name)


def test_a_lab_is_found_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_STATE", str(tmp_path))
    monkeypatch.setenv("LAB_CACHE", str(tmp_path / "cache"))
    first, second = labs.allocate("one"), labs.allocate("two")
    assert (labs.allocate("one"), labs.find("two"), labs.known()) == (first, second, [first, second])
    assert first.index != second.index and labs.find("three") is None


# ---- processes as data ---------------------------------------------------------------------------------------
def test_a_process_survives_the_way_to_the_supervisor(tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text("a")
    check = ReadyCheck("http", "https://x/", ca="ca", cert="c", key="k", command=("a", "b"), timeout=3)
    process = Process("x", ("prog", "-v"), {"A": "1"}, check, ("y",), (str(config),), "/tmp", True, True, "nobody")
    data = json.loads(json.dumps(to_json(process)))
    assert from_json(data) == process
    config.write_text("b")
    assert to_json(process)["digest"] != data["digest"]


def test_processes_start_after_what_they_require() -> None:
    parts = [Process("c", ("c",), requires=("b",)), Process("b", ("b",), requires=("a",)), Process("a", ("a",))]
    assert start_order(parts) == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        ([Process("a", ("a",), requires=("b",)), Process("b", ("b",), requires=("a",))], "requires itself"),
        ([Process("a", ("a",), requires=("nobody",))], "a requires nobody"),
        ([Process("a", ("a",)), Process("a", ("b",))], "same name"),
    ],
    ids=["circle", "unknown", "twice"],
)
def test_a_set_of_processes_that_cannot_start_is_refused(parts: list[Process], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        start_order(parts)


# ---- cgroups -----------------------------------------------------------------------------------------------
V2 = "30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n"
V1 = """31 23 0:27 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
32 23 0:28 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids
"""
BARE_V2 = "33 23 0:29 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (V2, (2, ["/sys/fs/cgroup"])),
        (V1, (1, ["/sys/fs/cgroup/memory", "/sys/fs/cgroup/pids"])),
        (V1 + BARE_V2, (1, ["/sys/fs/cgroup/memory", "/sys/fs/cgroup/pids", "/sys/fs/cgroup/unified"])),
    ],
    ids=["v2", "v1", "hybrid"],
)
def test_cgroup_version(text: str, wanted: tuple[int, list[str]]) -> None:
    seen = cgroups.parse(text)
    assert (seen.version, [str(mount) for mount in seen.mounts]) == wanted


def test_no_cgroups_is_an_error_with_a_cure() -> None:
    with pytest.raises(LabError, match="Do: mount cgroup2"):
        cgroups.parse("22 1 0:5 / /proc rw - proc proc rw\n")


# ---- network -----------------------------------------------------------------------------------------------
def test_the_host_gets_one_interface_and_routes_to_the_pool_only() -> None:
    lines = net.host_commands(a_lab(), 4711)
    assert lines[0] == "link add lab3-host type veth peer name eth0 netns 4711"
    routes = [line.split()[2] for line in lines if line.startswith("route")]
    assert routes[:5] == ["10.210.3.100/30", "10.210.3.104/29", "10.210.3.112/28", "10.210.3.128/26", "10.210.3.192/29"]
    assert all(route.startswith("fd00:210:3::1") for route in routes[5:])


def test_the_lab_has_no_way_out() -> None:
    lines = net.lab_commands(a_lab())
    assert "route add unreachable default" in lines and "route add unreachable ::/0 metric 4096" in lines
    assert not [line for line in lines if "default via" in line]


# ---- the environment of a command --------------------------------------------------------------------------
def test_a_command_sees_the_lab_and_no_proxy() -> None:
    lab = a_lab()
    base = {"PATH": "/bin", "https_proxy": "http://p", "NO_PROXY": "x", "HOME": "/h"}
    assert enter.variables(lab, {"kubeconfig": "/k", "dns_zone": "lab.test"}, base) == {
        "PATH": "/state/bin:/bin",
        "HOME": "/h",
        "LAB_KUBECONFIG": "/k",
        "LAB_DNS_ZONE": "lab.test",
        "KUBECONFIG": "/k",
        "SSL_CERT_FILE": "/state/etc/ca-bundle.pem",
        "NODE_EXTRA_CA_CERTS": "/state/etc/ca-bundle.pem",
        "CURL_CA_BUNDLE": "/state/etc/ca-bundle.pem",
    }


def test_host_names_come_from_files_and_dns_alone() -> None:
    host = "passwd: files systemd\nhosts: files resolve [!UNAVAIL=return] dns\nservices: db files\n"
    assert kubeconf.name_service(host) == "passwd: files systemd\nservices: db files\nhosts: files dns\n"


def test_requests_ca_bundle_is_only_corrected_never_invented() -> None:
    base = {"PATH": "/bin", "REQUESTS_CA_BUNDLE": "/etc/own.pem"}
    assert enter.variables(a_lab(), {"kubeconfig": "/k"}, base)["REQUESTS_CA_BUNDLE"] == "/state/etc/ca-bundle.pem"


def test_lab_kubeconfig_means_somebodys_own_cluster_unless_exec_set_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAB_STATE", str(tmp_path))
    lab = labs.allocate("one")
    monkeypatch.setenv("LAB_KUBECONFIG", str(lab.kubeconfig))
    assert foreign.kubeconfig() == ""
    monkeypatch.setenv("LAB_KUBECONFIG", "/home/ada/kubeconfig")
    assert foreign.kubeconfig() == "/home/ada/kubeconfig"


def test_helm_4_unless_3_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    for value, major in (("3", "3"), ("4", "4"), ("", "4"), ("/var/lib/lab/bin/helm", "4")):
        monkeypatch.setenv("LAB_HELM", value)
        assert build.helm_major() == major
    assert build.helm_version("4").startswith("v4.") and build.helm_version("3").startswith("v3.")


def test_bundles_are_rewritten_in_place(tmp_path: Path) -> None:
    lab = a_lab(tmp_path)
    for directory in (lab.pki, lab.trust, lab.etc):
        directory.mkdir()
    (lab.pki / "ca.pem").write_text("CA\n")
    trust.refresh(lab, system="HOST\n")
    inode = lab.ca_bundle.stat().st_ino
    (lab.trust / "acme.pem").write_text("ACME\n")
    trust.refresh(lab)
    assert (lab.ca_bundle.read_text(), lab.ca_file.read_text()) == ("HOST\nCA\nACME\n", "CA\nACME\n")
    assert lab.ca_bundle.stat().st_ino == inode
    (lab.trust / "acme.pem").unlink()
    trust.refresh(lab)
    assert lab.ca_bundle.read_text() == "HOST\nCA\n"


# ---- cache, image ------------------------------------------------------------------------------------------
def test_the_cache_builds_once_and_never_keeps_a_failure(tmp_path: Path) -> None:
    made: list[Path] = []

    def fails(work: Path) -> None:
        (work / "half").touch()
        raise LabError("no")

    def works(work: Path) -> None:
        made.append(work)
        (work / "whole").touch()

    with pytest.raises(LabError):
        build.cached(tmp_path, "x", "0123", "x", fails)
    first = build.cached(tmp_path, "x", "0123", "x", works)
    assert build.cached(tmp_path, "x", "0123", "x", works) == first and len(made) == 1
    assert [file.name for file in first.iterdir()] == ["whole"]


def test_old_builds_go_unless_a_lab_runs_them(tmp_path: Path) -> None:
    homes = [tmp_path / f"kubernetes-{number:016x}" for number in range(4)]
    for age, home in enumerate(homes):
        home.mkdir()
        os.utime(home, (1000 + age, 1000 + age))
    (tmp_path / "helm4-0000000000000000").mkdir()
    build.forget_old(tmp_path, f'"{homes[0]}/labkube"', keep=2)
    assert sorted(home for home in homes if home.exists()) == [homes[0], homes[2], homes[3]]
    assert (tmp_path / "helm4-0000000000000000").exists()


def test_the_key_of_a_build_changes_with_its_sources_not_with_its_readme(tmp_path: Path) -> None:
    (tmp_path / "main.go").write_text("a")
    first = build.digest("go", tmp_path)
    (tmp_path / "README.md").write_text("text")
    assert build.digest("go", tmp_path) == first
    (tmp_path / "main.go").write_text("b")
    assert build.digest("go", tmp_path) != first


def test_the_pods_image_is_a_docker_archive() -> None:
    data = archive.docker_archive(b"program", "lab.test/pod:1")
    assert data == archive.docker_archive(b"program", "lab.test/pod:1")
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        content = {member.name: tar.extractfile(member).read() for member in tar}  # type: ignore[union-attr]
    manifest, config = json.loads(content["manifest.json"]), json.loads(content["config.json"])
    assert manifest == [{"Config": "config.json", "RepoTags": ["lab.test/pod:1"], "Layers": ["layer.tar"]}]
    assert config["rootfs"]["diff_ids"] == ["sha256:" + hashlib.sha256(content["layer.tar"]).hexdigest()]


def test_a_bundle_is_taken_apart_for_certutil() -> None:
    one = "-----BEGIN CERTIFICATE-----\nAAA\n-----END CERTIFICATE-----\n"
    assert browse.certificates("# comment\n" + one + one) == ["# comment\n" + one, one]


# ---- forwarder ---------------------------------------------------------------------------------------------
def client_hello(name: str | None) -> bytes:
    """What Python's own TLS client says first."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.create_default_context()
    if name is None:
        context.check_hostname = False
    talker = context.wrap_bio(incoming, outgoing, server_hostname=name)
    with pytest.raises(ssl.SSLWantReadError):
        talker.do_handshake()
    return outgoing.read()


def test_the_name_is_read_from_a_real_greeting() -> None:
    assert forward.server_name(client_hello("Hub.Lab.Test")) == "hub.lab.test"
    assert forward.server_name(client_hello(None)) is None


@pytest.mark.parametrize("data", [b"", b"GET / HTTP/1.1\r\n", client_hello("hub.lab.test")[:60]])
def test_what_is_no_greeting_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError):
        forward.server_name(data)


def answer(number: int, flags: int, address: str | None) -> bytes:
    query = forward.question("hub.lab.test", number)
    record = b"\xc0\x0c" + struct.pack("!HHIH", 5, 1, 1, 2) + b"\xc0\x0c"  # a CNAME first
    count = 1
    if address:
        record += b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 1, 4) + bytes(int(part) for part in address.split("."))
        count = 2
    return struct.pack("!HHHHHH", number, flags, 1, count, 0, 0) + query[12:] + record


@pytest.mark.parametrize(
    ("message", "wanted"),
    [
        (answer(7, 0x8180, "10.210.0.100"), "10.210.0.100"),
        (answer(7, 0x8180, None), None),
        (answer(8, 0x8180, "10.210.0.100"), None),
        (answer(7, 0x8183, "10.210.0.100"), None),
    ],
    ids=["address", "no address", "another question", "no such name"],
)
def test_a_dns_answer_is_read(message: bytes, wanted: str | None) -> None:
    assert forward.first_address(message, 7) == wanted


def test_bytes_go_through_to_the_address_of_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    async def resolve(name: str, server: str) -> str | None:
        seen.append(f"{name}@{server}")
        return "127.0.0.1" if name == "hub.lab.test" else None

    async def scenario() -> tuple[bytes, bytes]:
        async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(await reader.read())
            writer.close()

        behind = await asyncio.start_server(echo, "127.0.0.1", 0)
        door = forward.Forwarder("dns", behind.sockets[0].getsockname()[1])
        front = await asyncio.start_server(door.serve, "127.0.0.1", 0)
        answers = []
        for name in ("hub.lab.test", "unknown.lab.test"):
            reader, writer = await asyncio.open_connection("127.0.0.1", front.sockets[0].getsockname()[1])
            writer.write(client_hello(name) + b"rest")
            writer.write_eof()
            answers.append(await asyncio.wait_for(reader.read(), 30))
            writer.close()
        return answers[0], answers[1]

    monkeypatch.setattr(forward, "resolve", resolve)
    known, unknown = asyncio.run(scenario())
    assert (known[5:6], known[-4:], unknown) == (b"\x01", b"rest", forward.UNKNOWN_NAME)
    assert seen == ["hub.lab.test@dns", "unknown.lab.test@dns"]


# ---- readiness, status -------------------------------------------------------------------------------------
def test_ready_checks_tell_yes_from_no(tmp_path: Path) -> None:
    async def scenario() -> list[bool]:
        async def web(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            path = (await reader.readline()).split()[1]
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n" if path == b"/good" else b"HTTP/1.1 500 Trouble\r\n\r\n")
            writer.close()

        server = await asyncio.start_server(web, "127.0.0.1", 0)
        here = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        (tmp_path / "there").touch()
        checks = [
            ReadyCheck(),
            ReadyCheck("tcp", here),
            ReadyCheck("tcp", "127.0.0.1:1"),
            ReadyCheck("http", f"http://{here}/good"),
            ReadyCheck("http", f"http://{here}/bad"),
            ReadyCheck("file", str(tmp_path / "there")),
            ReadyCheck("file", str(tmp_path / "away")),
            ReadyCheck("command", command=("true",)),
            ReadyCheck("command", command=("false",)),
            ReadyCheck("command", command=("/no/such/program",)),
        ]
        return [await ready.is_ready(check) for check in checks]

    assert asyncio.run(scenario()) == [True, True, False, True, False, True, False, True, False, False]


def test_what_up_waits_for() -> None:
    parts = {
        "a": {"state": "ready", "optional": False},
        "b": {"state": "starting", "optional": False},
        "c": {"state": "ended (1)", "optional": True},
    }
    assert runtime.not_ready({}, "d") == {"supervisor": "starting"}
    assert runtime.not_ready({"digest": "old", "parts": {}}, "d") == {"supervisor": "reading the new specification"}
    assert runtime.not_ready({"digest": "d", "parts": parts}, "d") == {"b": "starting"}


def test_a_container_from_before_the_crash_is_stale() -> None:
    def pod(state: dict[str, Any]) -> dict[str, Any]:
        return {"status": {"containerStatuses": [{"state": state}]}}

    boot = "2026-11-22T10:00:00Z"
    assert api.stale(pod({"running": {"startedAt": "2026-11-22T09:59:59Z"}}), boot)
    assert not api.stale(pod({"running": {"startedAt": "2026-11-22T10:00:01Z"}}), boot)
    assert not api.stale(pod({"waiting": {"reason": "x"}}), boot) and not api.stale({}, boot)


def test_a_change_of_the_sources_makes_up_look_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(labs, "SOURCE", tmp_path)
    (tmp_path / "labkit").mkdir()
    (tmp_path / "labkit/x.py").write_text("1")
    before = up.fingerprint()
    (tmp_path / "charts").mkdir()
    (tmp_path / "charts/values.yaml").write_text("a: 1")
    assert up.fingerprint() == before
    (tmp_path / "labkit/x.py").write_text("2")
    assert up.fingerprint() != before


# ---- supervisor --------------------------------------------------------------------------------------------
def write_spec(lab: Lab, *processes: Process) -> str:
    return runtime.write_spec(lab, list(processes))


async def until(condition: Any, what: str) -> None:
    for _round in range(1500):
        if condition():
            return
        await asyncio.sleep(0.02)
    raise AssertionError(f"not within 30 s: {what}")


def toy(name: str, marker: Path, requires: tuple[str, ...] = ()) -> Process:
    script = f"echo {name} >> {marker}/order; touch {marker}/{name}; exec sleep 60"
    return Process(name, ("/bin/sh", "-c", script), ready=ReadyCheck("file", f"{marker}/{name}"), requires=requires)


def test_the_supervisor_starts_in_order_restarts_the_dead_and_applies_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = a_lab(tmp_path)
    for directory in lab.directories:
        directory.mkdir()
    (tmp_path / "marks").mkdir()
    supervisor = Supervisor(lab, -1)
    first, second = toy("first", tmp_path / "marks"), toy("second", tmp_path / "marks", ("first",))
    killed: list[int] = []

    def end_all(pid: int, number: int) -> None:  # PID 1 signals all the others; here that is the toys
        killed.append(pid)
        for part in supervisor.parts.values():
            if part.pid:
                os.killpg(part.pid, number)

    def states() -> dict[str, str]:
        return {name: part["state"] for name, part in runtime.status(lab).get("parts", {}).items()}

    async def scenario() -> None:
        write_spec(lab, second, first)
        running = asyncio.create_task(supervisor.run())
        await until(lambda: states() == {"first": "ready", "second": "ready"}, "both ready")
        assert (tmp_path / "marks/order").read_text().split() == ["first", "second"]
        pids = {name: part.pid for name, part in supervisor.parts.items()}
        os.kill(pids["first"], signal.SIGKILL)
        await until(lambda: supervisor.parts["first"].pid not in (0, pids["first"]), "first restarted")
        await until(lambda: states()["first"] == "ready", "first ready again")
        assert (supervisor.parts["first"].restarts, supervisor.parts["second"].pid) == (1, pids["second"])
        digest = write_spec(lab, first)
        supervisor.reload.set()
        await until(lambda: runtime.status(lab)["digest"] == digest, "the new specification")
        assert states() == {"first": "ready"}
        with pytest.raises(ProcessLookupError):
            os.kill(pids["second"], 0)
        monkeypatch.setattr("labkit.supervisor.os.kill", end_all)
        supervisor.stopping.set()
        await asyncio.wait_for(running, 30)
        assert killed == [-1] and not [part for part in supervisor.parts.values() if part.pid]

    asyncio.run(scenario())
