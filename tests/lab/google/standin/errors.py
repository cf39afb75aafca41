# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Google's refusals: one exception, and the two shapes in which Google's services write it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

STATUSES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ALREADY_EXISTS",
    412: "FAILED_PRECONDITION",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
}
REASONS = {
    400: "badRequest",
    401: "authError",
    403: "forbidden",
    404: "notFound",
    409: "alreadyExists",
    412: "conditionNotMet",
    429: "rateLimitExceeded",
    500: "backendError",
    501: "notImplemented",
    503: "backendError",
}
# Services older than the common error model; they add a list of errors with reasons.
OLD_STYLE = frozenset({"compute", "dns", "siteVerification"})


@dataclass
class GoogleError(Exception):
    """A refusal. ``violation`` is true where the client broke the API's own contract: tests assert there is none."""

    code: int
    message: str
    status: str = ""
    reason: str = ""
    details: list[dict[str, Any]] = field(default_factory=list)
    violation: bool = False

    def __str__(self) -> str:
        return f"{self.code} {self.message}"

    def body(self, api: str = "") -> dict[str, Any]:
        """The JSON document for this API."""
        error: dict[str, Any] = {"code": self.code, "message": self.message}
        if api in OLD_STYLE:
            reason = self.reason or REASONS.get(self.code, "badRequest")
            error["errors"] = [{"message": self.message, "domain": "global", "reason": reason}]
            return {"error": error}
        error["status"] = self.status or STATUSES.get(self.code, "UNKNOWN")
        if self.details:
            error["details"] = self.details
        return {"error": error}


def invalid(message: str, *, violation: bool = False, **more: Any) -> GoogleError:
    """A request that cannot be right."""
    return GoogleError(400, message, violation=violation, **more)


def bad_fields(problems: list[tuple[str, str]]) -> GoogleError:
    """A request that does not fit the discovery document; (field, description) each."""
    found = [{"field": where, "description": text} for where, text in problems]
    detail = {"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": found}
    return GoogleError(400, "\n".join(text for _where, text in problems), details=[detail], violation=True)


def not_found(what: str) -> GoogleError:
    """The named thing does not exist."""
    return GoogleError(404, f"The resource '{what}' was not found")


def denied(permission: str, resource: str) -> GoogleError:
    """The caller lacks a permission."""
    return GoogleError(
        403,
        f"Permission '{permission}' denied on resource '{resource}' (or it may not exist).",
        details=[
            {
                "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                "reason": "IAM_PERMISSION_DENIED",
                "domain": "iam.googleapis.com",
                "metadata": {"permission": permission, "resource": resource},
            }
        ],
    )


def service_disabled(service: str, project: str) -> GoogleError:
    """The API is not switched on in the project."""
    return GoogleError(
        403,
        f"{service} has not been used in project {project} before or it is disabled.",
        reason="accessNotConfigured",
        details=[
            {
                "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                "reason": "SERVICE_DISABLED",
                "domain": "googleapis.com",
                "metadata": {"service": service, "consumer": f"projects/{project}"},
            }
        ],
    )
