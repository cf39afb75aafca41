# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""From the options of hub_release to what was done: the wiring, nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from .._core.clock import Clock, SystemClock
from .._core.progress import Reporter
from .._core.redact import Redactor
from .._k8s.client import KubeClient
from .redaction import is_secret_name
from .release_wanted import Done, Wanted, as_found, load_history, read_inputs

if TYPE_CHECKING:
    from .release_tools import Tools

Options = Mapping[str, Any]


def converge(options: Options, *, check_mode: bool, redactor: Redactor) -> tuple[Done, Reporter]:
    """Bring a release to the wanted state, and tell what that took.

    Raises:
        HubError: whatever kept the release from being as wanted.
    """
    clock = SystemClock()
    reporter = Reporter.from_environment(options["release_name"], "release", clock)
    for secret in suspects(options["values"]):
        redactor.add(secret)
    if options["state"] == "absent":
        return _absent(options, check_mode, _tools(options, _client(options), clock, reporter, redactor)), reporter
    wanted = Wanted.from_options(options)
    inputs = read_inputs(wanted)
    client = _client(options)
    history = load_history(client, wanted.namespace, wanted.release)
    if history.proved(inputs.digest) and not wanted.check_drift:
        return as_found(history), reporter
    # Only from here on: planning and writing are a lot of code, and the usual run needs none of it.
    from .release import Present

    present = Present(wanted, inputs, _tools(options, client, clock, reporter, redactor))
    return present.run(history, check_mode), reporter


def _client(options: Options) -> KubeClient:
    return KubeClient.from_kubeconfig(options["kubeconfig"], options["context"])


def _absent(options: Options, check_mode: bool, tools: Tools) -> Done:
    from .release_removal import Absent

    return Absent(options, tools).run(check_mode)


def _tools(options: Options, client: KubeClient, clock: Clock, reporter: Reporter, redactor: Redactor) -> Tools:
    """Everything a run that does something works with."""
    from .helm import Helm, Target
    from .release_tools import Tools

    target = Target(options["release_name"], options["namespace"], options["kubeconfig"], options["context"])
    helm = Helm(options["helm_binary"], target, clock=clock, reporter=reporter, redactor=redactor)
    return Tools(client, helm, clock, reporter, redactor)


def suspects(values: Any, name: str = "") -> Iterator[str]:
    """Texts under names that look like a secret's: none should be in the values, and none is shown if one is."""
    if isinstance(values, Mapping):
        for key, item in values.items():
            yield from suspects(item, str(key))
    elif isinstance(values, list):
        for item in values:
            yield from suspects(item, name)
    elif isinstance(values, str) and is_secret_name(name):
        yield values
