#!/usr/bin/python
# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Ansible module: a tunnel to an API server behind a bastion, for as long as the play lasts."""

from __future__ import annotations

DOCUMENTATION = r"""
module: cluster_tunnel
short_description: Keep a tunnel to a private API server while the play runs
version_added: 0.1.0
description:
  - Opens an SSH connection to a bastion and leads one kubeconfig through it, either to an HTTP proxy such as tinyproxy
    on the bastion or through ssh's own SOCKS5 server, so that the bastion needs nothing but SSH.
  - The bastion is reached by plain SSH, or over Google's Identity-Aware Proxy (experimental, see O(bastion.iap)).
  - The proxy's address stands in one generated kubeconfig (mode 0600) and nowhere else. No C(HTTPS_PROXY) is set, so a
    cloud's own login and every other task go their usual way.
  - A process of its own keeps the tunnel. It looks through it every few seconds and connects again within 10 s after a
    break; a connection that is opened meanwhile waits. Its port stays the same and takes connections to this API server
    only.
  - It ends with the C(ansible-playbook) that started it, however that ends (success, failure, interrupt, C(kill -9)),
    and after O(ttl) at the latest. It takes ssh and the generated kubeconfig with it; what a killed one leaves behind
    is removed when the next tunnel starts.
  - kubernetes.core takes a proxy in each task but brings no tunnel; a forwarding in an C(ssh) of one's own ends when it
    likes and is not noticed.
author:
  - researchops.jupyterhub contributors (@researchops)
extends_documentation_fragment:
  - researchops.jupyterhub.kubernetes
  - researchops.jupyterhub.gcp
  - researchops.jupyterhub.attributes
  - researchops.jupyterhub.attributes.state
  - researchops.jupyterhub.attributes.actiongroup_k8s_gcp
  - researchops.jupyterhub.attributes.actiongroup_k8s
  - researchops.jupyterhub.attributes.actiongroup_gcp
requirements:
  - Linux 5.3 or later and the program C(ssh)
  - PyYAML
  - websocket-client, google-auth and requests (for O(bastion.iap))
options:
  hub:
    description: The hub the tunnel is for; it names the private directory.
    type: str
    required: true
  state:
    description: V(present) keeps the tunnel, V(absent) ends the one of this play.
    type: str
    choices: [present, absent]
    default: present
  bastion:
    description: The machine that reaches the API server. Required with O(state=present).
    type: dict
    suboptions:
      host:
        description:
          - Its name or address for ssh, or an alias of your own ssh configuration.
          - With O(bastion.iap) the name its host key is kept under; by default C(INSTANCE.ZONE.PROJECT).
        type: str
      port:
        description: Its SSH port; by default as ssh decides (C(Port) of your own ssh configuration, else 22), with
          O(bastion.iap) 22.
        type: int
      user:
        description: Who logs in; by default as ssh decides.
        type: str
      private_key_file:
        description: The SSH key; by default those of the agent and of your ssh configuration.
        type: path
      host_key:
        description: Its public host key, as the second and third word of a known_hosts line.
        type: str
      known_hosts_file:
        description: A file with its host key; by default those of ssh. An unknown host key is always refused.
        type: path
      through:
        description: What carries the connections from there; V(http_proxy) is a proxy such as tinyproxy on the bastion,
          V(socks5) is the bastion's SSH server itself.
        type: str
        choices: [http_proxy, socks5]
        default: http_proxy
      proxy_port:
        description: The proxy's port on the bastion's loopback address.
        type: int
        default: 8888
      iap:
        description:
          - The bastion is a machine of a Google project that is reached over Identity-Aware Proxy. The caller needs
            C(roles/iap.tunnelResourceAccessor), and the firewall must let 35.235.240.0/20 reach its SSH port.
          - Experimental. The protocol of the relay is not published as a contract; this was proved against a stand-in
            that follows Google's own client, not on a real project yet.
          - The SSH key must be known there already (OS Login or the machine's metadata); no key is registered.
        type: dict
        suboptions:
          project:
            description: The project's id.
            type: str
            required: true
          zone:
            description: The machine's zone.
            type: str
            required: true
          instance:
            description: The machine's name.
            type: str
            required: true
          interface:
            description: Its network interface.
            type: str
            default: nic0
          relay_url:
            description: Where the relay is.
            type: str
            default: wss://tunnel.cloudproxy.app/v4
          ca_file:
            description: PEM file with the relay's CA; by default the system's.
            type: path
  login_helper:
    description: Path of C(exec_credential.py), which logs in at Google for O(bastion.iap); the role
      P(researchops.jupyterhub.cluster_access#role) carries it.
    type: path
  ttl:
    description: Seconds after which the tunnel ends, whatever the play does.
    type: int
    default: 14400
  probe_interval:
    description: Seconds between two looks through the tunnel.
    type: float
    default: 3
  wait_timeout:
    description: Seconds to wait until the API server answers through the tunnel.
    type: int
    default: 60
  local_port:
    description: The tunnel's port on this machine's loopback address; 0 takes a free one.
    type: int
    default: 0
  controller_pid:
    description: The process whose end shall end the tunnel; by default the C(ansible-playbook) this module runs under.
    type: int
    default: 0
  cache_dir:
    description: The directory that holds the private directories; by default C(researchops-jupyterhub) in the user's
      cache directory.
    type: path
notes:
  - The tunnel is a process of this machine, not part of what a play manages; the role runs the module in check mode
    too.
  - A connection that is open at a break is cut. Our modules repeat what is safe to repeat and read back the rest.
seealso:
  - module: researchops.jupyterhub.cluster_kubeconfig
"""

