# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""Who we are towards Google: google.cloud's options, on the google-auth library.

The library reads keys and signs; this file adds what it lacks: options that are judged before anything is sent, a
bounded exchange for every token, one error per cause, and secrets that are known to the redactor before they travel.
"""

from __future__ import annotations

import json
import os
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from .._core.clock import ServerTime, SystemClock
from .._core.errors import HubError
from .._core.transport import Answer, Http, HttpError
from .refusals import BUSY_STATUSES

CLOUD_PLATFORM = "https://www.googleapis.com/auth/cloud-platform"
"""The scope of everything but Site Verification."""
TOKEN_TIMEOUT = 30.0
"""Seconds for one exchange with a token endpoint; the library asks for less where it only probes."""
PASSING_STATUSES = BUSY_STATUSES | {0, 429}
"""Answers of a token endpoint after which it is worth asking again; 0 is none."""
_PASSING_CODE = re.compile(r"Error code (temporarily_unavailable|server_error)\b")
"""How the library tells what the Security Token Service says of itself (RFC 6749); it names no class for it."""

_BELONGS = {
    "service_account_file": "serviceaccount",
    "service_account_contents": "serviceaccount",
    "service_account_email": "machineaccount",
    "access_token": "accesstoken",
}
_RENEWING = {
    "application": "log in again (gcloud auth application-default login) or renew what "
    "GOOGLE_APPLICATION_CREDENTIALS names",
    "serviceaccount": "make a new key for the service account; check that the account is enabled and that this "
    "machine's clock is right",
    "accesstoken": "give a fresh access_token (gcloud auth print-access-token); it lives about an hour",
    "machineaccount": "give this machine a service account with the scope cloud-platform",
}


@dataclass(frozen=True)
class AuthOptions:
    """google.cloud's authentication options; an empty text is an option that was not given."""

    auth_kind: str = "application"
    service_account_file: str = ""
    service_account_contents: str = ""
    service_account_email: str = ""
    access_token: str = ""
    scopes: tuple[str, ...] = ()

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> AuthOptions:
        """Take them out of a module's options."""
        contents = options.get("service_account_contents") or ""
        return cls(
            auth_kind=options.get("auth_kind") or "application",
            service_account_file=options.get("service_account_file") or "",
            service_account_contents=contents if isinstance(contents, str) else json.dumps(contents),
            service_account_email=options.get("service_account_email") or "",
            access_token=(options.get("access_token") or "").strip(),  # a file that holds it ends with a line break
            scopes=tuple(options.get("scopes") or ()),
        )

    def problem(self) -> HubError | None:
        """The first thing about these options that cannot work together; looks at nothing but them."""
        for name, kind in _BELONGS.items():
            if getattr(self, name) and self.auth_kind != kind:
                return _misused(
                    f"{name} belongs to auth_kind {kind}, and auth_kind is {self.auth_kind}",
                    f"set auth_kind: {kind}, or leave {name} out (look at the environment variable "
                    f"GCP_{name.upper()} too)",
                )
        if self.service_account_file and self.service_account_contents:
            return _misused("service_account_file and service_account_contents are both given", "give one of them")
        if self.auth_kind == "serviceaccount" and not (self.service_account_file or self.service_account_contents):
            return _misused(
                "auth_kind serviceaccount needs a key and none is given",
                "set service_account_file (or GCP_SERVICE_ACCOUNT_FILE) or service_account_contents",
            )
        if self.auth_kind == "accesstoken" and not self.access_token:
            return _misused(
                "auth_kind accesstoken needs a token and none is given", "set access_token (or GCP_ACCESS_TOKEN)"
            )
        if not re.fullmatch("[!-~]*", self.access_token):
            return _misused(
                "access_token holds a space, a line break or a letter that no token has",
                "give the token alone (gcloud auth print-access-token)",
            )
        return None


