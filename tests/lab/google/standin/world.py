# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything the stand-in remembers, as plain data: it can be written to one JSON file and read back."""

from __future__ import annotations

import dataclasses
import fnmatch
import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from standin import errors
from standin.iap_policy import History

SERVICES = (
    "certificatemanager.googleapis.com",
    "cloudresourcemanager.googleapis.com",
    "compute.googleapis.com",
    "container.googleapis.com",
    "dns.googleapis.com",
    "iamcredentials.googleapis.com",
    "iap.googleapis.com",
    "serviceusage.googleapis.com",
    "siteverification.googleapis.com",
)
# Project roles the stand-in knows, and the permissions each gives (shell patterns).
ROLES: dict[str, tuple[str, ...]] = {
    "roles/owner": ("*",),
    "roles/viewer": ("*.get", "*.list", "*.getIamPolicy"),
    "roles/certificatemanager.owner": ("certificatemanager.*",),
    "roles/iap.admin": ("iap.*",),
    "roles/compute.viewer": ("compute.*.get", "compute.*.list", "compute.*.aggregatedList"),
    "roles/compute.networkAdmin": ("compute.*",),
    "roles/container.viewer": ("container.*.get", "container.*.list"),
    "roles/dns.admin": ("dns.*",),
    "roles/iam.serviceAccountTokenCreator": ("iam.serviceAccounts.*",),
    "roles/serviceusage.serviceUsageAdmin": ("serviceusage.*",),
    "roles/serviceusage.serviceUsageConsumer": ("serviceusage.services.get", "serviceusage.services.list"),
    "roles/browser": ("resourcemanager.projects.get",),
}


@dataclass
class Settings:
    """What tests switch (control endpoint ``/control/settings``); times in seconds."""

    token_seconds: float = 3600.0  # life of an access token
    iap_read_delay: float = 0.0  # getIamPolicy shows a write only after this long
    iap_enforce_delay: float = 0.0  # the door and testIamPermissions follow a write only after this long
    operation_seconds: float = 0.0  # operations of compute and Certificate Manager go on this long
    certificate_seconds: float = 1.0  # from a right set-up to Active
    certificate_retry_seconds: float = 3600.0  # a failed certificate is looked at again after this long
    certificate_cleanup_seconds: float = 1.0  # from a deleted ManagedCertificate to a deleted compute certificate
    keep_bodies: bool = False  # the request log keeps bodies of requests and replies

    def change(self, values: dict[str, Any]) -> None:
        """Set the named values. Raises GoogleError for a name there is not or a value of another type."""
        known = {one.name: type(getattr(self, one.name)) for one in dataclasses.fields(self)}
        for name, value in values.items():
            if name not in known:
                raise errors.invalid(f"There is no setting {name}; there are {', '.join(known)}.")
            if isinstance(value, bool) is not (known[name] is bool) or not isinstance(value, bool | int | float):
                raise errors.invalid(f"Setting {name} cannot be {value!r}.")
        for name, value in values.items():
            setattr(self, name, known[name](value))


