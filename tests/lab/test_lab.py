# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab itself, for real: labs of its own (`labtest`, `labtest2`) are started, hurt and taken down. Needs root.

The tests build on each other in the order they stand here; a warm run takes about two minutes.
"""

from __future__ import annotations

import json
import os
import random
import re
import resource
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from labkit import labs, namespaces, runtime

LAB = Path(__file__).resolve().parent / "lab"
NAME, SECOND = "labtest", "labtest2"
MAIN_PARTS = ("kubelet", "etcd", "containerd", "apiserver")
OTHER_PARTS = (
    "controller-manager",
    "scheduler",
    "kube-proxy",
    "coredns",
    "controllers",
    "dns",
    "dns2",
    "acme",
    "charts",
    "registry",
    "oidc",
    "google",
)
SEED = int(os.environ.get("LAB_TEST_SEED") or time.time() // 86400)
"""Which parts are killed where not all are: others every day."""
# Elsewhere the lab mounts nothing, in no namespace; there others may (a chroot in a home directory, say).
WHERE_IT_MOUNTS = (*namespaces.PRIVATE, "/proc", "/sys", "/dev", "/etc", "/usr", str(labs.state_root()))
MANIFEST = """
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 10Mi}}}
---
apiVersion: v1
kind: Pod
metadata: {name: web, labels: {app: web}}
spec:
  securityContext: {runAsUser: 1000, runAsGroup: 100, runAsNonRoot: true}
  containers:
  - {name: web, image: IMAGE, args: [serve, "8080"], volumeMounts: [{name: data, mountPath: /data}]}
  volumes: [{name: data, persistentVolumeClaim: {claimName: data}}]
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  type: LoadBalancer
  ipFamilyPolicy: RequireDualStack
  selector: {app: web}
  ports: [{port: 80, targetPort: 8080}]
