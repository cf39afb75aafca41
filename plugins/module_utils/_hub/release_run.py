# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""From the options of hub_release and hub_release_info to their results: the wiring, nothing else."""

from __future__ import annotations

from typing import Any

from .._core.clock import SystemClock
from .._core.progress import Reporter
from .._k8s.client import KubeClient
from .._shell import Outcome, Request
from .helm import Helm, Target
from .manifest import is_secret_name
from .release import Done, Present, Tools, Wanted
from .release_removal import Absent


def tools(request: Request) -> Tools:
    """Everything a run works with, from the module's options."""
    params, clock = request.params, SystemClock()
    reporter = Reporter.from_environment(params["release_name"], "release", clock)
    target = Target(params["release_name"], params["namespace"], params["kubeconfig"], params["context"])
    return Tools(
        client=KubeClient.from_kubeconfig(params["kubeconfig"], params["context"]),
        helm=Helm(params["helm_binary"], target, clock=clock, reporter=reporter, redactor=request.redactor),
        clock=clock,
        reporter=reporter,
        redactor=request.redactor,
    )


def run_release(request: Request) -> Outcome:
    """The body of module hub_release."""
    _learn_secrets(request)
    if request.params["state"] == "present":
        wanted = Wanted.from_params(request.params)
        kit = tools(request)
        done = Present(wanted, kit).run(request.check_mode)
    else:
        kit = tools(request)
        done = Absent(request.params, kit).run(request.check_mode)
    return outcome(done, kit.reporter)


def outcome(done: Done, reporter: Reporter) -> Outcome:
    """The documented return values."""
    result: dict[str, Any] = {
        "status": done.status or "absent",
        "revision": done.revision,
        "chart": done.chart,
        "app_version": done.app_version,
        "digest": done.digest,
        "plan": [step.as_dict() for step in done.plan.steps],
        "plan_summary": done.plan.summary(),
        "reason": done.plan.reason,
        "hooks": done.hooks,
        "not_server_checked": done.unchecked,
        "restarts": done.restarts,
        "kept": done.kept,
        "pods": done.pods,
        "recovered": done.recovered,
        "transitions": reporter.transitions,
    }
    return Outcome(done.changed, result, done.plan.diff, done.warnings)


def _learn_secrets(request: Request) -> None:
    """Mask what looks like a secret in the values, although none should be there."""

    def learn(name: str, value: Any) -> None:
        if isinstance(value, dict):
            for key, item in value.items():
                learn(str(key), item)
        elif isinstance(value, list):
            for item in value:
                learn(name, item)
        elif isinstance(value, str) and is_secret_name(name):
            request.redactor.add(value)

    learn("", request.params["values"])
