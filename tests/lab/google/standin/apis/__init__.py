# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One file per API; ``HANDLERS`` says which methods the stand-in answers, by discovery document and method id."""

from __future__ import annotations

from collections.abc import Mapping

from standin.apis import (
    certificatemanager,
    cloudresourcemanager,
    compute,
    container,
    dns,
    iamcredentials,
    iap,
    serviceusage,
    siteverification,
)
from standin.call import Handler

HANDLERS: Mapping[str, Mapping[str, Handler]] = {
    "certificatemanager.v1": certificatemanager.METHODS,
    "cloudresourcemanager.v1": cloudresourcemanager.V1,
    "cloudresourcemanager.v3": cloudresourcemanager.V3,
    "compute.v1": compute.METHODS,
    "container.v1": container.METHODS,
    "dns.v1": dns.METHODS,
    "iamcredentials.v1": iamcredentials.METHODS,
    "iap.v1": iap.METHODS,
    "serviceusage.v1": serviceusage.METHODS,
    "siteVerification.v1": siteverification.METHODS,
}
