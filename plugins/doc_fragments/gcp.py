# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Options of every module that talks to Google's APIs; the specification beside them is GCP_OPTIONS and GCP_PROJECT in
module_utils/_shell.py. Names and environment variables are those of the collection google.cloud.
"""

from __future__ import annotations


class ModuleDocFragment:
    """Documentation fragment ``researchops.jupyterhub.gcp`` and its part ``project``."""

    DOCUMENTATION = r"""
options:
  auth_kind:
    description:
      - The kind of credentials. V(application) takes application default credentials, from C(gcloud auth
        application-default login), E(GOOGLE_APPLICATION_CREDENTIALS) or the machine; V(machineaccount) takes the
        machine's service account only.
      - The environment variable E(GCP_AUTH_KIND) is the fall-back.
    type: str
    choices: [application, serviceaccount, accesstoken, machineaccount]
    default: application
  service_account_file:
    description:
      - The JSON key file of a service account, for O(auth_kind=serviceaccount).
      - The environment variable E(GCP_SERVICE_ACCOUNT_FILE) is the fall-back.
    type: path
  service_account_contents:
    description:
      - The contents of that file, as a dictionary or as text, in place of it.
      - The environment variable E(GCP_SERVICE_ACCOUNT_CONTENTS) is the fall-back.
    type: jsonarg
  service_account_email:
    description:
      - The service account of the machine to use, for O(auth_kind=machineaccount); by default its only one.
      - The environment variable E(GCP_SERVICE_ACCOUNT_EMAIL) is the fall-back.
    type: str
  access_token:
    description:
      - An OAuth access token, for O(auth_kind=accesstoken). It cannot be renewed during a run.
      - The environment variable E(GCP_ACCESS_TOKEN) is the fall-back.
    type: str
  scopes:
    description:
      - The OAuth scopes to ask for; by default the ones this module needs.
      - The environment variable E(GCP_SCOPES) is the fall-back.
    type: list
    elements: str
notes:
  - An option that belongs to another O(auth_kind) than the one in force is refused, because one of the two is a slip.
  - When Google asks for patience (status 429 or C(Retry-After)), a request is sent again as late as asked, though at
    the latest after a minute. Such pauses may add 10 minutes to the 2 minutes in which an operation is tried again.
"""

    PROJECT = r"""
options:
  project:
    description:
      - The id of the Google Cloud project.
      - The environment variable E(GCP_PROJECT) is the fall-back.
    type: str
    required: true
"""