EXAMPLES = r"""
- name: Reach a private cluster by its bastion
  researchops.jupyterhub.cluster_tunnel:
    hub: climate
    kubeconfig: ~/.kube/private-cluster
    bastion:
      host: bastion.example.org
      user: ops
      private_key_file: ~/.ssh/bastion
      host_key: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEXAMPLEEXAMPLEEXAMPLEEXAMPLEEXAMPLEEXAM
  register: tunnel

- name: Use it
  kubernetes.core.k8s_info:
    kubeconfig: "{{ tunnel.path }}"
    proxy: "{{ tunnel.proxy_url }}" # the Python package kubernetes before 37.0 does not read it in the kubeconfig
    no_proxy: nobody.invalid # and from then on goes past it where NO_PROXY says so
    kind: Namespace

- name: End it before the play ends
  researchops.jupyterhub.cluster_tunnel:
    hub: climate
    state: absent
"""

RETURN = r"""
path:
  description: The kubeconfig that leads through the tunnel; it goes away with the tunnel.
  returned: O(state=present)
  type: str
  sample: /home/ada/.cache/researchops-jupyterhub/.tunnels/climate-0a1b2c3d4e5f/kubeconfig
proxy_url:
  description: The proxy in that kubeconfig; empty when check mode did not start the tunnel.
  returned: O(state=present)
  type: str
  sample: http://127.0.0.1:41873
server:
  description: The API server it leads to.
  returned: O(state=present)
  type: str
  sample: https://10.0.0.2
bastion:
  description: The bastion in words.
  returned: O(state=present)
  type: str
  sample: bastion.example.org
experimental:
  description: Whether the way there is experimental (IAP).
  returned: O(state=present)
  type: bool
  sample: false
drops:
  description: How often the tunnel broke until now.
  returned: O(state=present)
  type: int
  sample: 0
longest_interruption:
  description: Seconds of the longest interruption until now.
  returned: O(state=present)
  type: float
  sample: 0.0
transitions:
  description: What was seen while waiting for the tunnel.
  returned: O(state=present)
  type: list
  elements: dict
  sample: []
"""

import os
import shutil
import sys
from dataclasses import asdict
from typing import Any

from ..module_utils._core import poll
from ..module_utils._core.clock import SystemClock
from ..module_utils._core.errors import HubError
from ..module_utils._core.progress import Reporter
from ..module_utils._gcp.auth import AuthOptions
from ..module_utils._k8s import access, gke, kubeconfig
from ..module_utils._shell import GCP_OPTIONS, KUBERNETES_OPTIONS, Outcome, Request, run
from ..module_utils._tunnel import iap_relay, runtime, settings, supervisor, wire
from ..module_utils._tunnel.controller import Process, controlling

