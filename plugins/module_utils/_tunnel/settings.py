# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""What a tunnel is to be, and whether the one that runs is it. Pure: options and observations in, plans out."""

from __future__ import annotations

import hashlib
import json
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from .._core.errors import OUR_WORDS, HubError
from .._core.plan import Plan, Step
from .._core.poll import State, Verdict
from .._core.transport import origin

Json = Mapping[str, Any]

FORBIDDEN = re.compile(r"[\s\x00-\x1f\x7f]")
HOST_KEY = re.compile(r"(?:ssh|ecdsa|sk)-[!-~]+ [A-Za-z0-9+/=]+(?: .*)?")
SSH_PORT = 22
FIRST_TRIES = 3
"""Tries that may fail before the first success; waiting longer would not help against a wrong key or name."""
EXPERIMENTAL = (
    "The way over IAP is experimental: it was proved against a stand-in of Google's relay, not on a real project yet"
)
SSH_OPTIONS = {
    "BatchMode": "yes",  # never a question: nobody is there to answer
    # An alias may have forwardings of its own, which stand already where its owner is logged in. The supervisor ends an
    # ssh that lacks ours.
    "ExitOnForwardFailure": "no",
    "StrictHostKeyChecking": "yes",
    "ServerAliveInterval": "2",
    "ServerAliveCountMax": "2",
    "ConnectTimeout": "8",
    "ConnectionAttempts": "1",
    "ControlMaster": "no",  # a connection of our own, not a guest in somebody's
    "ControlPath": "none",
    "ForwardAgent": "no",
    "ForwardX11": "no",
    "GatewayPorts": "no",
    "PermitLocalCommand": "no",
    "RemoteCommand": "none",
    "RequestTTY": "no",
    "Tunnel": "no",
    "LogLevel": "ERROR",
}
"""What a person's own ssh configuration may not change."""


@dataclass(frozen=True)
class Iap:
    """A machine of a Google project that is reached over Identity-Aware Proxy.

    Attributes:
        project: the project's id.
        zone: the machine's zone.
        instance: the machine's name.
        interface: its network interface.
        relay_url: where the relay is.
        ca_file: PEM file with the CA of the relay; empty for the system's.
    """

    project: str
    zone: str
    instance: str
    interface: str = "nic0"
    relay_url: str = "wss://tunnel.cloudproxy.app/v4"
    ca_file: str = ""


@dataclass(frozen=True)
class Bastion:
    """The machine that reaches the API server.

    Attributes:
        host: its name for ssh; of an IAP machine the name its host key is kept under.
        port: its SSH port; 0 for what ssh decides.
        user: who logs in; empty for ssh's own rules.
        private_key_file: the key; empty for the agent and ssh's own rules.
        host_key: its host key as one line; empty when known_hosts_file has it.
        known_hosts_file: where its host key is; empty for ssh's own files.
        upstream: ``http_proxy`` (tinyproxy on the bastion) or ``socks5`` (ssh itself).
        proxy_port: the proxy's port on the bastion's loopback address.
        iap: how to reach it by IAP; None for plain SSH.
    """

    host: str
    port: int = 0
    user: str = ""
    private_key_file: str = ""
    host_key: str = ""
    known_hosts_file: str = ""
    upstream: str = "http_proxy"
    proxy_port: int = 8888
    iap: Iap | None = None

    @property
    def name(self) -> str:
        """The bastion in words."""
        if self.iap:
            return f"{self.iap.instance} in {self.iap.zone} of {self.iap.project} (over IAP)"
        return f"{self.host}:{self.port}" if self.port not in (0, SSH_PORT) else self.host


@dataclass(frozen=True)
class Target:
    """The API server."""

    host: str
    port: int

    @property
    def text(self) -> str:
        """Both as one word."""
        return f"{self.host}:{self.port}"


@dataclass(frozen=True)
class Limits:
    """Times in seconds, and the loopback port (0 for any)."""

    ttl: float
    probe_interval: float
    local_port: int = 0


