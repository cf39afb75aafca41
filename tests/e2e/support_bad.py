# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes the things a newcomer gets wrong: kubeconfigs, certificates, tools, full disks."""

from __future__ import annotations

import base64
import copy
import json
import os
import secrets
import shutil
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import support_plays
from support_cluster import Cluster

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "unit"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "faults"))
from certificate_maker import make
from proxy import Fault, FaultProxy, Seen

__all__ = [
    "Fault",
    "FaultProxy",
    "Seen",
    "World",
    "certificate_files",
    "expired_client_certificate",
    "expired_token",
    "issuer_of_this_machine",
    "with_values",
]
DAY = timedelta(days=1)

BLOCKER = '''
"""Makes some packages look as if they were never installed."""
import importlib.machinery

BLOCKED = {blocked!r}
original = importlib.machinery.PathFinder.find_spec.__func__


def find_spec(cls, fullname, path=None, target=None):
    return None if fullname in BLOCKED else original(cls, fullname, path, target)


importlib.machinery.PathFinder.find_spec = classmethod(find_spec)
'''

KILLER = """#!/bin/sh
# Helm, killed with signal 9 in its first real upgrade once {struck} is there; the marker keeps later ones alive.
case " $* " in
  *" --dry-run=server "*) exec {helm} "$@" ;;
  *" upgrade "*) [ -e {marker} ] && exec {helm} "$@" ;;
  *) exec {helm} "$@" ;;
esac
touch {marker}
# A shell gives what it puts into the background /dev/null to read, and Helm reads the values.
exec 3<&0
{helm} "$@" <&3 &
child=$!
while kill -0 $child && [ ! -e {struck} ]; do sleep 0.05; done
kill -9 $child || exit 99
wait $child
kill -9 $$
"""


@dataclass
class World:
    """One hub that is to be made, and everything a case may spoil.

    Attributes:
        folder: a directory of the case's own.
        cluster: the administrator's view.
        proxy: every request of the run goes through it, unless the case brings its own kubeconfig.
        hub: the hub's name, also its namespace.
        environ: changes to the environment of the run.
        mounts: file systems to take away afterwards.
    """

    folder: Path
    cluster: Cluster
    proxy: FaultProxy
    hub: str
    environ: dict[str, str] = field(default_factory=dict)
    mounts: list[Path] = field(default_factory=list)

    def basis(self) -> dict[str, Any]:
        """The variables of a hub that would work."""
        through = self.folder / "through-the-proxy"
        if not through.exists():
            self.proxy.kubeconfig(Path(os.environ["LAB_KUBECONFIG"]), through)
        return {
            "hub_name": self.hub,
            "hub_domain": f"{self.hub}.lab.test",
            "cluster_access_kubeconfig": str(through),
        }

    # ---- the way to the cluster

    def own_kubeconfig(self, user: Mapping[str, Any], **place: str) -> dict[str, Any]:
        """A kubeconfig with credentials of its own instead of the machine login."""
        file = self.cluster.kubeconfig(self.folder / "own-kubeconfig", user, **place)
        return {"cluster_access_kubeconfig": str(file), "cluster_access_oidc_issuer": ""}

    def text_kubeconfig(self, text: str) -> dict[str, Any]:
        """A file that is no kubeconfig."""
        file = self.folder / "text-kubeconfig"
        file.write_text(text, encoding="utf-8")
        return {"cluster_access_kubeconfig": str(file), "cluster_access_oidc_issuer": ""}

    def powerless(self) -> dict[str, Any]:
        """Credentials that the cluster accepts and that may do nothing."""
        place = f"{self.hub}-accounts"
        self.cluster.make_namespace(place)
        return self.own_kubeconfig({"token": self.cluster.powerless_token(place)})

    # ---- certificates

    def certificate(self, *, names: tuple[str, ...] = (), days: int = 80, foreign_key: bool = False) -> dict[str, Any]:
        """Files for hub_https_type manual: a chain of an authority and a server certificate."""
        wanted = names or (f"{self.hub}.lab.test",)
        chain, private = certificate_files(self.folder, wanted, days=days, foreign_key=foreign_key)
        return {
            "hub_https_type": "manual",
            "letsencrypt_method": "none",
            "hub_https_certificate_file": str(chain),
            "hub_https_private_key_file": str(private),
        }

    # ---- programs and libraries

    def without_helm(self) -> dict[str, Any]:
        """A PATH on which there is no helm."""
        kept = [part for part in os.environ["PATH"].split(os.pathsep) if not shutil.which("helm", path=part)]
        self.environ["PATH"] = os.pathsep.join(kept)
        return {}

    def without(self, *packages: str) -> dict[str, Any]:
        """A Python that lacks packages."""
        folder = self.folder / "blocker"
        folder.mkdir()
        (folder / "sitecustomize.py").write_text(BLOCKER.format(blocked=set(packages)), encoding="utf-8")
        self.environ["PYTHONPATH"] = str(folder)
        return {}

    def without_collection(self, name: str) -> dict[str, Any]:
        """A place for collections in which one is missing, as after `ansible-galaxy collection install .`."""
        for source in Path(os.environ["ANSIBLE_COLLECTIONS_PATH"], "ansible_collections").glob("*/*"):
            if f"{source.parent.name}.{source.name}" != name:
                link = self.folder / "ansible_collections" / source.parent.name / source.name
                link.parent.mkdir(parents=True, exist_ok=True)
                link.symlink_to(source)
        self.environ["ANSIBLE_COLLECTIONS_PATH"] = str(self.folder)
        return {}

    def dying_helm(self) -> dict[str, Any]:
        """A helm that dies in its first upgrade, when it asks the API server for a Deployment.

        That request is kept until long after its death, so that Helm cannot be done before.
        """
        wrapper, marker, struck = (self.folder / name for name in ("helm", "helm-has-died", "helm-may-die"))

        def strike(method: str, target: str, _number: int) -> Fault | None:
            writing = method in ("POST", "PATCH") and "/deployments" in target and "dryRun" not in target
            if not writing or struck.exists():
                return None
            struck.touch()
            return Fault(pause=20.0, reset="before")

        self.proxy.choose = strike
        wrapper.write_text(KILLER.format(helm=os.environ["LAB_HELM"], marker=marker, struck=struck), encoding="utf-8")
        wrapper.chmod(0o755)
        return {"z2jh_helm_binary": str(wrapper)}

    # ---- disks

    def full_disk(self, *variables: str, spare: int = 0) -> dict[str, Any]:
        """Directories on a file system of 64 KiB with ``spare`` bytes left, one for each environment variable.

        The mount is private to this run of the tests (`lab exec`).
        """
        place = self.folder / "tiny"
        place.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k,mode=1777", "tmpfs", place], check=True, timeout=10)
        self.mounts.append(place)
        for variable in variables:
            (place / variable).mkdir(mode=0o700)
            self.environ[variable] = str(place / variable)
        left = os.statvfs(place)
        (place / "filler").write_bytes(b"\0" * max(0, left.f_bavail * left.f_frsize - spare))
        return {}

    def end(self) -> None:
        """Take everything away again."""
        for place in self.mounts:
            subprocess.run(["umount", place], check=False, timeout=10)
        for namespace in (self.hub, f"{self.hub}-accounts", f"{self.hub}-preflight"):
            self.cluster.drop_namespace(namespace)


