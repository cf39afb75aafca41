# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lines of the operator's own code that open a hub."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.hub_code import open_code

ALL = "everybody the provider knows"
ANYBODY = "anybody in under any name"


@pytest.mark.parametrize(
    ("code", "sentences"),
    [
        pytest.param("c.Authenticator.allow_all = True", [ALL], id="00 everybody"),
        pytest.param(
            "import os\nif True:\n    c.GitHubOAuthenticator.allow_all=True  # for now", [ALL], id="01 in a block"
        ),
        pytest.param("c.JupyterHub.authenticator_class = 'dummy'", [ANYBODY], id="02 dummy"),
        pytest.param(
            'c.JupyterHub.authenticator_class = "jupyterhub.auth.DummyAuthenticator"', [ANYBODY], id="03 its full name"
        ),
        pytest.param(
            "from tmpauthenticator import TmpAuthenticator\nc.JupyterHub.authenticator_class = TmpAuthenticator\n",
            [ANYBODY],
            id="04 the class itself",
        ),
        pytest.param(
            "c.JupyterHub.authenticator_class = 'github'\nc.OAuthenticator.allow_all = True", [ALL], id="05 one of two"
        ),
        pytest.param("# c.Authenticator.allow_all = True", [], id="06 a comment"),
        pytest.param("c.Authenticator.allow_all = False", [], id="07 closed"),
        pytest.param("c.JupyterHub.authenticator_class = 'mine.OwnAuthenticator'", [], id="08 another class"),
        pytest.param("c.KubeSpawner.allow_all = True", [], id="09 no authenticator"),
        pytest.param("if c.Authenticator.allow_all == True: pass", [], id="10 looks only"),
    ],
)
@pytest.mark.parametrize("place", ["extraConfig", "extraFiles"])
def test_what_a_line_opens(place: str, code: str, sentences: list[str]) -> None:
    below: Any = {"10.own": code} if place == "extraConfig" else {"own": {"mountPath": "/etc/x.py", "stringData": code}}
    found = list(open_code({"hub": {place: below}, "custom": {"note": code}}))
    where = 'hub.extraConfig."10.own"' if place == "extraConfig" else "hub.extraFiles.own.stringData"
    assert [(one.error_id, one.path) for one in found] == [("E-OAUTH-04", where)] * len(sentences)
    for one, words in zip(found, sentences, strict=True):
        assert words in one.sentence


@pytest.mark.parametrize("odd", [{}, {"hub": None}, {"hub": {"extraConfig": None}}, {"hub": {"extraConfig": [7]}}])
def test_odd_shapes_hold_no_code(odd: dict[str, Any]) -> None:
    assert list(open_code(odd)) == []
