# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The only door to Ansible: one result or one error, and nothing secret in either."""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils import _shell
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.errors import Changed, HubError
from ansible_collections.researchops.jupyterhub.plugins.module_utils._shell import Outcome, Request, run
from ansible_collections.researchops.jupyterhub.tests.unit.fakes import run_module

SECRET, FOUND = "planted-secret-1234", "found-later-5678"
SPEC: dict[str, dict[str, Any]] = {
    "name": {"type": "str", "required": True},
    "token": {"type": "str", "no_log": True},
    "seconds": {"type": "int"},
    **_shell.KUBERNETES_OPTIONS,
}
Body = Callable[[Request], Outcome]


@pytest.fixture
def shell(capsys: pytest.CaptureFixture[str]) -> Callable[..., dict[str, Any]]:
    """Run a body with options; returns what Ansible would read."""

    def call(
        body: Body, *, check_mode: bool = False, libraries: tuple[str, ...] = (), **options: Any
    ) -> dict[str, Any]:
        def main() -> None:
            run(body, argument_spec=SPEC, libraries=libraries, required_by={"token": "kubeconfig"})

        return run_module(main, {"name": "x", **options}, capsys, check_mode=check_mode)

    return call


def fails(error: BaseException) -> Body:
    def body(_request: Request) -> Outcome:
        raise error

    return body


Shell = Callable[..., dict[str, Any]]


def test_a_body_gets_plain_values(shell: Shell) -> None:
    seen: list[Request] = []

    def body(request: Request) -> Outcome:
        seen.append(request)
        return Outcome(True, {"answer": 42}, {"before": {}, "after": {"a": 1}})

    result = shell(body, check_mode=True)
    assert {key: result[key] for key in ("changed", "answer", "diff")} == {
        "changed": True,
        "answer": 42,
        "diff": {"before": {}, "after": {"a": 1}},
    }
    assert (seen[0].params, seen[0].check_mode) == (
        {"name": "x", "token": None, "seconds": None, "kubeconfig": None, "context": None},
        True,
    )


def test_a_module_that_only_reads_has_no_diff(shell: Shell) -> None:
    assert "diff" not in shell(lambda _request: Outcome(False))


def test_an_error_is_told_with_its_id_and_details(shell: Shell) -> None:
    error = HubError("E-X-01", "It is broken", "mend it", details={"a": 1})
    result = shell(fails(error))
    assert (result["failed"], result["msg"], result["error_id"], result["details"]) == (
        True,
        "E-X-01 It is broken. Nothing was changed. Do: mend it.",
        "E-X-01",
        {"a": 1},
    )


def test_a_secret_never_leaves_in_any_form(shell: Shell) -> None:
    packed = base64.b64encode(SECRET.encode()).decode()

    def body(request: Request) -> Outcome:
        request.redactor.add(FOUND)
        result = {"plain": f"a {SECRET} b", "nested": [{"packed": packed}], "found": FOUND}
        return Outcome(True, result, {"before": SECRET, "after": FOUND}, [f"careful with {SECRET}"])

    result = shell(body, token=SECRET, kubeconfig="/k")
    assert not [form for form in (SECRET, packed, FOUND) if form in str(result)]
    assert result["plain"] == "a <hidden> b"


def test_a_secret_never_leaves_in_an_error(shell: Shell) -> None:
    error = HubError("E-X-01", f"refused {SECRET}", f"change {SECRET}", details={SECRET: SECRET})
    assert SECRET not in str(shell(fails(error), token=SECRET, kubeconfig="/k"))


@pytest.mark.parametrize("secret", ["first-line-of-it\nsecond-line-of-it", 'it\'s "quoted" \\ twice'])
def test_a_secret_in_the_wrong_option_is_not_repeated_by_the_refusal(shell: Shell, secret: str) -> None:
    result = shell(lambda _request: Outcome(False), token=secret, seconds=secret, kubeconfig="/k")
    assert result["failed"]
    assert "convert to int" in result["msg"]
    assert not [form for form in (secret, repr(secret)[1:-1], "second-line-of-it", "quoted") if form in str(result)]


@pytest.mark.parametrize("as_text", [False, True])
def test_of_a_key_only_the_secrets_are_hidden(capsys: pytest.CaptureFixture[str], as_text: bool) -> None:
    key = {
        "type": "service_account",
        "project_id": "example-research",
        "private_key_id": "0123456789abcdef",
        "private_key": "-----BEGIN PRIVATE KEY-----\nplanted-secret-1234\n-----END PRIVATE KEY-----\n",
        "client_email": "verifier@example-research.iam.gserviceaccount.com",
        "universe_domain": "googleapis.com",
    }

    def body(request: Request) -> Outcome:
        request.redactor.add(key["private_key"])  # as the login does
        told = {"resource": "projects/example-research/iap_web", "account": key["client_email"]}
        return Outcome(False, told | {"uri": "https://iap.googleapis.com/v1", "all": key, "key": json.dumps(key)})

    def main() -> None:
        run(body, argument_spec={**_shell.GCP_OPTIONS, **_shell.GCP_PROJECT})

    options = {"service_account_contents": json.dumps(key) if as_text else key, "auth_kind": "serviceaccount"}
    result = run_module(main, {"project": "example-research", **options}, capsys)
    assert (result["resource"], result["account"], result["uri"]) == (
        "projects/example-research/iap_web",
        key["client_email"],
        "https://iap.googleapis.com/v1",
    )
    assert SECRET not in str(result)


def test_a_missing_library_is_told_before_anything_is_tried(shell: Shell) -> None:
    result = shell(fails(AssertionError("was tried")), libraries=("json", "no_such_library_at_all"))
    assert result["error_id"] == "E-LIB-01"
    assert f"no_such_library_at_all is missing from {sys.executable}" in result["msg"]


def test_a_defect_of_ours_is_told_as_one_without_a_traceback(shell: Shell) -> None:
    result = shell(fails(ZeroDivisionError("oops")))
    assert result["error_id"] == "E-INT-01"
    assert result["msg"].startswith("E-INT-01 ZeroDivisionError at test__shell.py:")
    assert Changed.UNKNOWN.value in result["msg"]
    assert "Traceback" not in str(result)


def test_rules_of_ansible_are_handed_on(shell: Shell) -> None:
    result = shell(lambda _request: Outcome(False), token=SECRET)
    assert result["failed"] and "kubeconfig" in result["msg"] and SECRET not in str(result)


def test_the_environment_names_the_cluster(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("K8S_AUTH_KUBECONFIG", "/from/environment")
    monkeypatch.setenv("K8S_AUTH_CONTEXT", "here")
    seen: list[dict[str, Any]] = []

    def body(request: Request) -> Outcome:
        seen.append(request.params)
        return Outcome(False)

    shell(body)
    assert (seen[0]["kubeconfig"], seen[0]["context"]) == ("/from/environment", "here")
