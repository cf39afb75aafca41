# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Print certificate maps as Google's own client sees them; JSON. Usage: read_parts.py KEY_FILE PROJECT."""

import json
import sys

from google.oauth2 import service_account
from googleapiclient import discovery

key = service_account.Credentials.from_service_account_file(
    sys.argv[1], scopes=["https://www.googleapis.com/auth/cloud-platform"]
)
found = discovery.build("certificatemanager", "v1", credentials=key, static_discovery=True, num_retries=0)
place = found.projects().locations()
parent = f"projects/{sys.argv[2]}/locations/global"
maps = place.certificateMaps().list(parent=parent).execute().get("certificateMaps", [])
entries = place.certificateMaps().certificateMapEntries()
parts = {
    "authorizations": place.dnsAuthorizations().list(parent=parent).execute().get("dnsAuthorizations", []),
    "certificates": place.certificates().list(parent=parent).execute().get("certificates", []),
    "maps": maps,
    "entries": [
        entry for one in maps for entry in entries.list(parent=one["name"]).execute().get("certificateMapEntries", [])
    ],
}
print(json.dumps(parts))