CLOCK = SystemClock()
LOOK_EVERY = 0.1
"""Seconds between two looks at a tunnel that is starting."""

IAP_OPTIONS = {
    "project": {"type": "str", "required": True},
    "zone": {"type": "str", "required": True},
    "instance": {"type": "str", "required": True},
    "interface": {"type": "str", "default": "nic0"},
    "relay_url": {"type": "str", "default": "wss://tunnel.cloudproxy.app/v4"},
    "ca_file": {"type": "path"},
}
BASTION_OPTIONS = {
    "host": {"type": "str"},
    "port": {"type": "int"},
    "user": {"type": "str"},
    "private_key_file": {"type": "path", "no_log": False},
    "host_key": {"type": "str", "no_log": False},
    "known_hosts_file": {"type": "path"},
    "through": {"type": "str", "choices": ["http_proxy", "socks5"], "default": "http_proxy"},
    "proxy_port": {"type": "int", "default": 8888},
    "iap": {"type": "dict", "options": IAP_OPTIONS},
}


def body(request: Request) -> Outcome:
    """Make this play's tunnel equal to what the options say, or end it."""
    params = request.params
    access.check_hub(params["hub"])
    base = access.PrivateFolder.for_hub(params["cache_dir"] or "", "").path
    tunnels = runtime.Tunnels(base, CLOCK)
    process = controlling(params["controller_pid"])
    path = tunnels.place(params["hub"], process)
    if params["state"] == "absent":
        return absent(request, tunnels, path)
    return present(request, tunnels, path, process)


def absent(request: Request, tunnels: runtime.Tunnels, path: str) -> Outcome:
    """End the tunnel of this play."""
    plan = settings.decide("", tunnels.observe(path), request.params["hub"])
    if plan.changed and not request.check_mode:
        with tunnels.exclusive():
            tunnels.stop(path)
            tunnels.sweep()
    return Outcome(changed=plan.changed, diff=plan.diff)


def present(request: Request, tunnels: runtime.Tunnels, path: str, process: Process) -> Outcome:
    """Start the tunnel unless the right one runs, and wait until the API server answers through it."""
    params = request.params
    bastion = bastion_of(params)
    chosen = source(request)
    target = settings.parse_target(str(chosen.cluster["server"]))
    limits = settings.Limits(params["ttl"], params["probe_interval"], params["local_port"])
    wanted = start(params, path, bastion, target, limits, process, access.as_yaml(chosen.document(), ""))
    plan = settings.decide(wanted.config["digest"], tunnels.observe(path), params["hub"])
    reporter = Reporter.from_environment(params["hub"], "tunnel", CLOCK)
    status: dict[str, Any] = {}
    if not request.check_mode:
        if plan.changed:
            with tunnels.exclusive():
                tunnels.sweep()
                tunnels.stop(path)
                tunnels.start(path, wanted)
        status = ready(tunnels, path, bastion, target, params["wait_timeout"], reporter)
    elif not plan.changed:
        status = runtime.status(path)
    proxy_url = f"http://127.0.0.1:{status['port']}" if status.get("port") else ""
    file = os.path.join(path, "kubeconfig")
    if proxy_url and not request.check_mode:
        text = access.as_yaml(kubeconfig.through_proxy(chosen, proxy_url).document(), "the tunnel's source")
        if not access.PrivateFolder(path).holds(file, text):
            access.PrivateFolder(path).write(file, text)
    result = {
        "path": file,
        "proxy_url": proxy_url,
        "server": chosen.cluster["server"],
        "bastion": bastion.name,
        "experimental": bastion.iap is not None,
        "drops": status.get("drops", 0),
        "longest_interruption": status.get("longest", 0.0),
        "transitions": reporter.transitions,
    }
    warnings = [settings.EXPERIMENTAL] if bastion.iap else []
    return Outcome(changed=plan.changed, result=result, diff=plan.diff, warnings=warnings)


