# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""botocore itself against a server on the loopback address."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.errors import HubError
from ansible_collections.researchops.jupyterhub.plugins.module_utils._k8s import eks
from ansible_collections.researchops.jupyterhub.plugins.module_utils._k8s.clouds import EksName
from ansible_collections.researchops.jupyterhub.tests.unit.tls_server import Server, serving

NAME = EksName("eu-west-1", "research")


class Aws:
    """What the server answers."""

    def __init__(self) -> None:
        """A cluster."""
        self.status = 200
        self.document: Any = {"cluster": {"name": "research", "status": "ACTIVE"}}
        self.headers: dict[str, str] = {}
        self.server: Server | None = None


@pytest.fixture
def aws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    made = Aws()
    with serving(tmp_path, lambda *_request: (made.status, made.document, made.headers)) as server:
        made.server = server
        for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "HTTPS_PROXY", "https_proxy"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("AWS_ENDPOINT_URL_EKS", server.url)
        monkeypatch.setenv("AWS_CA_BUNDLE", str(server.ca_file))
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a-secret-key-of-the-test")
        monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
        monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        yield made


def test_one_read(aws: Aws) -> None:
    assert eks.describe(NAME)["status"] == "ACTIVE"
    assert aws.server
    ((method, path, headers, _body),) = aws.server.requests
    assert (method, path) == ("GET", "/clusters/research")
    assert "/eu-west-1/eks/aws4_request" in headers["Authorization"]


def test_a_cluster_nobody_knows(aws: Aws) -> None:
    aws.status, aws.headers = 404, {"x-amzn-ErrorType": "ResourceNotFoundException"}
    aws.document = {"message": "No cluster found for name: research."}
    with pytest.raises(HubError) as caught:
        eks.describe(NAME)
    assert caught.value.text().startswith("E-ACCESS-21 AWS does not show the EKS cluster research in eu-west-1.")
    assert caught.value.seen == "ResourceNotFoundException: No cluster found for name: research"
    assert "correct region and name" in caught.value.do


def test_a_permission_that_is_missing(aws: Aws) -> None:
    aws.status, aws.headers = 403, {"x-amzn-ErrorType": "AccessDeniedException"}
    aws.document = {"message": "not authorized to perform: eks:DescribeCluster"}
    with pytest.raises(HubError, match=r"E-ACCESS-21 .* Do: grant these credentials eks:DescribeCluster"):
        eks.describe(NAME)


@pytest.mark.parametrize("code", ["ExpiredTokenException", "UnrecognizedClientException"])
def test_credentials_that_aws_does_not_take_are_cured_by_no_permission(aws: Aws, code: str) -> None:
    aws.status, aws.headers = 403, {"x-amzn-ErrorType": code}
    aws.document = {"message": "The security token included in the request is expired"}
    with pytest.raises(HubError, match=r"E-ACCESS-20 .* Do: log in to AWS"):
        eks.describe(NAME)


@pytest.mark.parametrize("code", ["InvalidSignatureException", "SignatureDoesNotMatch"])
def test_a_wrong_secret_key_and_no_token_of_the_request_in_the_error(aws: Aws, code: str) -> None:
    aws.status, aws.headers = 403, {"x-amzn-ErrorType": code}
    aws.document = {"message": "The Canonical String should have been 'GET ... x-amz-security-token:session-token'"}
    with pytest.raises(HubError, match=r"E-ACCESS-20 .* Do: correct AWS_SECRET_ACCESS_KEY") as caught:
        eks.describe(NAME)
    assert "session-token" not in caught.value.text()


def test_no_credentials(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(HubError, match=r"E-ACCESS-20 AWS cannot be asked about the EKS cluster research .*credentials"):
        eks.describe(NAME)


def test_a_profile_nobody_knows(aws: Aws) -> None:
    with pytest.raises(HubError, match=r"E-ACCESS-20 .*profile \(nobody\)"):
        eks.describe(EksName("eu-west-1", "research", "nobody"))