@dataclass(frozen=True)
class Observed:
    """The tunnel of this hub and this play.

    Attributes:
        running: whether its supervisor lives.
        digest: of the settings it was started with.
        state: its last word.
    """

    running: bool = False
    digest: str = ""
    state: str = ""


def parse_bastion(bastion: Json) -> Bastion:
    """The option ``bastion`` in canonical form.

    Raises:
        HubError: E-TUNNEL-07 for names that ssh would take for something else.
    """
    given = {key: value for key, value in bastion.items() if value not in (None, "")}
    iap = given.pop("iap", None)
    place = Iap(**{key: value for key, value in iap.items() if value not in (None, "")}) if iap else None
    if place:
        given.setdefault("host", f"{place.instance}.{place.zone}.{place.project}")
    words = {f"iap.{key}": value for key, value in asdict(place).items()} if place else {}
    words |= {key: value for key, value in given.items() if key != "host_key"}
    for name, value in words.items():
        if isinstance(value, str) and (value.startswith("-") or FORBIDDEN.search(value)):
            raise unusable(f"its {name} {value!r} starts with a dash or holds spaces")
    if not given.get("host"):
        raise unusable("it has neither host nor iap", "set host to its name, or iap to project, zone and instance")
    _check_host_key(str(given.get("host_key", "")).strip())
    return Bastion(**given, iap=place)


def _check_host_key(text: str) -> None:
    if "\n" in text:
        raise unusable("its host_key has more than one line", "give one line, such as ssh-ed25519 AAAA...")
    if text and not HOST_KEY.fullmatch(text):
        do = "leave out the host name that ssh-keyscan and known_hosts have before it: ssh-ed25519 AAAA..."
        raise unusable("its host_key does not begin with the kind of a key", do)


def unusable(reason: str, do: str = "") -> HubError:
    """The error for settings that cannot work."""
    return HubError(
        error_id="E-TUNNEL-07",
        what=f"The bastion cannot be used: {reason}",
        do=do or "correct cluster_access_bastion (option bastion)",
    )


def parse_target(server: str) -> Target:
    """The API server of a kubeconfig.

    Raises:
        HubError: E-TUNNEL-07 for a server without https, or with a port that is none.
    """
    scheme, host, port = origin(server)
    if scheme != "https" or not host:
        raise unusable(f"the kubeconfig's server {server} is no https address", "correct the kubeconfig")
    return Target(host, port)


def ssh_command(bastion: Bastion, ssh: str, known_hosts: str, proxy_command: Sequence[str]) -> list[str]:
    """ssh with all its arguments; ``{port}`` stands for the local port of the forwarding.

    Args:
        bastion: where to.
        ssh: the program.
        known_hosts: the file with the host key; empty for ssh's own.
        proxy_command: the program that carries the bytes instead of TCP; empty for none.
    """
    options = dict(SSH_OPTIONS)
    if known_hosts:
        options |= {"UserKnownHostsFile": known_hosts, "GlobalKnownHostsFile": "none"}
    if bastion.host_key or bastion.iap:
        options |= {"HostKeyAlias": bastion.host, "CheckHostIP": "no"}
    if bastion.private_key_file:
        options |= {"IdentityFile": bastion.private_key_file, "IdentitiesOnly": "yes"}
    if proxy_command:  # ssh expands % in it and hands it to a shell
        options |= {"ProxyCommand": shlex.join(proxy_command).replace("%", "%%"), "ProxyJump": "none"}
    words = [ssh, "-N", "-T"]
    words += [word for key, value in options.items() for word in ("-o", f"{key}={value}")]
    # Not given, it is left to ssh: an alias of the person's own configuration may have a port of its own.
    words += ["-p", str(bastion.port)] if bastion.port else []
    words += ["-l", bastion.user] if bastion.user else []
    if bastion.upstream == "socks5":
        words += ["-D", "127.0.0.1:{port}"]
    else:
        words += ["-L", f"127.0.0.1:{{port}}:127.0.0.1:{bastion.proxy_port}"]
    return [*words, "--", bastion.host]


