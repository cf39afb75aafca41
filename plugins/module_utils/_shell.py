# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""The only file that touches AnsibleModule: options in, one result or one error out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible.module_utils.basic import AnsibleModule, env_fallback

from ._core.errors import Changed, HubError, require
from ._core.redact import Redactor
from ._core.typed import json_object

KUBERNETES_OPTIONS: dict[str, dict[str, Any]] = {
    "kubeconfig": {"type": "path", "fallback": (env_fallback, ["K8S_AUTH_KUBECONFIG"])},
    "context": {"type": "str", "fallback": (env_fallback, ["K8S_AUTH_CONTEXT"])},
}
"""The options of the ``kubernetes`` documentation fragment."""

GCP_OPTIONS: dict[str, dict[str, Any]] = {
    "auth_kind": {
        "type": "str",
        "choices": ["application", "serviceaccount", "accesstoken", "machineaccount"],
        "default": "application",
        "fallback": (env_fallback, ["GCP_AUTH_KIND"]),
    },
    "service_account_file": {"type": "path", "fallback": (env_fallback, ["GCP_SERVICE_ACCOUNT_FILE"])},
    "service_account_contents": {
        "type": "jsonarg",
        "no_log": True,
        "fallback": (env_fallback, ["GCP_SERVICE_ACCOUNT_CONTENTS"]),
    },
    "service_account_email": {"type": "str", "fallback": (env_fallback, ["GCP_SERVICE_ACCOUNT_EMAIL"])},
    "access_token": {"type": "str", "no_log": True, "fallback": (env_fallback, ["GCP_ACCESS_TOKEN"])},
    "scopes": {"type": "list", "elements": "str", "fallback": (env_fallback, ["GCP_SCOPES"])},
}
"""The options of the ``gcp`` documentation fragment."""

KEY_FACTS = frozenset(
    {
        "auth_provider_x509_cert_url",
        "auth_uri",
        "client_email",
        "client_id",
        "client_x509_cert_url",
        "project_id",
        "token_uri",
        "type",
        "universe_domain",
    }
)
"""What the JSON key of a service account holds beside its secrets."""

GCP_PROJECT: dict[str, dict[str, Any]] = {
    "project": {"type": "str", "required": True, "fallback": (env_fallback, ["GCP_PROJECT"])},
}
"""The option of the ``gcp.project`` documentation fragment."""


@dataclass(frozen=True)
class Request:
    """What a module was asked for, free of Ansible.

    Attributes:
        params: the validated options.
        check_mode: nothing may be changed.
        redactor: learns secrets that turn up during the run.
    """

    params: dict[str, Any]
    check_mode: bool
    redactor: Redactor


@dataclass
class Outcome:
    """What a module did.

    Attributes:
        changed: whether anything was (in check mode: would be) changed.
        result: the documented return values.
        diff: before and after, redacted; None for read-only modules.
        warnings: sentences for a person.
    """

    changed: bool
    result: dict[str, Any] = field(default_factory=dict)
    diff: dict[str, Any] | None = None
    warnings: list[str] = field(default_factory=list)


class _Module(AnsibleModule):
    """AnsibleModule whose own refusals of an option hide a secret in every spelling, not only in the literal one."""

    def fail_json(self, msg: str, **kwargs: Any) -> Any:
        """End the process with an error; also called while the options are still being read."""
        self.no_log_values.update(Redactor(value for value in self.no_log_values if isinstance(value, str)).forms)
        return super().fail_json(msg, **kwargs)


def run(
    body: Callable[[Request], Outcome],
    *,
    argument_spec: dict[str, dict[str, Any]],
    libraries: tuple[str, ...] = (),
    **rules: Any,
) -> None:
    """Run ``body`` as an Ansible module that supports check mode, and end the process.

    Args:
        body: the work; raises :class:`HubError` for everything a person should read.
        argument_spec: Ansible's option specification.
        libraries: importable names that must be present before anything is tried.
        rules: AnsibleModule's ``required_if`` and its siblings.
    """
    module = _Module(argument_spec=argument_spec, supports_check_mode=True, **rules)
    module.no_log_values -= _key_facts(module.params)
    redactor = Redactor(value for value in module.no_log_values if isinstance(value, str))
    request = Request(dict(module.params), module.check_mode, redactor)
    try:
        require(*libraries)
        outcome, error = body(request), None
    except HubError as problem:
        outcome, error = Outcome(changed=False), problem
    except Exception as problem:  # the last line of defence: a person never meets a traceback
        outcome, error = Outcome(changed=False), _unexpected(problem, module)
    module.no_log_values.update(redactor.forms)
    if error is not None:
        details = redactor.data(error.details)
        module.fail_json(msg=redactor.text(error.text()), error_id=error.error_id, details=details)
    for warning in outcome.warnings:
        module.warn(redactor.text(warning))
    extra = {} if outcome.diff is None else {"diff": redactor.data(outcome.diff)}
    module.exit_json(changed=outcome.changed, **redactor.data(outcome.result), **extra)


def _key_facts(params: Mapping[str, Any]) -> set[str]:
    """Values of a service account's key that are no secrets: of one given as a dictionary Ansible hides every value.

    The project, the account and ``googleapis.com`` would then be missing from every result and every message.
    """
    key = json_object(str(params.get("service_account_contents") or "")) or {}
    return {str(value) for name, value in key.items() if name in KEY_FACTS}


def _unexpected(problem: Exception, module: AnsibleModule) -> HubError:
    """An error of ours, told as one: the place in the code instead of a traceback."""
    trace = problem.__traceback__
    place = ""
    while trace is not None:
        place = f"{trace.tb_frame.f_code.co_filename.rsplit('/', 1)[-1]}:{trace.tb_lineno}"
        trace = trace.tb_next
    return HubError(
        error_id="E-INT-01",
        what=f"{type(problem).__name__} at {place} in {getattr(module, '_name', 'this module')}: {problem}",
        do="this is a defect of the collection; please report this line with the versions of ansible-core and Python",
        changed=Changed.UNKNOWN,
    )
