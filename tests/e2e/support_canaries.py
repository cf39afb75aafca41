# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The runs of the canary suite on the lab: what is planted where, and what each run leaves behind."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import support_plays
from support_cluster import Cluster

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "unit"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "faults"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "canary"))
import plays
from bed import Bed, tool
from certificate_maker import make
from forms import VARIANTS, Canary, base64_secret, planted, private_key, service_account
from proxy import FaultProxy
from search import Artefact, Hit, Search

DAY = timedelta(days=1)
KILLED_AT = ("/secrets/hub-secrets", "/secrets/letsencrypt-account", "/secrets/manual")
"""At which request to the API server a run of roles is killed: each time a secret is on its way."""
MODULES_KILLED_AT = ("/secrets/hub-secrets", "/nowhere", "/secrets/sh.helm.release")
"""The same for modules; a run without such a request dies while a module waits for a server that says nothing."""
TOKEN = re.compile(r"[\w-]{20,}\.[\w-]{20,}\.[\w-]{80,}")
"""A signed JSON web token."""
OWNERS = frozenset({"cluster_kubeconfig.oidc_client_secret", "cluster_access_oidc_client_secret", "real machine login"})
"""Canaries that our private files may hold."""


@dataclass
class Outcome:
    """One run and what it left.

    Attributes:
        name: the run.
        code: its exit code; negative for a signal.
        planted: what to look for.
        artefacts: where.
        output: what it printed.
    """

    name: str
    code: int
    planted: list[Canary]
    artefacts: list[Artefact]
    output: str
    hits: list[Hit] = field(default_factory=list)

    def searched(self) -> Outcome:
        """The same with everything that was found."""
        self.hits = Search(self.planted).hits(self.artefacts)
        return self


def real(name: str, variable: str) -> Canary:
    """A secret that the lab's services accept; it was made at random when the lab was."""
    return Canary(name, Path(os.environ[variable]).read_text(encoding="utf-8").strip())


def installed() -> Path:
    """The collection under test, as Ansible finds it."""
    for folder in os.environ["ANSIBLE_COLLECTIONS_PATH"].split(os.pathsep):
        found = Path(folder) / "ansible_collections" / "researchops" / "jupyterhub"
        if found.is_dir():
            return found
    raise AssertionError("researchops.jupyterhub is not on ANSIBLE_COLLECTIONS_PATH")


def copy_of_collections(target: Path) -> Path:
    """A collections path with a copy of ours, and links to the rest, of which one module is a copy too."""
    source = installed()
    root = source.parents[1]
    ours = target / "ansible_collections" / "researchops" / "jupyterhub"
    for part in ("plugins", "roles", "playbooks", "meta"):
        shutil.copytree(source / part, ours / part)
    for name in ("galaxy.yml", "MANIFEST.json"):
        if (source / name).exists():
            shutil.copy(source / name, ours)
    _link_beside(root, target / "ansible_collections", Path("community/general/plugins/modules/nsupdate.py"))
    return ours


def _link_beside(source: Path, target: Path, kept: Path) -> None:
    """Link everything of a folder that is not there yet, and copy one file below it."""
    target.mkdir(parents=True, exist_ok=True)
    first, rest = kept.parts[0], Path(*kept.parts[1:])
    for item in source.iterdir():
        place = target / item.name
        if item.name == first and rest.parts:
            _link_beside(item, place, rest)
        elif item.name == first:
            shutil.copy(item, place)
        elif not place.exists():
            place.symlink_to(item.resolve())


