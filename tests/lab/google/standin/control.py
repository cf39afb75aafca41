# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The control endpoint ``https://google.lab.test/control/...``: tests look into the stand-in, and turn its screws.

All bodies are JSON. A path that is not listed in ``Control.PATHS`` is 404, a value that makes no sense 400.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from standin import iap_resources, jose, requests_log, validate
from standin.apis import certificatemanager, compute, container
from standin.errors import GoogleError, invalid
from standin.http import Reply, Request, json_reply
from standin.server import Standin

TOKEN_URI = "https://oauth2.googleapis.com/token"
CLOUD_SCOPE, EMAIL_SCOPE = (f"https://www.googleapis.com/auth/{name}" for name in ("cloud-platform", "userinfo.email"))


def add_account(standin: Standin, email: str, project: str, roles: list[str]) -> dict[str, Any]:
    """Make a service account with roles on its project; returns its key file's content."""
    world = standin.world
    owner = world.project(project)
    private = jose.new_rsa()
    kid = f"lab-{world.new_id()}"
    world.accounts[email] = {
        "email": email,
        "project": owner["id"],
        "uniqueId": world.new_id(),
        "keys": {kid: jose.public_pem(private)},
        "private": private,
    }
    owner["grants"][f"serviceAccount:{email}"] = roles
    return {
        "type": "service_account",
        "project_id": owner["id"],
        "private_key_id": kid,
        "private_key": private,
        "client_email": email,
        "client_id": world.accounts[email]["uniqueId"],
        "auth_uri": "https://accounts.google.com/o/oauth2/auth",
        "token_uri": TOKEN_URI,
        "auth_provider_x509_cert_url": "https://www.googleapis.com/oauth2/v1/certs",
        "client_x509_cert_url": f"https://www.googleapis.com/robot/v1/metadata/x509/{email}",
        "universe_domain": "googleapis.com",
    }