class GcpAuth:
    """Tokens for Google's APIs; :meth:`validate` is offline, :meth:`token` may ask."""

    def __init__(
        self,
        options: AuthOptions,
        *,
        scopes: tuple[str, ...] = (CLOUD_PLATFORM,),
        learn: Callable[[str], None] | None = None,
        http: Any = None,
    ) -> None:
        """Remember how to log in; nothing is read and nothing is sent yet.

        Args:
            options: who to be.
            scopes: what to ask for where the options name no scopes.
            learn: gets every key and token, so that they can be masked.
            http: the exchange with token endpoints, for tests; by default an :class:`Http` of our own.
        """
        self._options = options
        self._scopes = list(options.scopes or scopes)
        self._learn = learn or (lambda _secret: None)
        self._request: Any = _TokenRequest(http)
        self._credentials: Any = None
        self._lock = threading.Lock()

    def validate(self) -> None:
        """Refuse what cannot work, without a network.

        Raises:
            HubError: E-GCP-01 for options that do not fit together, E-GCP-02 for a key that cannot be used.
        """
        problem = self._options.problem()
        if problem is not None:
            raise problem
        for secret in (self._options.access_token, self._options.service_account_contents):
            self._learn(secret)
        if self._options.auth_kind in ("serviceaccount", "accesstoken"):
            self._load()

    @property
    def email(self) -> str:
        """The e-mail of the service account we are; empty where the credentials do not tell."""
        found = getattr(self._load(), "service_account_email", "") or ""
        return found if "@" in found else ""

    @property
    def quota_project(self) -> str:
        """The project whose quota a person's own login uses; empty for service accounts."""
        return getattr(self._load(), "quota_project_id", None) or ""

    def token(self) -> str:
        """A token that is valid now.

        Raises:
            HubError: E-GCP-02 without usable credentials, E-GCP-03 refused, E-GCP-09 token endpoint not reached.
        """
        with self._lock:
            credentials = self._load()
            if not credentials.valid and self._options.auth_kind != "accesstoken":
                self._refresh(credentials)
            return str(credentials.token)

    def renew(self, used: str) -> str:
        """A new token after ``used`` was refused with 401, unless another thread has fetched one already.

        Raises:
            HubError: E-GCP-03 where there is nothing to renew it from.
        """
        with self._lock:
            credentials = self._load()
            if credentials.token == used:
                if self._options.auth_kind == "accesstoken":
                    raise self.refused("the access token is expired or not known (401)")
                self._refresh(credentials)
            return str(credentials.token)

    def refused(self, reason: str) -> HubError:
        """The error for credentials that Google does not accept."""
        kind = self._options.auth_kind
        what = f"Google does not accept the credentials (auth_kind {kind}): {reason}"
        return HubError(error_id="E-GCP-03", what=what, do=_RENEWING[kind], seen=self._request.server_time.remark())

    def _refresh(self, credentials: Any) -> None:
        from google.auth import exceptions

        self._request.status = None
        try:
            credentials.refresh(self._request)
        except exceptions.GoogleAuthError as problem:
            reason = _first_line(problem)
            raise (self._unanswered(reason) if self._may_pass(problem) else self.refused(reason)) from problem
        except (AttributeError, TypeError, ValueError) as problem:  # it takes all that comes with 200 for a token
            raise self._unanswered("what answers sends no token; a proxy on the way does such things") from problem
        except OSError as problem:  # the file in which a federated identity's own token stands
            raise _no_default(problem) from problem
        self._learn(str(credentials.token))

    def _may_pass(self, problem: Any) -> bool:
        """Whether no token came because nobody answered, or a busy server did; a refusal is final.

        The library's classes do not tell the two apart: it wraps an outage of the metadata server in a RefreshError,
        and what the Security Token Service says, whatever it is, in an OAuthError.
        """
        from google.auth import exceptions

        status = self._request.status
        if problem.retryable or status in PASSING_STATUSES or _PASSING_CODE.match(_first_line(problem)):
            return True
        lost = any(isinstance(one, exceptions.TransportError) for one in (problem, problem.__cause__))
        return lost and not 400 <= (status or 0) < 500  # 404 of the metadata server: this machine has no such account

    def _unanswered(self, reason: str) -> HubError:
        """The error for a token that may come a moment later."""
        asked, do = (
            "token endpoint",
            "check the network (proxy, firewall, name resolution) between this machine and Google, then run again",
        )
        if self._options.auth_kind == "machineaccount":
            asked = "metadata server"
            do = "check that this is a machine at Google and that it reaches metadata.google.internal, then run again"
        return HubError(error_id="E-GCP-09", what=f"Google's {asked} gives no usable answer: {reason}", do=do)

    def _load(self) -> Any:
        if self._credentials is None:
            self._credentials = self._read()
        return self._credentials

    def _read(self) -> Any:
        kind = self._options.auth_kind
        if kind == "serviceaccount":
            return self._service_account()
        if kind == "accesstoken":
            from google.oauth2 import credentials as oauth2

            return oauth2.Credentials(token=self._options.access_token)
        if kind == "machineaccount":
            from google.auth import compute_engine

            email = self._options.service_account_email or "default"
            return compute_engine.Credentials(service_account_email=email, scopes=self._scopes)
        return self._application()

    def _application(self) -> Any:
        import google.auth
        from google.auth import exceptions
        from google.auth.credentials import with_scopes_if_required

        self._request.metadata_busy = False
        try:
            # Without scopes: with them the library fetches a token of a federated identity here, to look up the name of
            # its project, which nobody needs; an outage would then look like credentials that are none.
            credentials, _project = google.auth.default(request=self._request)
            return with_scopes_if_required(credentials, self._scopes)
        except (exceptions.GoogleAuthError, OSError, ValueError) as problem:  # OSError: a file that may not be read
            if self._request.metadata_busy:
                raise self._unanswered("this machine's metadata server is busy") from problem
            raise _no_default(problem) from problem

    def _service_account(self) -> Any:
        from google.auth import exceptions
        from google.oauth2 import service_account

        origin, text = self._key_text()
        try:
            key = json.loads(text)
        except ValueError as problem:
            raise _unusable(origin, "it is no JSON") from problem
        if not isinstance(key, dict) or key.get("type") != "service_account":
            kind = key.get("type", "nothing") if isinstance(key, dict) else "nothing"
            raise _unusable(origin, f"it holds credentials of type {kind} instead of a service account's key")
        self._learn(str(key.get("private_key") or ""))
        try:
            return service_account.Credentials.from_service_account_info(key, scopes=self._scopes)
        except (ValueError, exceptions.GoogleAuthError) as problem:
            raise _unusable(origin, "its private key or a field beside it cannot be read") from problem

    def _key_text(self) -> tuple[str, str]:
        """Where the key comes from, in words, and the key."""
        if self._options.service_account_contents:
            return "service_account_contents", self._options.service_account_contents
        path = os.path.expanduser(self._options.service_account_file)
        try:
            with open(path, encoding="utf-8") as stream:
                return f"The key file {path}", stream.read()
        except (OSError, UnicodeDecodeError) as problem:
            raise _unusable(f"The key file {path}", getattr(problem, "strerror", None) or "it is no text") from problem