def bastion_of(params: dict[str, Any]) -> settings.Bastion:
    """The option bastion, file names absolute, and everything it needs on this machine."""
    given = dict(params["bastion"])
    given["upstream"] = given.pop("through")
    for name in ("private_key_file", "known_hosts_file"):
        given[name] = os.path.abspath(given[name]) if given[name] else ""
        if given[name] and not os.path.isfile(given[name]):
            raise settings.unusable(f"its {name} {given[name]} does not exist")
    bastion = settings.parse_bastion(given)
    if shutil.which("ssh") is None:
        raise HubError("E-TUNNEL-03", "The program ssh is missing", "install the OpenSSH client, then run again")
    return bastion


def source(request: Request) -> kubeconfig.Chosen:
    """The context that shall lead through the tunnel."""
    paths = access.kubeconfig_paths(request.params["kubeconfig"])
    chosen = kubeconfig.choose(access.read_sources(paths), request.params["context"] or "")
    kubeconfig.check_person(chosen, os.pathsep.join(paths))
    for secret in kubeconfig.secrets_of(chosen.user):
        request.redactor.add(secret)
    return chosen


def start(
    params: dict[str, Any],
    path: str,
    bastion: settings.Bastion,
    target: settings.Target,
    limits: settings.Limits,
    process: Process,
    kubeconfig_text: str,
) -> runtime.Start:
    """Everything a new tunnel is made of."""
    files = {"supervisor.py": runtime.source_of(supervisor), "wire.py": runtime.source_of(wire)}
    proxy_command: list[str] = []
    keys: dict[str, str] = {}
    if bastion.iap:
        files["iap_relay.py"] = runtime.source_of(iap_relay)
        login, keys = gke.login(
            AuthOptions.of(params), params["login_helper"] or "", path, os.path.join(path, "gcp-key")
        )
        files |= {os.path.basename(name): text for name, text in keys.items()}
        program = [sys.executable, "-P", os.path.join(path, "iap_relay.py")]
        proxy_command = settings.relay_command(program, bastion.iap, bastion.port, login.command())
    known_hosts = bastion.known_hosts_file
    if line := settings.known_hosts_line(bastion):
        known_hosts = os.path.join(path, "known_hosts")
        files["known_hosts"] = line
    ssh = shutil.which("ssh") or "ssh"
    command = settings.ssh_command(bastion, ssh, known_hosts, proxy_command)
    config = supervisor.Config(
        command=command,
        upstream=bastion.upstream,
        host=target.host,
        port=target.port,
        controller=process.pid,
        started=process.started,
        ttl=limits.ttl,
        listen_port=limits.local_port,
        probe_interval=limits.probe_interval,
    )
    # A new key is another tunnel: the one that runs would go on with the old one.
    digest = settings.digest([*command, bastion.host_key, *keys.values()], target, limits, kubeconfig_text)
    return runtime.Start({**asdict(config), "digest": digest}, files)


def ready(
    tunnels: runtime.Tunnels,
    path: str,
    bastion: settings.Bastion,
    target: settings.Target,
    timeout: float,
    reporter: Reporter,
) -> dict[str, Any]:
    """Wait for the first look through the tunnel; a tunnel that does not come up is ended again."""
    waited = poll.wait(
        f"tunnel to {target.text} by {bastion.name}",
        lambda: runtime.status(path),
        settings.judge,
        timeout=timeout,
        interval=LOOK_EVERY,
        reporter=reporter,
    )
    if not waited.done:
        error = settings.failure(bastion, target, waited.observation)
        with tunnels.exclusive():
            tunnels.stop(path)
        raise error
    return waited.observation


def main() -> None:
    """Entry point."""
    run(
        body,
        argument_spec={
            **KUBERNETES_OPTIONS,
            **GCP_OPTIONS,
            "hub": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "bastion": {"type": "dict", "options": BASTION_OPTIONS},
            "login_helper": {"type": "path"},
            "ttl": {"type": "int", "default": 14400},
            "probe_interval": {"type": "float", "default": 3},
            "wait_timeout": {"type": "int", "default": 60},
            "local_port": {"type": "int", "default": 0},
            "controller_pid": {"type": "int", "default": 0},
            "cache_dir": {"type": "path"},
        },
        required_if=[("state", "present", ["bastion"])],
        libraries=("yaml",),
    )


if __name__ == "__main__":
    main()