@dataclass
class World:
    """All state but the open access tokens. Projects by id, accounts by e-mail, compute by collection and name."""

    projects: dict[str, dict[str, Any]] = field(default_factory=dict)
    accounts: dict[str, dict[str, Any]] = field(default_factory=dict)
    people: dict[str, dict[str, Any]] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    aliases: dict[str, str] = field(default_factory=dict)  # members that IAM stores under their primary address
    policies: dict[str, History] = field(default_factory=dict)
    iap_settings: dict[str, dict[str, Any]] = field(default_factory=dict)
    dest_groups: dict[str, dict[str, Any]] = field(default_factory=dict)
    compute: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    operations: dict[str, dict[str, Any]] = field(default_factory=dict)
    zones: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    changes: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    soas: dict[str, str] = field(default_factory=dict)  # of managed zones by id, where a client has changed it
    sites: dict[str, dict[str, Any]] = field(default_factory=dict)
    clusters: dict[str, dict[str, Any]] = field(default_factory=dict)
    certificate_manager: dict[str, dict[str, Any]] = field(default_factory=dict)  # parts of maps by their whole names
    scripts: list[dict[str, Any]] = field(default_factory=list)  # lives of certificates that tests wrote down
    managed: dict[str, dict[str, Any]] = field(default_factory=dict)  # ManagedCertificates by UID
    owned: dict[str, str] = field(default_factory=dict)  # compute resources the controller made: link -> for what
    health: dict[str, list[dict[str, Any]]] = field(default_factory=dict)  # endpoints by backend service's link
    settings: Settings = field(default_factory=Settings)
    counter: int = 0
    clock: Callable[[], float] = time.time

    # ---- names and numbers -----------------------------------------------------------------------------------
    def now(self) -> float:
        """Seconds since 1970."""
        return self.clock()

    def stamp(self, moment: float | None = None) -> str:
        """A moment (now) as Google writes times."""
        at = datetime.fromtimestamp(self.now() if moment is None else moment, UTC)
        return at.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"

    def new_id(self) -> str:
        """A number nobody had before, as long as Google's."""
        self.counter += 1
        spread = int.from_bytes(hashlib.sha256(str(self.counter).encode()).digest()[:4], "big")
        return str(4_000_000_000_000_000_000 + self.counter * 10_000_000_000 + spread)

    def project(self, name: str) -> dict[str, Any]:
        """A project by id or number. Raises GoogleError."""
        found = self.projects.get(name) or next((one for one in self.projects.values() if one["number"] == name), None)
        if found is None:
            raise errors.denied(
                "resourcemanager.projects.get", f"projects/{name}"
            )  # Google does not tell the two apart
        return found

    def add_project(self, name: str, **more: Any) -> dict[str, Any]:
        """Make a project; what is not given is as in a healthy one below an organisation."""
        if name in self.projects:
            raise errors.GoogleError(409, f"Project {name} exists")
        number = str(100_000_000_000 + int(hashlib.sha256(name.encode()).hexdigest()[:8], 16))
        made: dict[str, Any] = {
            "id": name,
            "number": number,
            "parent": {"type": "organization", "id": "433637338589"},
            "services": list(SERVICES),
            "grants": {},
            "pool": [],
        }
        unknown = set(more) - set(made)
        if unknown:
            raise errors.invalid(f"A project has no {', '.join(sorted(unknown))}.")
        self.projects[name] = {**made, **more}
        return self.projects[name]

    # ---- rights ------------------------------------------------------------------------------------------------
    def grants(self, email: str, project: dict[str, Any]) -> list[str]:
        """The roles an account has on a project."""
        return list(project["grants"].get(f"serviceAccount:{email}", ())) + list(
            project["grants"].get(f"user:{email}", ())
        )

    def allowed(self, email: str, permission: str, project: dict[str, Any]) -> bool:
        """Whether an account has a permission by its roles on the project."""
        return any(
            fnmatch.fnmatchcase(permission, pattern)
            for role in self.grants(email, project)
            for pattern in ROLES.get(role, ())
        )

    def exists(self, member: str) -> bool:
        """Whether IAM knows the account of a member: all do but those tests named as missing."""
        return member.partition(":")[2] not in self.missing

    def history(self, name: str) -> History:
        """The policy of an IAP resource (canonical name)."""
        return self.policies.setdefault(name, History())

    # ---- to and from a file --------------------------------------------------------------------------------------
    def to_json(self) -> dict[str, Any]:
        """All of it but the clock, as plain data."""
        data = {one.name: getattr(self, one.name) for one in dataclasses.fields(self) if one.name != "clock"}
        data["settings"] = dataclasses.asdict(self.settings)
        data["policies"] = {name: [one.offset, one.versions] for name, one in self.policies.items()}
        return data

    @classmethod
    def from_json(cls, data: dict[str, Any], clock: Callable[[], float] = time.time) -> World:
        """The inverse of ``to_json``."""
        values = dict(data)
        values["settings"] = Settings(**values["settings"])
        values["policies"] = {
            name: History([(float(at), bindings, version) for at, bindings, version in versions], offset)
            for name, (offset, versions) in values["policies"].items()
        }
        return cls(**values, clock=clock)

    def save(self, path: Path) -> None:
        """Write it whole; a reader sees old or new."""
        fresh = path.with_name(path.name + ".new")
        fresh.touch(mode=0o600)
        fresh.write_text(json.dumps(self.to_json(), separators=(",", ":")), encoding="utf-8")
        fresh.rename(path)