def relay_command(program: Sequence[str], place: Iap, port: int, token_command: Sequence[str]) -> list[str]:
    """The program that ssh starts in place of a TCP connection, see iap_relay.py.

    Args:
        program: it and its interpreter.
        place: the machine.
        port: its SSH port; 0 for the usual one, because ssh's own rules do not reach the relay.
        token_command: prints an ExecCredential with an access token.
    """
    given = {**asdict(place), "port": str(port or SSH_PORT)}
    flags = [word for name, value in given.items() if value for word in (f"--{name.replace('_', '-')}", value)]
    return [*program, *flags, "--", *token_command]


def known_hosts_line(bastion: Bastion) -> str:
    """The one line of our own known_hosts file; empty when the host key is not given."""
    key = bastion.host_key.strip()
    if not key:
        return ""
    # With HostKeyAlias ssh looks the alias up, without a port.
    return f"{bastion.host} {key}\n"


def digest(command: Sequence[str], target: Target, limits: Limits, kubeconfig: str) -> str:
    """Names settings: equal ones have equal digests."""
    # A default of 3 and a 3 that somebody gave, which Ansible makes 3.0, are one number.
    bounds = {name: float(value) for name, value in asdict(limits).items()}
    text = json.dumps([list(command), asdict(target), bounds, kubeconfig])
    return hashlib.sha256(text.encode()).hexdigest()[:20]


def decide(wanted: str, observed: Observed, name: str) -> Plan:
    """What must be done.

    Args:
        wanted: digest of the settings; empty for no tunnel.
        observed: what is there.
        name: the tunnel as people name it.
    """
    before: dict[str, Any] = {"tunnel": name if observed.running else "", "settings": observed.digest}
    after: dict[str, Any] = {"tunnel": name if wanted else "", "settings": wanted}
    if not observed.running:
        before["settings"] = ""
    if wanted and not observed.running:
        return Plan(before, after, (Step("create", name),), "there is no tunnel")
    if wanted and observed.digest != wanted:
        return Plan(before, after, (Step("delete", name), Step("create", name)), "its settings changed")
    if not wanted and observed.running:
        return Plan(before, after, (Step("delete", name),), "it is not wanted")
    return Plan(before, before, (), "as wanted")


def judge(status: Json) -> Verdict:
    """Whether a tunnel that was just started is ready."""
    state, reason = str(status.get("state", "")), str(status.get("reason", ""))
    if state == "up":
        return Verdict(State.DONE)
    if state in ("failed", "gone"):
        return Verdict(State.FATAL, reason)
    if int(status.get("failures", 0)) >= FIRST_TRIES and not status.get("ups"):
        return Verdict(State.FATAL, reason)
    return Verdict(State.PENDING, reason or "ssh is connecting")


def failure(bastion: Bastion, target: Target, status: Json) -> HubError:
    """The error for a tunnel that did not come up."""
    state = str(status.get("state", ""))
    reason = str(status.get("reason", ""))
    ours = OUR_WORDS.fullmatch(reason)
    if ours:  # our own programs speak in this form already
        return HubError(error_id=ours["id"], what=ours["what"], do=ours["do"])
    seen = reason.rstrip(".") or "no word within the time"
    if state == "failed":
        return HubError(
            error_id="E-TUNNEL-05",
            what="The tunnel's own port on this machine cannot be used",
            seen=seen,
            do="leave local_port out, so that a free port is taken, or end the program that holds it",
        )
    if state == "gone":
        return HubError(
            error_id="E-TUNNEL-04",
            what="The program that keeps the tunnel ended before the tunnel stood",
            seen=seen,
            do="run again; if it happens again, look whether something on this machine ends processes of a play",
        )
    if state == "blocked":
        return HubError(
            error_id="E-TUNNEL-02",
            what=f"The bastion {bastion.name} is reached, the API server {target.text} behind it is not",
            seen=seen,
            do="check that the proxy runs on the bastion (tinyproxy, port "
            f"{bastion.proxy_port}; or set through: socks5) and that its network may reach {target.text}",
        )
    return HubError(
        error_id="E-TUNNEL-01",
        what=f"No SSH connection to the bastion {bastion.name}",
        seen=seen,
        do="correct what ssh says (key, user, host key, name), try it by hand, then run again",
    )