@contextmanager
def silent_server() -> Iterator[tuple[str, threading.Event]]:
    """A server that accepts a connection and says nothing; the event tells that somebody came."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        came = threading.Event()
        held: list[socket.socket] = []

        def accept() -> None:
            try:
                while True:
                    held.append(listener.accept()[0])
                    came.set()
            except OSError:
                pass

        threading.Thread(target=accept, daemon=True).start()
        try:
            yield f"https://127.0.0.1:{listener.getsockname()[1]}/", came
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            for one in held:
                one.close()


@dataclass
class Campaign:
    """Everything the runs share.

    Attributes:
        folder: where the beds are.
        verify_domain: the host name of a hub that runs.
    """

    folder: Path
    verify_domain: str

    def __post_init__(self) -> None:
        self.chart = self.folder / "chart"
        (self.chart / "templates").mkdir(parents=True)
        (self.chart / "Chart.yaml").write_text("apiVersion: v2\nname: tiny\nversion: 1.0.0\n", encoding="utf-8")
        (self.chart / "values.yaml").write_text("hub: {}\n", encoding="utf-8")
        note = (
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: tiny}\ndata: {hub: {{ toJson .Values.hub | quote }}}\n"
        )
        (self.chart / "templates" / "note.yaml").write_text(note, encoding="utf-8")

    def bed(self, name: str, *, collections: Path | None = None) -> Bed:
        """A fresh place for a run."""
        made = Bed(self.folder / name, OWNERS)
        if collections is not None:
            made.environ["ANSIBLE_COLLECTIONS_PATH"] = str(collections)
        return made

    def module_row(
        self,
        name: str,
        row: dict[str, str],
        *,
        number: int | None = None,
        only: str = "",
        collections: Path | None = None,
    ) -> Outcome:
        """The play with all modules, under one row of settings; a numbered one of several takes a share of logins."""
        canaries = self.canaries(tuple(plays.MODULES), row["variant"])
        if row["outcome"] == "success":
            canaries["oidc_client_info.client_secret"] = real(
                "oidc_client_info.client_secret", "LAB_OIDC_CLIENT_SECRET_FILE"
            )
            login = "gke_front.service_account_contents"
            account = json.loads(Path(os.environ["LAB_GOOGLE_ACCOUNT_FILE"]).read_text(encoding="utf-8"))
            canaries[login], _file = service_account(login, account["private_key"])
        given = {variable: canaries[option].value for option, variable in plays.MODULES.items()}
        share = None if number is None else number % plays.SHARES
        play = plays.modules(broken=row["outcome"] == "failure", only=only, share=share)
        kill_at = MODULES_KILLED_AT[(number or 0) % len(MODULES_KILLED_AT)]
        return self._run(name, row, play, given, list(canaries.values()), kill_at, collections)

    def role_row(self, name: str, row: dict[str, str], *, number: int = 0, collections: Path | None = None) -> Outcome:
        """The play with all roles, under one row of settings."""
        canaries = self.canaries((*plays.ROLES, *plays.FILES), row["variant"])
        # A TSIG key is base64, or it is refused before it is used.
        canaries["hub_dns_key_secret"] = base64_secret("hub_dns_key_secret")
        if row["outcome"] == "success":
            for name_of, variable in (
                ("cluster_access_oidc_client_secret", "LAB_AUTOMATION_CLIENT_SECRET_FILE"),
                ("hub_dns_key_secret", "LAB_TSIG_SECRET_FILE"),
                ("hub_oauth_client_secret", "LAB_OIDC_CLIENT_SECRET_FILE"),
            ):
                canaries[name_of] = real(name_of, variable)
        given: dict[str, Any] = {name_of: canaries[name_of].value for name_of in plays.ROLES}
        play = plays.roles(broken=row["outcome"] == "failure")
        kill_at = KILLED_AT[number % len(KILLED_AT)]
        return self._run(name, row, play, given, list(canaries.values()), kill_at, collections)

    @staticmethod
    def canaries(names: tuple[str, ...], variant: str) -> dict[str, Canary]:
        """One canary per input; the inputs of one run take turns with the variants."""
        order = list(VARIANTS)
        first = order.index(variant)
        return {name: planted(name, order[(first + place) % len(order)]) for place, name in enumerate(names)}

    def _run(
        self,
        name: str,
        row: dict[str, str],
        play: list[dict[str, Any]],
        given: dict[str, Any],
        canaries: list[Canary],
        kill_at: str,
        collections: Path | None,
    ) -> Outcome:
        bed = self.bed(name, collections=collections)
        cluster = Cluster(Path(os.environ["LAB_ADMIN_KUBECONFIG"]))
        namespace = f"canary-{secrets.token_hex(3)}"
        cluster.make_namespace(namespace)
        arguments = ["--diff", *(["--check"] if row["mode"] == "check" else [])]
        upstream = FaultProxy.start(os.environ["LAB_API_SERVER"], upstream_ca=os.environ["LAB_CA_FILE"])
        try:
            with upstream as proxy, silent_server() as (silent, came):
                variables = self._variables(bed, namespace, canaries) | given
                through = bed.input / "through-the-proxy"
                variables["cluster_access_kubeconfig"] = str(
                    proxy.kubeconfig(Path(os.environ["LAB_KUBECONFIG"]), through)
                )
                kill = Kill(proxy, kill_at, came) if row["outcome"] == "kill" else None
                variables["canary_hub"] = silent if kill else "https://127.0.0.1:9/"
                code = bed.play(
                    play,
                    {},
                    arguments=arguments,
                    callback=row["callback"],
                    junit=row["junit"] == "report",
                    inventory=self._inventory(bed, namespace, variables),
                    started=kill,
                )
        finally:
            cluster.drop_namespace(namespace, 0)
        found = [*canaries, *tokens(bed.folder / "cache")]
        return Outcome(name, code, found, bed.artefacts(name), bed.output)

    def _variables(self, bed: Bed, namespace: str, canaries: list[Canary]) -> dict[str, Any]:
        """What the plays need beside the canaries that come as text."""
        by_name = {canary.name: canary for canary in canaries}
        found = {
            "canary_namespace": namespace,
            "canary_chart": str(self.chart),
            "canary_helper": str(installed() / "roles" / "cluster_access" / "files" / "exec_credential.py"),
            "canary_verify_domain": self.verify_domain,
        }
        if "hub_https_private_key_file" in by_name:
            found |= self._files(bed, f"{namespace}.lab.test", by_name, canaries)
        return found

    def _files(self, bed: Bed, host: str, by_name: dict[str, Canary], canaries: list[Canary]) -> dict[str, Any]:
        """Secrets that are files: a real key, since another would be refused before it is used."""
        now = datetime.now(UTC)
        pair = make(host, names=(host,), begins=now - DAY, ends=now + 80 * DAY)
        key = private_key("hub_https_private_key_file", pair.key_pem)
        canaries[canaries.index(by_name["hub_https_private_key_file"])] = key
        secret_file = bed.give("client-secret", by_name["cluster_access_oidc_client_secret_file"].value)
        accounts = {}
        for name in (one for one in plays.FILES if one.endswith("_service_account_file")):
            rsa = make(host, begins=now - DAY, ends=now + DAY, rsa_bits=2048).key_pem
            canaries[canaries.index(by_name[name])], content = service_account(name, rsa)
            accounts[name] = str(bed.give(f"{name}.json", content))
        return {
            "hub_https_certificate_file": str(bed.give("chain.pem", pair.pem)),
            "hub_https_private_key_file": str(bed.give("key.pem", key.value)),
            "canary_file": str(secret_file),
            "canary_bastion_key": str(
                bed.give("bastion-key", by_name["cluster_access_bastion.private_key_file"].value)
            ),
            **{name: path for name, path in accounts.items() if name != "hub_verify_stranger_service_account_file"},
            "canary_stranger_account": accounts["hub_verify_stranger_service_account_file"],
        }

    def _inventory(self, bed: Bed, namespace: str, given: dict[str, Any]) -> str:
        """The example's hub under a name of this run, with the tiny chart, and quick to give up.

        The secrets are in here, where a role's own call can still replace them; extra variables would win over it.
        """
        variables = support_plays.inventory() | {
            "hub_name": namespace,
            "hub_domain": f"{namespace}.lab.test",
            "hub_dns_addresses": ["192.0.2.7"],
            "hub_dns_timeout": 20,
            "hub_verify_timeout": 20,
            "hub_verify_report_dir": str(bed.folder / "out" / "reports"),
            "z2jh_chart_ref": str(self.chart),
            "z2jh_chart_version": "1.0.0",
            "z2jh_timeout": 60,
        }
        return str(bed.give("inventory.json", {"hubs": {"hosts": {"canary": variables | given}}}))

    def runner(self) -> Outcome:
        """The preflight under ansible-runner, as AWX runs it; its own input is not searched, all it writes is."""
        bed = self.bed("runner")
        canaries = self.canaries((*plays.ROLES, *plays.FILES), "quotes")
        canaries["hub_dns_key_secret"] = base64_secret("hub_dns_key_secret")
        given: dict[str, Any] = {name: canaries[name].value for name in plays.ROLES}
        listed = list(canaries.values())
        given |= self._variables(bed, "canary-runner", listed)
        given["cluster_access_kubeconfig"] = os.environ["LAB_KUBECONFIG"]
        inventory = self._inventory(bed, "canary-runner", given)
        (bed.input / "project").mkdir()
        play = bed.give("project/play.json", plays.preflight())
        argv = [tool("ansible-runner"), "run", str(bed.input), "-p", play.name, "--inventory", inventory]
        argv += ["--artifact-dir", str(bed.folder / "out" / "artifacts"), "--ident", "canary"]
        code = bed.command([*argv, "--cmdline=-vvvvv --diff"])
        return Outcome("runner", code, listed, bed.artefacts("runner"), bed.output)

    def environment_row(self, name: str, *, collections: Path | None = None) -> Outcome:
        """Modules whose secrets stand in the run's own environment, where its processes may show them."""
        bed = self.bed(name, collections=collections)
        canaries = {variable: planted(variable, "plain") for variable in (*plays.ENVIRONMENT, *plays.AWS)}
        bed.environ |= {variable: canary.value for variable, canary in canaries.items()}
        bed.environ["AWS_ACCESS_KEY_ID"] = "canary"
        code = bed.play(plays.by_environment(), self._variables(bed, "canary", []), arguments=["--diff"])
        return Outcome(name, code, list(canaries.values()), bed.artefacts(name), bed.output)