class _TokenRequest:
    """What google-auth calls for an exchange, answered by our own transport: bounded, and trusting the same CAs.

    Attributes:
        status: of the last answer; 0 where none came, None before the first exchange.
        metadata_busy: the metadata server itself, and no proxy in its place, said that it is busy.
        server_time: what is known of the servers' clock.
    """

    def __init__(self, http: Any = None) -> None:
        self._limit = TOKEN_TIMEOUT
        self._http = http
        self.status: int | None = None
        self.metadata_busy = False
        self.server_time = ServerTime(SystemClock())

    def __call__(
        self,
        url: str,
        method: str = "GET",
        body: bytes | str | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
        **_more: Any,
    ) -> _TokenReply:
        from google.auth import exceptions

        self._limit = min(float(timeout or TOKEN_TIMEOUT), TOKEN_TIMEOUT)
        if self._http is None:
            self._http = Http(seconds_left=lambda: self._limit)
        payload = body.encode() if isinstance(body, str) else body
        self.status = 0
        try:
            answer = self._http.request(method, url, headers=headers, body=payload)
        except HttpError as problem:
            raise exceptions.TransportError(problem.reason or problem.what) from problem
        self.status = answer.status
        if answer.headers.get("metadata-flavor") == "Google":
            self.metadata_busy = answer.status in PASSING_STATUSES
        self.server_time.hear(answer.headers)
        return _TokenReply(answer)


class _TokenReply:
    """An answer in the shape google-auth reads."""

    def __init__(self, answer: Answer) -> None:
        self.status = answer.status
        self.headers = answer.headers
        self.data = answer.body


def _misused(what: str, do: str) -> HubError:
    return HubError(error_id="E-GCP-01", what=f"The credentials for Google are not clear: {what}", do=do)


def _unusable(origin: str, reason: str) -> HubError:
    return HubError(
        error_id="E-GCP-02",
        what=f"{origin} cannot be used: {reason}",
        do="give the JSON key of a service account; for other kinds of credentials use auth_kind: application and "
        "the environment variable GOOGLE_APPLICATION_CREDENTIALS",
    )


def _no_default(problem: Exception) -> HubError:
    return HubError(
        error_id="E-GCP-02",
        what=f"No application default credentials can be used: {_first_line(problem)}",
        do="run: gcloud auth application-default login; or name a service account's key by "
        "GOOGLE_APPLICATION_CREDENTIALS or by auth_kind: serviceaccount and service_account_file; on a machine "
        "at Google whose metadata server is slow, set auth_kind: machineaccount",
    )


def _first_line(problem: Exception) -> str:
    """A library's reason, short: google-auth puts the whole reply behind it."""
    if problem.args and isinstance(problem.args[0], Exception):  # one that is wrapped
        return _first_line(problem.args[0])
    whole = isinstance(problem, OSError) or not problem.args  # an OSError begins with its number
    text = str(problem if whole else problem.args[0]).strip()
    return text.splitlines()[0].rstrip(".")[:300] if text else type(problem).__name__
