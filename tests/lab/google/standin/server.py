# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From an HTTP request to a method of an API and back: routing, authentication, validation both ways, log, faults."""

from __future__ import annotations

import asyncio
import inspect
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from standin import errors, jose, mask, validate
from standin.apis import HANDLERS
from standin.call import Call, Handler
from standin.discovery import Api, Catalogue, Method
from standin.errors import GoogleError
from standin.faults import Fault, Faults
from standin.http import Reply, Request, header, json_reply
from standin.requests_log import Entry, Log
from standin.tokens import Principal, Refused, Tokens
from standin.world import World
from standin.zones import Records

# Host and the beginning of the path, longest first -> the document with the methods. www.googleapis.com has several.
ROUTES: tuple[tuple[str, str, str], ...] = (
    ("iap.googleapis.com", "/v1/", "iap.v1"),
    ("compute.googleapis.com", "/compute/v1/", "compute.v1"),
    ("www.googleapis.com", "/compute/v1/", "compute.v1"),
    ("dns.googleapis.com", "/dns/v1/", "dns.v1"),
    ("www.googleapis.com", "/dns/v1/", "dns.v1"),
    ("www.googleapis.com", "/siteVerification/v1/", "siteVerification.v1"),
    ("siteverification.googleapis.com", "/siteVerification/v1/", "siteVerification.v1"),
    ("certificatemanager.googleapis.com", "/v1/", "certificatemanager.v1"),
    ("container.googleapis.com", "/v1/", "container.v1"),
    ("serviceusage.googleapis.com", "/v1/", "serviceusage.v1"),
    ("cloudresourcemanager.googleapis.com", "/v1/", "cloudresourcemanager.v1"),
    ("cloudresourcemanager.googleapis.com", "/v3/", "cloudresourcemanager.v3"),
    ("iamcredentials.googleapis.com", "/v1/", "iamcredentials.v1"),
)
SERVICE_OF = {name.split(".")[0]: name.split(".")[0].lower() + ".googleapis.com" for name in HANDLERS}

Control = Callable[[Request], Any]