def tokens(cache: Path) -> list[Canary]:
    """The token that a run used for the API server: nobody planted it."""
    found = []
    for path in cache.rglob("token-*.json"):
        for text in _texts(json.loads(path.read_text(encoding="utf-8"))):
            if TOKEN.fullmatch(text):  # what stands before the signature is no secret, and partly the same in all
                found.append(Canary("API token", text, (text.rpartition(".")[2],)))
    return found


def _texts(data: Any) -> Iterator[str]:
    if isinstance(data, dict):
        for value in data.values():
            yield from _texts(value)
    elif isinstance(data, str):
        yield data


class Kill:
    """Kills a run with signal 9 at a certain request to the API server, or when a module waits for a silent server."""

    def __init__(self, proxy: FaultProxy, at: str, came: threading.Event) -> None:
        self._at, self._came = at, came
        self._child: subprocess.Popen[bytes] | None = None
        proxy.choose = self._count

    def __call__(self, child: subprocess.Popen[bytes]) -> None:
        self._child = child
        threading.Thread(target=self._wait, daemon=True).start()

    def _count(self, _method: str, target: str, _number: int) -> None:
        if self._at in target:
            self._kill()

    def _wait(self) -> None:
        if self._came.wait(300):
            self._kill()

    def _kill(self) -> None:
        if self._child is not None and self._child.poll() is None:
            try:
                os.killpg(self._child.pid, signal.SIGKILL)
            except ProcessLookupError:
                return
