# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""Ask AWS about an EKS cluster, by botocore: one read."""

from __future__ import annotations

from typing import Any

from .._core.errors import HubError
from .clouds import EksName

CONNECT_TIMEOUT = 5
READ_TIMEOUT = 30
"""Seconds; and reads are tried three times in all."""
NOT_ACCEPTED = frozenset({
    "ExpiredToken", "ExpiredTokenException", "UnrecognizedClientException", "InvalidClientTokenId", "RequestExpired",
})  # fmt: skip
"""What AWS answers to credentials that have run out, or that it does not know; no permission cures these."""
BAD_SIGNATURE = frozenset({"SignatureDoesNotMatch", "InvalidSignatureException"})
LOG_IN = "log in to AWS (aws sso login, AWS_PROFILE, AWS_ACCESS_KEY_ID) or set cluster_access_aws_profile"

Json = dict[str, Any]


def describe(name: EksName) -> Json:
    """The API's ``Cluster``.

    Raises:
        HubError: E-ACCESS-20 for credentials that cannot be used, E-ACCESS-21 for a cluster AWS does not show.
    """
    import botocore.config
    import botocore.exceptions
    import botocore.session

    limits = botocore.config.Config(
        connect_timeout=CONNECT_TIMEOUT, read_timeout=READ_TIMEOUT, retries={"total_max_attempts": 3}
    )
    try:
        session = botocore.session.Session(profile=name.profile or None)
        client = session.create_client("eks", region_name=name.region, config=limits)
        found: Json = client.describe_cluster(name=name.name)["cluster"]
    except botocore.exceptions.ClientError as problem:
        raise refused(name, problem.response) from problem
    except botocore.exceptions.BotoCoreError as problem:
        raise HubError(
            error_id="E-ACCESS-20",
            what=f"AWS cannot be asked about {name.text}: {' '.join(str(problem).split()).rstrip('.')[:300]}",
            do=f"{LOG_IN}; check the region and the network",
        ) from problem
    return found


def refused(name: EksName, response: Json) -> HubError:
    """The error for an answer that is no cluster."""
    error = response.get("Error") or {}
    code = str(error.get("Code") or "no code")
    text = " ".join(str(error.get("Message") or "").split()).rstrip(".")[:300]
    error_id, do = "E-ACCESS-21", "grant these credentials eks:DescribeCluster, then run again"
    if code in NOT_ACCEPTED:
        error_id, do = "E-ACCESS-20", LOG_IN
    if code in BAD_SIGNATURE:
        # AWS's own sentence may quote the request that it signed, and a session token is part of that.
        text = "the secret access key is not the one of this key id, or this machine's clock is wrong"
        error_id = "E-ACCESS-20"
        do = "correct AWS_SECRET_ACCESS_KEY, or the profile in cluster_access_aws_profile; check this machine's clock"
    if code == "ResourceNotFoundException":
        do = "correct region and name in cluster_access_cluster, or choose another account (cluster_access_aws_profile)"
    return HubError(
        error_id=error_id,
        what=f"AWS does not show {name.text}",
        seen=f"{code}: {text}",
        do=do,
        details={"code": code},
    )