class Standin:
    """The whole of Google, one object. ``handle`` answers one request."""

    def __init__(self, world: World, records: Records, documents: Path, keys: Mapping[str, str]) -> None:
        self.world, self.records = world, records
        self.catalogue = Catalogue(documents)
        self.google_key, self.iap_key = jose.private(keys["google"]), jose.private(keys["iap"])
        self.tokens = Tokens(world, self.google_key, "lab-google-1")
        self.log, self.faults = Log(), Faults()
        self.dns_lock = asyncio.Lock()
        self.control: Control | None = None
        self.sign_in: Control | None = None  # the door's page at accounts.google.com
        self.changed = asyncio.Event()  # set after every write: saving and the cluster's controller wait for it

    # ---- one request ---------------------------------------------------------------------------------------------
    async def handle(self, request: Request) -> Reply:
        """Answer one request of whatever kind."""
        if request.path.startswith("/control/") and self.control:
            found = self.control(request)
            return await found if inspect.isawaitable(found) else found
        if request.host == "accounts.google.com" and self.sign_in:
            found = self.sign_in(request)
            return await found if inspect.isawaitable(found) else found
        entry = self.log.begin(self.world.now(), request.verb, request.host, request.path)
        try:
            reply = await self._answer(request, entry)
        except GoogleError as error:
            if error.violation:
                self.log.violation(entry, str(error))
            reply = json_reply(error.body(entry.method.split(".")[0]), error.code)
        entry.status = reply.status
        return reply

    async def _answer(self, request: Request, entry: Entry) -> Reply:
        if request.host == "oauth2.googleapis.com" and request.path == "/token":
            entry.method = "token"
            return await self._with_fault(entry, lambda: self._token(request, entry))
        keys = self._keys(request)
        if keys is not None:
            entry.method = "keys"
            return await self._with_fault(entry, lambda: _ready(json_reply(keys)))
        api, method, values = self._route(request)
        entry.method = method.id
        entry.project = _project_of(values)
        return await self._with_fault(entry, lambda: self._method(request, entry, api, method, values))

    async def _with_fault(self, entry: Entry, act: Callable[[], Any]) -> Reply:
        """Carry out a request unless a fault says otherwise."""
        fault = self.faults.choose(entry.method) or Fault()
        entry.fault = str(fault)
        if fault.latency:
            await asyncio.sleep(fault.latency)
        if fault.reset == "before":
            return Reply(0, reset=True)
        if fault.status and not fault.after:
            return _injected(fault, entry)
        reply: Reply = await act()
        if fault.reset == "after":
            return Reply(reply.status, reset=True)
        if fault.status:
            return _injected(fault, entry)
        reply.truncate = fault.truncate
        return reply

    async def _token(self, request: Request, entry: Entry) -> Reply:
        form = dict(parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True))
        try:
            answer = self.tokens.exchange(form)
        except Refused as error:
            return json_reply({"error": error.error, "error_description": error.text}, 400)
        entry.caller = _issuer(form.get("assertion", ""))
        return json_reply(answer)

    def _keys(self, request: Request) -> Any:
        """The public keys others check signatures with."""
        where = (request.host, request.path)
        if where == ("www.gstatic.com", "/iap/verify/public_key-jwk"):
            return {"keys": [jose.jwk(self.iap_key, "lab-iap-1")]}
        if where == ("www.googleapis.com", "/oauth2/v3/certs"):
            return {"keys": [jose.jwk(self.google_key, "lab-google-1")]}
        return None

    def _route(self, request: Request) -> tuple[Api, Method, dict[str, str]]:
        for host, prefix, document in ROUTES:
            if request.host == host and request.path.startswith(prefix):
                api = self.catalogue.api(document)
                found = api.find(request.verb, request.path[1 + len(api.base) :])
                if found:
                    return api, found[0], found[1]
        raise GoogleError(404, f"{request.verb} {request.host}{request.path} is no method of Google's.", violation=True)

    # ---- one method ------------------------------------------------------------------------------------------------
    async def _method(self, request: Request, entry: Entry, api: Api, method: Method, values: dict[str, str]) -> Reply:
        principal = self.tokens.principal(header(request.headers, "authorization"), request.host)
        entry.caller = principal.email
        handler = HANDLERS[api.document].get(method.id)
        if handler is None or not method.answered:
            raise GoogleError(501, f"The stand-in does not answer {method.id}.", violation=True)
        entry.writes = handler.writes
        self._refuse_scopes(principal, method)
        self._refuse_disabled(api, handler, principal, entry)
        query = self._query(api, method, request, values)
        body = self._body(api, method, request)
        call = Call(self.world, self.records, self.tokens, principal.email, values, query, body, self.dns_lock)
        answer = handler.act(call)
        result: Any = await answer if inspect.isawaitable(answer) else answer
        if handler.writes:
            self.changed.set()
        self._refuse_reply(api, method, result, entry)
        if self.world.settings.keep_bodies:
            entry.request, entry.reply = body, json.loads(json.dumps(result))
        fields = query.get("fields") or query.get("$fields")
        return json_reply(mask.apply(mask.parse(fields), result) if fields and result else result)

    def _refuse_scopes(self, principal: Principal, method: Method) -> None:
        if principal.scopes is not None and principal.scopes.isdisjoint(method.scopes):
            raise GoogleError(
                403,
                "Request had insufficient authentication scopes.",
                reason="insufficientPermissions",
                details=[
                    {
                        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                        "reason": "ACCESS_TOKEN_SCOPE_INSUFFICIENT",
                        "domain": "googleapis.com",
                        "metadata": {"method": method.id},
                    }
                ],
            )

    def _refuse_disabled(self, api: Api, handler: Handler, principal: Principal, entry: Entry) -> None:
        """An API must be switched on in the project it is asked about, else in the caller's own."""
        name = entry.project or self.world.accounts[principal.email]["project"]
        service = SERVICE_OF[api.name]
        try:
            project = self.world.project(name)
        except GoogleError:
            return  # the handler says so in its own words
        if service not in project["services"] and not handler.shut_down and api.name != "serviceusage":
            raise errors.service_disabled(service, project["id"])

    def _query(self, api: Api, method: Method, request: Request, values: Mapping[str, str]) -> dict[str, str]:
        """The query's parameters, checked; values of a repeated one are joined by newlines."""
        given: dict[str, list[str]] = {}
        for name, value in request.query:
            given.setdefault(name, []).append(value)
        problems: list[validate.Problem] = []
        for name, texts in given.items():
            spec = method.parameters.get(name)
            if spec is not None and spec.get("location") == "query":
                problems += validate.parameter(name, spec, texts)
            elif name not in api.system:
                text = f'Invalid JSON payload received. Unknown name "{name}": Cannot bind query parameter.'
                problems.append((name, text))
        for name, spec in method.parameters.items():
            if name in values:
                problems += validate.parameter(name, spec, [values[name]])
            elif spec.get("required") and name not in given:
                problems.append((name, f"Required parameter: {name}"))
        if problems:
            raise errors.bad_fields(problems)
        return {name: "\n".join(texts) for name, texts in given.items()}

    def _body(self, api: Api, method: Method, request: Request) -> Any:
        """The body as JSON, checked against its schema."""
        if not request.body:
            return None
        if not method.request:
            if request.body.strip() in (b"", b"{}", b"null"):
                return None
            raise errors.bad_fields([("", f"{method.id} takes no body.")])
        kind = header(request.headers, "content-type").split(";")[0].strip().lower()
        if kind != "application/json":
            raise errors.bad_fields([("", f"Content-Type {kind or 'is missing'}, application/json is expected.")])
        try:
            body = json.loads(request.body)
        except ValueError as error:
            raise errors.bad_fields([("", f"Invalid JSON payload received. {error}")]) from error
        problems = validate.check({"$ref": method.request}, body, api.schemas, method=method.id)
        if problems:
            raise errors.bad_fields(problems)
        return validate.renamed({"$ref": method.request}, body, api.schemas)

    def _refuse_reply(self, api: Api, method: Method, result: Any, entry: Entry) -> None:
        """The stand-in's own answers must fit, too: a client could learn something that is not so."""
        if method.response:
            problems = validate.check({"$ref": method.response}, result, api.schemas, reply=True)
        else:
            problems = [] if result is None else [("", "this method answers nothing")]
        if problems:
            text = "; ".join(f"{where}: {what}" for where, what in problems)
            self.log.violation(entry, f"reply of the stand-in: {text}")
            raise GoogleError(500, f"The stand-in's reply to {method.id} does not fit: {text}")


async def _ready(reply: Reply) -> Reply:
    return reply


def _injected(fault: Fault, entry: Entry) -> Reply:
    error = GoogleError(fault.status, fault.message)
    return json_reply(error.body(entry.method.split(".")[0]), fault.status, list(fault.headers.items()))


def _project_of(values: Mapping[str, str]) -> str:
    """The project a path is about, as it is written there."""
    if values.get("project") or values.get("projectId"):
        return values.get("project") or values["projectId"]
    for value in values.values():
        parts = value.split("/")
        if parts[0] == "projects" and len(parts) > 1 and parts[1] != "-":
            return parts[1]
    return ""


def _issuer(assertion: str) -> str:
    try:
        return str(jose.split(assertion)[1].get("iss") or "")
    except ValueError:
        return ""
