# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read a policy as Google's own client sees it; JSON on standard output. Usage: read_policy.py KEY_FILE RESOURCE."""

import json
import sys

from google.cloud.iap_v1 import IdentityAwareProxyAdminServiceClient
from google.iam.v1 import iam_policy_pb2, options_pb2
from google.oauth2 import service_account
from google.protobuf import json_format

key = service_account.Credentials.from_service_account_file(sys.argv[1])
client = IdentityAwareProxyAdminServiceClient(credentials=key, transport="rest")
options = options_pb2.GetPolicyOptions(requested_policy_version=3)
request = iam_policy_pb2.GetIamPolicyRequest(resource=sys.argv[2], options=options)
print(json.dumps(json_format.MessageToDict(client.get_iam_policy(request=request, timeout=30))))
