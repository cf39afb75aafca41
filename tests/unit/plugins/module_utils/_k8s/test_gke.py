# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The login that fits the options."""

from __future__ import annotations

import sys

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.errors import HubError
from ansible_collections.researchops.jupyterhub.plugins.module_utils._gcp.auth import AuthOptions
from ansible_collections.researchops.jupyterhub.plugins.module_utils._k8s import gke


@pytest.mark.parametrize(
    ("options", "words", "files"),
    [
        pytest.param(AuthOptions(), ["--auth-kind", "application"], {}, id="application"),
        pytest.param(
            AuthOptions("serviceaccount", service_account_file="/k.json"),
            ["--auth-kind", "serviceaccount", "--key-file", "/k.json"],
            {},
            id="a key's file",
        ),
        pytest.param(
            AuthOptions("serviceaccount", service_account_contents="{}"),
            ["--auth-kind", "serviceaccount", "--key-file", "/private/key"],
            {"/private/key": "{}\n"},
            id="a key's text",
        ),
        pytest.param(
            AuthOptions("accesstoken", access_token="a-token-of-mine"),
            ["--auth-kind", "accesstoken", "--key-file", "/private/key"],
            {"/private/key": "a-token-of-mine\n"},
            id="a token",
        ),
        pytest.param(
            AuthOptions("machineaccount", service_account_email="x@p.iam"),
            ["--auth-kind", "machineaccount", "--email", "x@p.iam"],
            {},
            id="the machine",
        ),
    ],
)
def test_the_helper_logs_in_the_same_way(options: AuthOptions, words: list[str], files: dict[str, str]) -> None:
    login, made = gke.login(options, "/h.py", "/cache", "/private/key")
    assert login.command() == [sys.executable, "-P", "/h.py", "--kind", "gke", "--cache-dir", "/cache", *words]
    assert made == files
    assert "a-token-of-mine" not in str(login)


def test_options_that_do_not_fit_and_a_missing_helper() -> None:
    with pytest.raises(HubError, match="E-GCP-01"):
        gke.login(AuthOptions(service_account_file="/k.json"), "/h.py", "/cache", "/key")
    with pytest.raises(HubError, match="E-ACCESS-17 The login at Google is incomplete"):
        gke.login(AuthOptions(), "", "/cache", "/key")
