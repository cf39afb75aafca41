# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A changed value is told, a secret is not."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.redaction import (
    CHANGED,
    HIDDEN,
    LONGEST_VALUE,
    is_secret_name,
    shown,
)
from ansible_collections.researchops.jupyterhub.plugins.module_utils._k8s.objects import ABSENT


@pytest.mark.parametrize(
    ("path", "secret"),
    [
        ("hub.config.GenericOAuthenticator.client_secret", True),
        ("proxy.secretToken", True),
        ("hub.cookieSecret", True),
        ("hub.db.password", True),
        ("registry.credentials", True),
        ("hub.services.x.apiToken", True),
        ("hub.services.x.api_key", True),
        ("tls.private_key", True),
        ("proxy.https.manual.key", True),
        ("hub.config.CryptKeeper.keys", True),
        ("spec.containers[hub].env[OAUTH_CLIENT_SECRET].value", True),
        ("spec.env[AWS_SECRET_ACCESS_KEY].value", True),
        ("spec.env[X].valueFrom.secretKeyRef.key", False),
        ("spec.volumes[x].secret.secretName", False),
        ("hub.existingSecret", False),
        ("spec.imagePullSecrets[0].name", False),
        ('spec.template.metadata.annotations."checksum/secret"', False),
        ("singleuser.memory.limit", False),
        ("hub.config.Authenticator.keyboard", False),
        ("monkey", False),
    ],
)
def test_which_names_may_hold_a_secret(path: str, secret: bool) -> None:
    assert is_secret_name(path) is secret


@pytest.mark.parametrize(
    ("kind", "path", "before", "after", "told"),
    [
        pytest.param("Secret", "data.x", "YQ==", "Yg==", (HIDDEN, CHANGED), id="secret-data"),
        pytest.param("Secret", "stringData.x", ABSENT, "b", (None, CHANGED), id="secret-data-added"),
        pytest.param("Secret", "data.x", "YQ==", ABSENT, (HIDDEN, None), id="secret-data-removed"),
        pytest.param("Secret", "metadata.labels.x", "a", "b", ("a", "b"), id="a-label-of-a-secret"),
        pytest.param("values", "hub.db.password", "a", "b", (HIDDEN, CHANGED), id="by-name"),
        pytest.param("values", "hub.db.url", "postgres://u:pw@h/d", "postgres://h/d",
                     (f"postgres://{HIDDEN}@h/d", "postgres://h/d"), id="password-in-a-url"),
        pytest.param("values", "x", "a\nb", "y" * (LONGEST_VALUE + 1),
                     ("<3 characters>", f"<{LONGEST_VALUE + 1} characters>"), id="long-ones-by-length"),
        pytest.param("values", "x", ["a", {"token": "t", "n": 1}], ABSENT,
                     (["a", {"token": HIDDEN, "n": 1}], None), id="inside-containers"),
        pytest.param("values", "x", None, 5, (None, 5), id="null-and-number"),
    ],
)  # fmt: skip
def test_how_a_change_is_told(kind: str, path: str, before: Any, after: Any, told: tuple[Any, Any]) -> None:
    assert shown(kind, path, before, after) == told
