# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The neighbour of iap_member: Google's own client, in one process, one member at a time, read and written each.

This is what a loop over a module that knows one member costs at least: no process per member, one connection, one
token. Usage: ``iap_loop.py PROJECT KEY_FILE COUNT``.
"""

from __future__ import annotations

import sys

ROLE = "roles/iap.httpsResourceAccessor"


def main(project: str, key_file: str, count: int) -> None:
    """Add ``count`` members to the policy of all web resources."""
    from google.cloud.iap_v1 import IdentityAwareProxyAdminServiceClient
    from google.iam.v1 import iam_policy_pb2, options_pb2
    from google.oauth2 import service_account

    key = service_account.Credentials.from_service_account_file(key_file)
    client = IdentityAwareProxyAdminServiceClient(credentials=key, transport="rest")
    resource = f"projects/{project}/iap_web"
    options = options_pb2.GetPolicyOptions(requested_policy_version=3)
    for number in range(count):
        policy = client.get_iam_policy(
            request=iam_policy_pb2.GetIamPolicyRequest(resource=resource, options=options), timeout=30
        )
        found = [binding for binding in policy.bindings if binding.role == ROLE and not binding.condition.expression]
        binding = found[0] if found else policy.bindings.add(role=ROLE)
        binding.members.append(f"user:member{number}@example.org")
        policy.version = 3
        client.set_iam_policy(request=iam_policy_pb2.SetIamPolicyRequest(resource=resource, policy=policy), timeout=30)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