def certificate_files(
    folder: Path, names: tuple[str, ...], *, days: int = 80, foreign_key: bool = False
) -> tuple[Path, Path]:
    """A chain of an authority and a server certificate, and the key."""
    now = datetime.now(UTC)
    authority = make("Test authority", begins=now - 400 * DAY, ends=now + 400 * DAY, authority=True)
    leaf = make(names[0], issuer=authority, names=names, begins=now - 100 * DAY, ends=now + days * DAY)
    key = make("somebody else") if foreign_key else leaf
    chain, private = folder / "chain.pem", folder / "key.pem"
    chain.write_text(leaf.pem + authority.pem, encoding="utf-8")
    private.touch(mode=0o600)
    private.write_text(key.key_pem, encoding="utf-8")
    return chain, private


def with_values(changes: Mapping[str, Any]) -> dict[str, Any]:
    """The example's chart values with changes merged in."""

    def merge(into: dict[str, Any], new: Mapping[str, Any]) -> None:
        for key, value in new.items():
            if isinstance(value, Mapping) and isinstance(into.get(key), dict):
                merge(into[key], value)
            else:
                into[key] = value

    # Through JSON: the example writes one dictionary by anchor, and a change must not reach its twin.
    values: dict[str, Any] = json.loads(json.dumps(support_plays.lab_values()))
    merge(values, copy.deepcopy(dict(changes)))
    return {"z2jh_values": values}


def expired_token() -> str:
    """A JSON web token that ran out an hour ago; nobody signed it."""
    past = int(time.time()) - 3600
    parts = ({"alg": "RS256", "kid": "old"}, {"iss": os.environ["LAB_ISSUER"], "sub": "ada", "exp": past})
    text = ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)
    return f"{text}.{secrets.token_urlsafe(64)}"


def expired_client_certificate() -> dict[str, str]:
    """A client certificate of yesterday, as a kubeconfig carries it."""
    now = datetime.now(UTC)
    old = make("ada", begins=now - 10 * DAY, ends=now - DAY)
    return {
        "client-certificate-data": base64.b64encode(old.pem.encode()).decode(),
        "client-key-data": base64.b64encode(old.key_pem.encode()).decode(),
    }


@contextmanager
def issuer_of_this_machine(folder: Path) -> Iterator[dict[str, Any]]:
    """An issuer that knows every client and that only this machine reaches: a pod's localhost is another."""
    chain, private = certificate_files(folder, ("localhost",))

    class Issuer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            names = ("authorization", "token", "userinfo")
            self._answer(200, {"issuer": url, **{f"{name}_endpoint": f"{url}/{name}" for name in names}})

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self._answer(400, {"error": "invalid_grant"})

        def _answer(self, status: int, document: dict[str, str]) -> None:
            payload = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        def log_message(self, *_args: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Issuer)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, private)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    url = f"https://localhost:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield {"hub_oauth_issuer": url, "hub_oauth_ca_file": str(chain)}
    finally:
        server.shutdown()
        server.server_close()