class Control:
    """Reads and changes of the stand-in itself; none of it is logged as a request."""

    def __init__(self, standin: Standin) -> None:
        self.standin = standin
        self.more: dict[tuple[str, str], Callable[[dict[str, Any]], Any]] = {}  # the door's and the controller's own

    def __call__(self, request: Request) -> Reply:
        path = request.path.removeprefix("/control/").strip("/")
        acts = {**self.PATHS, **self.more}
        try:
            given = dict(request.query) if request.verb == "GET" else json.loads(request.body or b"{}")
            if not isinstance(given, dict):
                raise invalid("The body is no object.")
            act = acts.get((request.verb, path))
            if act is None:
                raise GoogleError(404, f"no {request.verb} {path}; there is {', '.join(' '.join(one) for one in acts)}")
            answer = act(given) if (request.verb, path) in self.more else act(self, given)  # type: ignore[call-arg]
        except (KeyError, TypeError, ValueError) as error:
            return json_reply({"error": f"{type(error).__name__}: {error}"}, 400)
        except GoogleError as error:
            return json_reply({"error": error.message}, error.code)
        if request.verb != "GET":
            self.standin.changed.set()
        return json_reply({} if answer is None else answer)

    # ---- looking ---------------------------------------------------------------------------------------------------
    def health(self, _given: dict[str, Any]) -> Any:
        return {"status": "ok", "requests": self.standin.log.number}

    def _wish(self, given: dict[str, Any]) -> tuple[int, dict[str, str]]:
        wish = {name: given[name] for name in ("project", "caller", "method") if name in given}
        unknown = set(given) - set(wish) - {"since"}
        if unknown:
            raise invalid(f"unknown: {', '.join(sorted(unknown))}")
        return int(given.get("since") or 0), wish

    def requests(self, given: dict[str, Any]) -> Any:
        """Requests after ``since``, of one ``project``, ``caller`` or ``method``."""
        since, wish = self._wish(given)
        return {
            "last": self.standin.log.number,
            "requests": [requests_log.shown(one) for one in self.standin.log.select(since, **wish)],
        }

    def counts(self, given: dict[str, Any]) -> Any:
        """How often each method was called, in all and as writes."""
        since, wish = self._wish(given)
        found = self.standin.log.select(since, **wish)
        return {
            "last": self.standin.log.number,
            "calls": requests_log.counts(found),
            "writes": requests_log.counts(one for one in found if one.writes),
        }

    def violations(self, given: dict[str, Any]) -> Any:
        since, wish = self._wish(given)
        return {"last": self.standin.log.number, "violations": self.standin.log.broken(since, **wish)}

    def policy(self, given: dict[str, Any]) -> Any:
        """The newest policy of a resource, its canonical name, and every version it had."""
        world = self.standin.world
        resource = iap_resources.parse(given["resource"])
        if resource is None:
            raise invalid(f"{given['resource']} is no IAP resource")
        project, service = world.project(resource.project), ""
        if resource.kind == "service":
            where = f"regions/{resource.region}" if resource.region else "global"
            found = compute.existing(world, f"projects/{project['id']}/{where}", "backendServices", resource.service)
            service = found["id"]
        name = iap_resources.key(resource, project["number"], service)
        history = world.history(name)
        return {"resource": name, "policy": history.read(world.now(), 3), "versions": history.versions}

    def world(self, _given: dict[str, Any]) -> Any:
        """Everything, keys of service accounts apart."""
        data = self.standin.world.to_json()
        data["accounts"] = {
            email: {key: value for key, value in one.items() if key != "private"}
            for email, one in data["accounts"].items()
        }
        return data

    def review(self, given: dict[str, Any]) -> Any:
        """What a GKE cluster's API server asks: whose access token this is (TokenReview of authentication.k8s.io/v1).

        Without the e-mail scope the cluster learns the account's number only, so that no role binding by address fits.
        """
        found, status = self.standin.tokens.owner(given["spec"]["token"]), {"authenticated": False}
        if found and CLOUD_SCOPE in (found.scopes or ()):
            known = EMAIL_SCOPE in (found.scopes or ())
            name = found.email if known else self.standin.world.accounts[found.email]["uniqueId"]
            status = {"authenticated": True, "user": {"username": name, "groups": []}}
        return {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "status": status}

    # ---- changing --------------------------------------------------------------------------------------------------
    def settings(self, given: dict[str, Any]) -> Any:
        self.standin.world.settings.change(given)
        return vars(self.standin.world.settings)

    def faults(self, given: dict[str, Any]) -> Any:
        """Replace the rules of faults.py: ``{"rules": [...]}``."""
        self.standin.faults.set(given["rules"])

    def expire(self, _given: dict[str, Any]) -> Any:
        """End every access token."""
        self.standin.tokens.revoke_all()

    def project(self, given: dict[str, Any]) -> Any:
        """Make a project, or change one: ``id`` and what differs from a healthy one (``parent``, ``services``...)."""
        world, name = self.standin.world, given["id"]
        more = {key: value for key, value in given.items() if key != "id"}
        if name not in world.projects:
            return world.add_project(name, **more)
        unknown = set(more) - {"parent", "services", "grants", "pool"}
        if unknown:
            raise invalid(f"A project has no {', '.join(sorted(unknown))}.")
        world.projects[name] |= more
        return world.projects[name]

    def account(self, given: dict[str, Any]) -> Any:
        """Make a service account; answers with its key file."""
        return add_account(self.standin, given["email"], given["project"], given.get("roles", ["roles/owner"]))

    def delete_account(self, given: dict[str, Any]) -> Any:
        """An account is deleted: its tokens end, its bindings read ``deleted:...?uid=`` from now on."""
        world, member = self.standin.world, given["member"]
        email = member.partition(":")[2]
        if email in world.accounts:
            world.accounts[email]["deleted"] = True
        uid = world.accounts.get(email, {}).get("uniqueId") or world.new_id()
        for history in world.policies.values():
            _written, bindings, version = history.versions[-1]
            renamed = [
                {**one, "members": [f"deleted:{m}?uid={uid}" if m == member else m for m in one["members"]]}
                for one in bindings
            ]
            if renamed != bindings:
                history.versions.append((world.now(), renamed, version))

    def missing(self, given: dict[str, Any]) -> Any:
        """Accounts IAM shall not know: ``{"emails": [...]}`` replaces the list."""
        self.standin.world.missing = [str(one).lower() for one in given["emails"]]

    def aliases(self, given: dict[str, Any]) -> Any:
        """Members IAM shall store as others: ``{"aliases": {"user:a@alias": "user:a@primary"}}`` replaces them."""
        self.standin.world.aliases = {str(one).lower(): str(given["aliases"][one]) for one in given["aliases"]}

    def person(self, given: dict[str, Any]) -> Any:
        """Somebody with a browser: ``email``, ``password``, ``groups``."""
        person = {"password": str(given.get("password", "")), "groups": list(given.get("groups", []))}
        self.standin.world.people[given["email"].lower()] = person

    def cluster(self, given: dict[str, Any]) -> Any:
        """Make or change a cluster: ``project``, ``location``, ``name`` and ``patch`` (merged into a healthy one)."""
        world = self.standin.world
        project = world.project(given["project"])["id"]
        name = f"projects/{project}/locations/{given['location']}/clusters/{given['name']}"
        base = world.clusters.get(name) or container.healthy(project, given["location"], given["name"])
        merged = compute.merge(base, given.get("patch", {}))
        schemas = self.standin.catalogue.api("container.v1").schemas
        problems = validate.check({"$ref": "Cluster"}, merged, schemas, reply=True)
        if problems:
            raise invalid("; ".join(text for _where, text in problems))
        world.clusters[name] = merged
        return merged

    def resource(self, given: dict[str, Any]) -> Any:
        """Put a compute resource there as Google would: ``where`` (``projects/P/global``), ``collection``, ``body``."""
        return compute.create(self.standin.world, given["where"], given["collection"], given["body"])

    def resource_patch(self, given: dict[str, Any]) -> Any:
        """Change a compute resource, output-only fields too: ``where``, ``collection``, ``name``, ``patch``."""
        world = self.standin.world
        found = compute.existing(world, given["where"], given["collection"], given["name"])
        merged = compute.merge(found, given["patch"])
        compute.table(world, given["where"], given["collection"])[found["name"]] = merged
        return merged

    def resource_delete(self, given: dict[str, Any]) -> Any:
        """Take a compute resource away, whoever uses it: ``where``, ``collection``, ``name``."""
        world = self.standin.world
        found = compute.existing(world, given["where"], given["collection"], given["name"])
        del compute.table(world, given["where"], given["collection"])[found["name"]]

    def certificate(self, given: dict[str, Any]) -> Any:
        """What a certificate of Certificate Manager shows: ``name`` in full, ``managed``; without it, a look is due."""
        certificatemanager.order(self.standin.world, given["name"], given.get("managed"))

    PATHS: dict[tuple[str, str], Callable[..., Any]] = {
        ("GET", "health"): health,
        ("GET", "requests"): requests,
        ("GET", "counts"): counts,
        ("GET", "violations"): violations,
        ("GET", "policy"): policy,
        ("GET", "world"): world,
        ("POST", "tokens/review"): review,
        ("POST", "settings"): settings,
        ("POST", "faults"): faults,
        ("POST", "tokens/expire"): expire,
        ("POST", "projects"): project,
        ("POST", "accounts"): account,
        ("POST", "accounts/delete"): delete_account,
        ("POST", "accounts/missing"): missing,
        ("POST", "accounts/aliases"): aliases,
        ("POST", "people"): person,
        ("POST", "clusters"): cluster,
        ("POST", "certificatemanager"): certificate,
        ("POST", "compute"): resource,
        ("POST", "compute/patch"): resource_patch,
        ("POST", "compute/delete"): resource_delete,
    }