"""


def lab(*words: str, name: str = NAME, limit: float = 240, text: str = "") -> subprocess.CompletedProcess[str]:
    kept = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith("LAB_") or key in ("LAB_CACHE", "LAB_STATE")
    }
    return subprocess.run(
        [str(LAB), words[0], "--name", name, *words[1:]],
        input=text,
        capture_output=True,
        text=True,
        timeout=limit,
        check=False,
        env=kept,
    )


def ok(*words: str, name: str = NAME, text: str = "") -> str:
    """Standard output of a verb that must work."""
    done = lab(*words, name=name, text=text)
    assert done.returncode == 0, f"lab {' '.join(words)}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


def kubectl(*words: str, name: str = NAME, text: str = "") -> str:
    return ok("exec", "--", "kubectl", *words, name=name, text=text)


def up(name: str = NAME) -> str:
    """What `up` said. The big image is not needed here."""
    done = lab("up", "--no-image", name=name)
    assert done.returncode == 0, done.stderr
    return done.stderr


def lines(*command: str) -> set[str]:
    return set(subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout.splitlines())


# ---- what the host has -----------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Host:
    mounts: frozenset[str]
    interfaces: frozenset[str]
    addresses: frozenset[str]
    rules: frozenset[str]
    cgroups: frozenset[str]
    processes: frozenset[str]


def of_others() -> list[str]:
    """Names by which things of other labs, or of a build going on, are known; those come and go while we test."""
    others = [one for one in labs.known() if one.name not in (NAME, SECOND)]
    return [str(labs.cache_directory()), *(word for one in others for word in (one.veth_host, f"/{one.cgroup}"))]


def named(word: str, text: str) -> bool:
    """Whether the text has the word, and not only a longer one that begins with it."""
    return re.search(re.escape(word) + r"(?![\w-])", text) is not None


def ours(pid: str) -> bool:
    """Whether a process belongs to one of our labs: by cgroup, by command line, or by what is mounted around it.

    One that has ended does not count: when the host's first process collects its exit code is that one's business.
    """
    with suppress(OSError):
        if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
            return False
    marks = [f"{top}{name}" for top in ("/lab-", f"{labs.state_root()}/") for name in (NAME, SECOND)]
    for file in ("cgroup", "cmdline", "mountinfo"):
        with suppress(OSError):
            text = Path(f"/proc/{pid}/{file}").read_text(errors="replace")
            if any(named(mark, text) for mark in marks):
                return True
    return False


def look() -> Host:
    foreign = of_others()

    def kept(found: set[str]) -> frozenset[str]:
        return frozenset(line for line in found if not any(named(word, line) for word in foreign))

    groups = {directory for directory, _names, _files in os.walk("/sys/fs/cgroup")}
    rules = {
        re.sub(r"\[\d+:\d+\]", "", line)
        for program in ("iptables-save", "ip6tables-save")
        for line in lines(program)
        if not line.startswith("#")
    }
    return Host(
        mounts=kept(
            {line for line in lines("cat", "/proc/self/mountinfo") if line.split()[4].startswith(WHERE_IT_MOUNTS)}
        ),
        interfaces=kept(lines("ip", "-o", "-br", "link")),
        addresses=kept(lines("ip", "-o", "-br", "addr")),
        rules=kept(rules),
        cgroups=kept(groups),
        processes=frozenset(pid for pid in os.listdir("/proc") if pid.isdigit() and ours(pid)),
    )


def differences(before: Host, after: Host) -> dict[str, list[str]]:
    """What is there afterwards and was not before, by kind. (What others removed meanwhile is not our doing.)"""
    found = {kind: sorted(getattr(after, kind) - getattr(before, kind)) for kind in Host.__dataclass_fields__}
    return {kind: things for kind, things in found.items() if things}


@pytest.fixture(scope="module")
def before() -> Iterator[Host]:
    """The host before any lab of ours; afterwards ours are gone for good."""
    assert os.geteuid() == 0, "The lab's own tests make namespaces. Do: run them as root (sudo make lab-test)."
    for name in (NAME, SECOND):
        lab("down", "--purge", name=name)
    lines("iptables-save")  # the first look may load kernel modules and make empty tables
    lines("ip6tables-save")
    yield look()
    for name in (NAME, SECOND):
        lab("down", "--purge", name=name)


def part_pid(part: str) -> int:
    return next(int(line.split()[2]) for line in ok("status").splitlines() if line.split()[0] == part)


def restarts(part: str) -> int:
    return next(int(line.split()[3]) for line in ok("status").splitlines() if line.split()[0] == part)


# ---- the tests -------------------------------------------------------------------------------------------------
def test_up_gives_a_ready_node_in_time_and_memory(before: Host) -> None:
    said = up()
    found = re.search(r"ready in (\d+) s, .*; (\d+) MiB resident", said)
    assert found, said
    assert int(found.group(1)) <= 60 and int(found.group(2)) <= 2048
    ready = kubectl("get", "nodes", "-o", "jsonpath={.items[*].metadata.name} {.items[*].status.conditions[-1].status}")
    assert ready == f"{NAME}-node True"


def test_it_shows_on_the_host(before: Host) -> None:
    """The comparison below can fail: a running lab is seen by it in every kind it can be seen in."""
    seen = differences(before, look())
    assert {"interfaces", "addresses", "cgroups", "processes"} <= set(seen)
    assert "rules" not in seen and "mounts" not in seen  # these live in the lab's own namespaces, even while it runs


def test_up_when_up_does_nothing_and_is_quick(before: Host) -> None:
    status = {line.split()[0]: line.split()[2] for line in ok("status").splitlines()[2:-1]}
    began, busy = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    said = up()
    took, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    worked = after.ru_utime + after.ru_stime - busy.ru_utime - busy.ru_stime
    assert f"{NAME} is up" in said and "ready in" not in said
    # Its own work tells whether it is quick; how long that takes depends on who else works on this machine.
    assert worked < 1.0 and took < 15.0, f"{worked:.2f} s of work in {took:.2f} s"
    assert {line.split()[0]: line.split()[2] for line in ok("status").splitlines()[2:-1]} == status


def test_exec_passes_exit_code_input_names_and_trust(before: Host) -> None:
    assert lab("exec", "--", "sh", "-c", "exit 42").returncode == 42
    assert ok("exec", "--", "cat", text="hello") == "hello"
    facts = json.loads(ok("env", "--json"))
    shown = dict(line.partition("=")[::2] for line in ok("exec", "--", "env").splitlines())
    assert {f"LAB_{key.upper()}": value for key, value in facts.items()}.items() <= shown.items()
    assert shown["KUBECONFIG"] == facts["kubeconfig"]
    found = json.loads(
        ok("exec", "--", "curl", "-sS", "--max-time", "10", f"{facts['issuer']}/.well-known/openid-configuration")
    )
    assert found["issuer"] == facts["issuer"]
    assert lab("exec", "--", "curl", "-sS", "--max-time", "5", "https://example.org/").returncode == 6  # no such name


def test_tokens_of_the_issuer_open_the_api(before: Host) -> None:
    who = json.loads(kubectl("auth", "whoami", "-o", "json"))["status"]["userInfo"]
    assert who["username"] == "lab:automation" and "lab-admins" in who["groups"]


def test_a_pod_with_volume_logs_exec_and_load_balancer(before: Host) -> None:
    image = json.loads(ok("env", "--json"))["pod_image"]
    kubectl("apply", "-f", "-", text=MANIFEST.replace("IMAGE", image))
    kubectl("wait", "--for=condition=Ready", "pod/web", "--timeout=60s")
    kubectl("exec", "web", "--", "/labpod", "write", "/data/note", "kept")
    assert kubectl("exec", "web", "--", "/labpod", "read", "/data/note") == "kept"
    addresses = kubectl("get", "service", "web", "-o", "jsonpath={.status.loadBalancer.ingress[*].ip}").split()
    assert len(addresses) == 2
    hosts = [addresses[0], f"[{addresses[1]}]", "web.default.svc.cluster.local"]
    for host in hosts:
        assert ok("exec", "--", "curl", "-sS", "--max-time", "10", f"http://{host}/") == "hello from web\n"
    from_host = subprocess.run(
        ["curl", "-sS", "--max-time", "10", f"http://{addresses[0]}/"],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert from_host.stdout == "hello from web\n"
    log = kubectl("logs", "web").splitlines()
    assert log[0] == "serving on 8080" and len([line for line in log if line.startswith("request from")]) == 4


def test_a_deleted_claim_takes_its_directory_with_it(before: Host) -> None:
    one = labs.find(NAME)
    assert one
    claim = MANIFEST.split("---", maxsplit=1)[0].replace("name: data", "name: other")
    kubectl("apply", "-f", "-", text=claim)
    kubectl("wait", "--for=jsonpath={.status.phase}=Bound", "pvc/other", "--timeout=30s")
    assert len(list(one.volumes.iterdir())) == 2
    kubectl("delete", "pvc", "other")
    end = time.monotonic() + 60
    while len(list(one.volumes.iterdir())) > 1 and time.monotonic() < end:
        time.sleep(0.2)
    assert len(list(one.volumes.iterdir())) == 1


def killed() -> list[str]:
    """The parts that die in this run: all of them every night, else those that matter most and two by turns."""
    return [*MAIN_PARTS, *(OTHER_PARTS if os.environ.get("NIGHTLY") else random.Random(SEED).sample(OTHER_PARTS, 2))]


def test_every_part_has_its_turn_to_be_killed(before: Host) -> None:
    one = labs.find(NAME)
    assert one
    assert {*MAIN_PARTS, *OTHER_PARTS} == runtime.spec_names(one) - {"forward"}


@pytest.mark.parametrize("part", killed())
def test_up_recovers_a_killed_part(before: Host, part: str) -> None:
    print(f"LAB_TEST_SEED={SEED}")
    kubectl("apply", "-f", "-", text=json.dumps(keepsake()))
    again = restarts(part) + 1
    os.kill(part_pid(part), signal.SIGKILL)
    up()
    assert restarts(part) == again
    assert kubectl("get", "configmap", "keepsake", "-o", "jsonpath={.data.what}") == "still here"
    assert kubectl("exec", "web", "--", "/labpod", "read", "/data/note") == "kept"


def keepsake() -> dict[str, object]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "keepsake"}, "data": {"what": "still here"}}


def test_up_recovers_a_lab_whose_first_process_was_killed(before: Host) -> None:
    one = labs.find(NAME)
    assert one
    pid = runtime.supervisor_pid(one)
    assert pid
    os.kill(pid, signal.SIGKILL)
    end = time.monotonic() + 30
    while [other for other in os.listdir("/proc") if other.isdigit() and ours(other)] and time.monotonic() < end:
        time.sleep(0.1)
    assert lab("status").returncode == 3
    up()
    assert kubectl("get", "configmap", "keepsake", "-o", "jsonpath={.data.what}") == "still here"
    kubectl("wait", "--for=condition=Ready", "pod/web", "--timeout=60s")
    assert kubectl("exec", "web", "--", "/labpod", "read", "/data/note") == "kept"


def test_two_labs_run_side_by_side(before: Host) -> None:
    up(SECOND)
    facts = [json.loads(ok("env", "--json", name=name)) for name in (NAME, SECOND)]
    assert len({one["api_server"] for one in facts}) == len({one["cluster_uid"] for one in facts}) == 2
    nodes = [kubectl("get", "nodes", "-o", "jsonpath={.items[*].metadata.name}", name=name) for name in (NAME, SECOND)]
    assert nodes == [f"{NAME}-node", f"{SECOND}-node"]
    assert lab("exec", "--", "kubectl", "get", "pod", "web", name=SECOND).returncode == 1
    assert "files are gone" in lab("down", "--purge", name=SECOND).stderr
    assert labs.find(SECOND) is None
    assert kubectl("exec", "web", "--", "/labpod", "read", "/data/note") == "kept"


def test_down_leaves_nothing_behind(before: Host) -> None:
    sleeper = subprocess.Popen([str(LAB), "exec", "--name", NAME, "--", "sleep", "300"])
    end = time.monotonic() + 30
    while not ours(str(sleeper.pid)) and time.monotonic() < end:
        time.sleep(0.05)
    assert "is down" in lab("down").stderr
    assert sleeper.wait(30) != 0  # `down` ends what `exec` started
    assert differences(before, look()) == {}


def test_down_after_a_crash_leaves_nothing_behind_and_the_data_is_kept(before: Host) -> None:
    up()
    one = labs.find(NAME)
    assert one
    assert kubectl("get", "configmap", "keepsake", "-o", "jsonpath={.data.what}") == "still here"
    pid = runtime.supervisor_pid(one)
    assert pid
    os.kill(pid, signal.SIGKILL)
    assert "is down" in lab("down", "--purge").stderr
    assert differences(before, look()) == {}
    assert not one.state.exists()
