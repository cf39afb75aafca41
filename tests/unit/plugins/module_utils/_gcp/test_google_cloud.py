# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is made of a failed task of google.cloud, as ansible-core 2.18 registers it, and 2.19 to 2.21 do."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._gcp.google_cloud import Failure, failure

REFUSED = "requests.exceptions.HTTPError: 412 Client Error: Precondition Failed for url: https://dns.googleapis.com/x"
ENVELOPE = "GCP returned error: {'error': {'code': 403, 'errors': [{'message': \"The zone's limit.\"}], 'status': 'x'}}"


@pytest.mark.parametrize(
    ("result", "told"),
    [
        pytest.param(
            {"failed": True, "msg": "Timed out after 3 second(s).", "timedout": {"frame": "x", "period": 3}},
            Failure("no answer within 3 s", late=True),
            id="no answer",
        ),
        pytest.param(
            {
                "failed": True,
                "msg": "MODULE FAILURE: See stdout",
                "module_stderr": f"Traceback:\n  File x\n{REFUSED}\n",
            },
            Failure(REFUSED, collision=True),
            id="died, before ansible-core 2.19",
        ),
        pytest.param(
            {"failed": True, "msg": f"Task failed: Module failed: {REFUSED}"},
            Failure(REFUSED, collision=True),
            id="died, since ansible-core 2.19",
        ),
        pytest.param({"failed": True, "msg": ENVELOPE}, Failure("The zone's limit"), id="a refusal in Google's words"),
        pytest.param(
            {"failed": True, "msg": "Unable to load credentials.", "module_stderr": ""},
            Failure("Unable to load credentials"),
            id="a message of the module's own",
        ),
        pytest.param(
            {"failed": True, "msg": "HTTPError: 4120 Client Errors"},
            Failure("HTTPError: 4120 Client Errors"),
            id="no 412",
        ),
        pytest.param(
            {"failed": True, "msg": "HTTPError: 503 Server Error: Service Unavailable for url: https://x"},
            Failure("HTTPError: 503 Server Error: Service Unavailable for url: https://x", busy=True),
            id="busy",
        ),
        pytest.param({"failed": True}, Failure("no reason is known"), id="no word"),
    ],
)
def test_one_sentence(result: dict[str, Any], told: Failure) -> None:
    assert failure(result, 3) == told
