# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kubernetes exec credential helper: a machine logs in and renews its token by itself.

Three kinds of login: at an OpenID provider (``oidc``), at Google for GKE (``gke``), at AWS for EKS (``eks``).

The kubeconfig that the role cluster_access writes names this file. kubectl, helm and every client library start it,
read one ExecCredential from standard output, and start it again when the token ends, also in the middle of a long play.

It runs wherever the kubeconfig is used. ``oidc`` needs Python's standard library only, ``gke`` google-auth and
requests, ``eks`` botocore; neither gcloud nor the aws command is needed. Secrets are read from files or found by those
libraries, never taken from the command line. A token is kept (mode 0600) until shortly before it ends, as long as the
files it was got by stay what they were, and a lock makes callers that start together fetch one token, not many. An
error is one line on standard error and exit code 1.

Protocols: OpenID Connect Discovery 1.0, RFC 6749 section 4.4 (client credentials), client.authentication.k8s.io/v1;
the token of EKS is the address of a GetCallerIdentity request, signed for 60 s and taken by EKS for 15 minutes.
"""

from __future__ import annotations

import argparse
import base64
import fcntl
import hashlib
import json
import os
import re
import stat
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC
from typing import Any, Protocol

MARGIN = 30.0
"""Seconds before its end at which a token is no longer handed out."""
REQUEST_TIMEOUT = 10.0
"""Seconds for one request to the provider: for its connection, between two bytes, and for the whole body."""
LOCK_TIMEOUT = 45.0
"""Seconds to wait for another process that is fetching the same token; google-auth's three tries take 33 at most."""
PAUSES = (0.0, 0.5, 1.5)
"""Seconds before each try; asking twice for a token is safe, the provider just issues two."""
MAX_REPLY = 1 << 20
"""Bytes read from a reply."""
DEFAULT_LIFETIME = 300.0
"""Seconds, when the provider does not say how long its token lives (RFC 6749 only recommends it)."""
GOOGLE_SCOPES = ("https://www.googleapis.com/auth/cloud-platform", "https://www.googleapis.com/auth/userinfo.email")
"""The second one lets GKE know a service account by its e-mail address, as role bindings name it."""
GOOGLE_BUSY = (0, 408, 429, 500, 502, 503, 504)
"""Answers after which it is worth asking Google again; 0 is none."""
GOOGLE_OUTAGE = re.compile(r"Error code (temporarily_unavailable|server_error)\b")
"""How google-auth tells that the Security Token Service says so of itself (RFC 6749)."""
REFUSED = "RESEARCHOPS_REFUSED_TOKEN"
"""Where a client says which token the server did not take: its fingerprint."""
GOOGLE_VARIABLES = ("GOOGLE_APPLICATION_CREDENTIALS", "CLOUDSDK_CONFIG")
AWS_VARIABLES = (
    "AWS_ACCESS_KEY_ID",
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_ROLE_ARN",
    "AWS_CONFIG_FILE",
    "AWS_SHARED_CREDENTIALS_FILE",
)
"""What in the environment decides who we are: another value, another cached token."""
EKS_SIGNED = 60
"""Seconds for which the request is signed; EKS wants at most that."""
EKS_LIFETIME = 14 * 60.0
"""Seconds; EKS takes a token for 15 minutes, and clocks differ."""


class Login(Protocol):
    """One way to a token."""

    def key(self) -> str:
        """The name of the cached token: logins of one key share it."""

    def stamp(self) -> str:
        """The state of the files that say who we are: another stamp, another token."""

    def fetch(self, now: Callable[[], float]) -> Token:
        """A new token.

        Raises:
            Problem: what a person has to know.
        """


class Problem(Exception):
    """What a person has to know, already in the collection's form."""

    def __init__(self, error_id: str, what: str, do: str) -> None:
        super().__init__(" ".join(f"{error_id} {what}. Nothing was changed. Do: {do}.".split()))


@dataclass(frozen=True)
class Oidc:
    """A login at an OpenID provider by client credentials: what one token depends on."""

    issuer: str
    client_id: str
    secret_file: str
    audience: str = ""
    scope: str = ""
    ca_file: str = ""
    token: str = "access_token"

    def key(self) -> str:
        """The name of the cached token. One URL behind two CAs is two issuers: neither knows the other's tokens."""
        return digest(
            self.issuer, self.client_id, self.secret_file, self.audience, self.scope, self.token, self.ca_file
        )

    def stamp(self) -> str:
        """The state of the secret's file."""
        return stamp_of(self.secret_file)

    def fetch(self, now: Callable[[], float]) -> Token:
        """A new token from the provider."""
        return login(Provider(self.ca_file), self, now)


@dataclass(frozen=True)
class Token:
    """A bearer token and its end (seconds since the epoch).

    Attributes:
        value: the token.
        ends: its end.
        margin: seconds before that at which it is no longer handed out.
        stamp: of the login that it was got by.
    """

    value: str
    ends: float
    margin: float = MARGIN
    stamp: str = ""

    def usable(self, now: float) -> bool:
        """Whether it may still be handed out."""
        return bool(self.value) and now < self.ends - self.margin


def digest(*parts: str) -> str:
    """A name made of texts."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:20]


def fingerprint(token: str) -> str:
    """What tells a token from others without giving it away."""
    return hashlib.sha256(token.encode()).hexdigest()


def stamp_of(*paths: str) -> str:
    """The state of files without their contents; a file that is replaced or written anew has another one."""
    return " ".join(_state(os.path.expanduser(path)) for path in paths)


def _state(path: str) -> str:
    try:
        facts = os.stat(path)
    except OSError:
        return "none"
    return f"{facts.st_ino}-{facts.st_mtime_ns}-{facts.st_size}"


def read_secret(path: str) -> str:
    """The client secret; refused when the group or others may read its file.

    Raises:
        Problem: E-ACCESS-13.
    """
    do = "write the client secret into that file, one line, mode 0600, owned by the user who runs the play"
    try:
        with open(path, encoding="utf-8") as stream:
            mode = stat.S_IMODE(os.fstat(stream.fileno()).st_mode)
            secret = stream.read(65536).strip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise Problem("E-ACCESS-13", f"The client secret file {path} cannot be read: {reason}", do) from error
    if mode & 0o077:
        raise Problem(
            "E-ACCESS-13", f"The client secret file {path} is open to others (mode {mode:04o})", f"chmod 600 {path}"
        )
    if not secret:
        raise Problem("E-ACCESS-13", f"The client secret file {path} is empty", do)
    return secret


class Provider:
    """The OpenID provider, over HTTPS only; redirects are not followed, so the secret stays where it belongs."""

    def __init__(self, ca_file: str, sleep: Callable[[float], None] = time.sleep) -> None:
        self._ca_file = ca_file
        self._sleep = sleep
        self._opener: Any = None

    def fetch(
        self, url: str, data: bytes | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, Any]]:
        """One JSON reply and its status; tried again only when nothing came back or the provider says 5xx.

        Raises:
            Problem: E-ACCESS-11 when the provider cannot be reached.
        """
        import http.client

        reason = ""
        for pause in PAUSES:
            self._sleep(pause)
            try:
                status, body = self._ask(url, data, headers or {})
            except (OSError, http.client.HTTPException) as error:
                reason = str(getattr(error, "reason", "") or error or type(error).__name__)
                if "CERTIFICATE_VERIFY_FAILED" in reason:
                    break
            except ValueError as error:  # brackets around what is no address
                reason = str(error)
                break
            else:
                if status < 500:
                    return status, body
                reason = f"HTTP status {status}"
        do = "check the address, the way there and the CA (cluster_access_oidc_ca_file), then run again"
        raise Problem("E-ACCESS-11", f"The OpenID provider does not answer at {url}: {reason}", do)

    def _ask(self, url: str, data: bytes | None, headers: dict[str, str]) -> tuple[int, dict[str, Any]]:
        """What comes back, whatever its status."""
        import urllib.error
        import urllib.request

        # Only https URLs come here: the issuer's is checked by parse(), the token endpoint's by discover().
        request = urllib.request.Request(url, data=data, headers={"Accept": "application/json", **headers})  # noqa: S310
        try:
            with self._open(request) as reply:
                return reply.status, _json(_body(reply))
        except urllib.error.HTTPError as error:
            with error:
                return error.code, _json(_body(error))

    def _open(self, request: Any) -> Any:
        import ssl
        import urllib.request

        if self._opener is None:
            try:
                context = ssl.create_default_context(cafile=self._ca_file or None)
            except OSError as error:
                do = "set cluster_access_oidc_ca_file to a file with PEM certificates, or leave it empty"
                raise Problem("E-ACCESS-11", f"The CA file {self._ca_file} cannot be used: {error}", do) from error
            if self._ca_file:
                # As trust_as_named() of the collection: Python refuses what kubectl takes of an own authority.
                context.verify_flags &= ~ssl.VERIFY_X509_STRICT
                context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
            self._opener = urllib.request.OpenerDirector()
            for handler in (
                urllib.request.ProxyHandler(),
                urllib.request.HTTPSHandler(context=context),
                urllib.request.HTTPErrorProcessor(),
                urllib.request.HTTPDefaultErrorHandler(),  # and none that follows redirects
            ):
                self._opener.add_handler(handler)
        return self._opener.open(request, timeout=REQUEST_TIMEOUT)


def _body(reply: Any) -> bytes:
    """The body, whose parts may come slowly, but not for ever.

    Raises:
        TimeoutError: it is not whole in time.
    """
    parts, rest, end = [], MAX_REPLY, time.monotonic() + REQUEST_TIMEOUT
    while rest and (part := reply.read1(rest)):
        parts.append(part)
        rest -= len(part)
        if time.monotonic() > end:
            raise TimeoutError("its answer does not end")
    return b"".join(parts)


def _json(data: bytes) -> dict[str, Any]:
    try:
        body = json.loads(data)
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def discover(provider: Provider, issuer: str) -> dict[str, Any]:
    """The provider's own description (OpenID Connect Discovery 1.0, section 4).

    Raises:
        Problem: E-ACCESS-11 when it is missing, belongs to another issuer, or names no HTTPS token endpoint.
    """
    url = issuer.rstrip("/") + "/.well-known/openid-configuration"
    status, document = provider.fetch(url)
    do = "set cluster_access_oidc_issuer to the issuer exactly as the provider publishes it"
    if status != 200 or not document:
        raise Problem("E-ACCESS-11", f"{url} is no OpenID discovery document (HTTP status {status})", do)
    if str(document.get("issuer", "")).rstrip("/") != issuer.rstrip("/"):
        raise Problem("E-ACCESS-11", f"{url} describes another issuer: {str(document.get('issuer'))[:200]}", do)
    if not str(document.get("token_endpoint", "")).startswith("https://"):
        raise Problem("E-ACCESS-11", f"{url} names no token endpoint with https", do)
    return document


def login(provider: Provider, settings: Oidc, now: Callable[[], float] = time.time) -> Token:
    """A new token by the client credentials grant.

    Raises:
        Problem: E-ACCESS-12 when the provider refuses the client, E-ACCESS-14 for an answer without a token.
    """
    from urllib.parse import quote, urlencode

    secret = read_secret(settings.secret_file)
    document = discover(provider, settings.issuer)
    form = {"grant_type": "client_credentials", "scope": settings.scope, "audience": settings.audience}
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    methods = document.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
    if "client_secret_basic" in methods or "client_secret_post" not in methods:
        pair = f"{quote(settings.client_id, safe='')}:{quote(secret, safe='')}"
        headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
    else:
        form |= {"client_id": settings.client_id, "client_secret": secret}
    data = urlencode({name: value for name, value in form.items() if value}).encode()
    asked = now()
    status, reply = provider.fetch(document["token_endpoint"], data, headers)
    if status != 200:
        raise _refused(settings, status, reply)
    value = reply.get(settings.token)
    if not isinstance(value, str) or not value:
        what = f"The provider's answer for client {settings.client_id} has no {settings.token}"
        raise Problem(
            "E-ACCESS-14",
            what,
            "let the provider issue one for the client credentials grant, with the cluster's audience",
        )
    lifetime = _seconds(reply.get("expires_in"))
    return Token(value, asked + lifetime, min(MARGIN, lifetime / 2))


def _seconds(value: Any) -> float:
    try:
        return max(1.0, float(value))
    except (TypeError, ValueError):
        return DEFAULT_LIFETIME


def _refused(settings: Oidc, status: int, reply: dict[str, Any]) -> Problem:
    code = "".join(letter for letter in str(reply.get("error", "no error code"))[:60] if letter.isprintable())
    what = f"{settings.issuer} refused the client {settings.client_id} ({code}, HTTP status {status})"
    do = f"check client id, the secret in {settings.secret_file}, and that the client may use client_credentials"
    return Problem("E-ACCESS-12", what, do)


@dataclass(frozen=True)
class Google:
    """A login at Google.

    Attributes:
        auth_kind: google.cloud's word: ``application``, ``serviceaccount``, ``machineaccount`` or ``accesstoken``.
        key_file: JSON key of the service account, or the access token; mode 0600 where it is ours.
        email: service account of this machine; empty for its default one.
    """

    auth_kind: str = "application"
    key_file: str = ""
    email: str = ""

    def key(self) -> str:
        """The name of the cached token."""
        return digest(
            "gke", self.auth_kind, self.key_file, self.email, *[os.environ.get(name, "") for name in GOOGLE_VARIABLES]
        )

    def stamp(self) -> str:
        """The state of the key's file and of the application default credentials."""
        folder = os.environ.get("CLOUDSDK_CONFIG") or "~/.config/gcloud"
        gcloud = os.path.join(folder, "application_default_credentials.json")
        return stamp_of(self.key_file, os.environ.get("GOOGLE_APPLICATION_CREDENTIALS") or gcloud)

    def fetch(self, now: Callable[[], float]) -> Token:
        """A new access token.

        Raises:
            Problem: E-ACCESS-19 without google-auth, E-ACCESS-20 for credentials that give none.
        """
        if self.auth_kind == "accesstoken":  # somebody else renews it, if anybody
            return Token(read_secret(self.key_file), now() + DEFAULT_LIFETIME, 0.0)
        try:
            import google.auth.exceptions
            import google.auth.transport.requests
        except ImportError as error:
            raise missing("google-auth and requests", error) from error
        request = google_request()
        try:
            credentials = self._credentials(request)
            credentials.refresh(request)
        except (google.auth.exceptions.GoogleAuthError, AttributeError, OSError, TypeError, ValueError) as error:
            reason = first_line(error)
            do = (
                "run: gcloud auth application-default login; or name a service account's key by "
                "cluster_access_service_account_file or GOOGLE_APPLICATION_CREDENTIALS"
            )
            # The library takes whatever comes with 200, also a proxy's page, for the JSON of a token.
            page = request.status == 200 and not isinstance(error, google.auth.exceptions.GoogleAuthError)
            if page or google_may_pass(error, request.status):
                reason = "what answers sends no token" if page else reason
                do = "check the network between this machine and Google (proxy, firewall), then run again"
            who = f"{self.auth_kind}{f', {self.key_file}' if self.key_file else ''}"
            raise Problem("E-ACCESS-20", f"Google gives no access token ({who}): {reason}", do) from error
        ends = now() + DEFAULT_LIFETIME
        if credentials.expiry is not None:  # without a zone, and in UTC
            ends = credentials.expiry.replace(tzinfo=UTC).timestamp()
        return Token(str(credentials.token), ends, min(MARGIN, max(0.0, (ends - now()) / 2)))

    def _credentials(self, request: Any) -> Any:
        if self.auth_kind == "serviceaccount":
            from google.oauth2 import service_account

            return service_account.Credentials.from_service_account_file(self.key_file, scopes=GOOGLE_SCOPES)
        if self.auth_kind == "machineaccount":
            from google.auth import compute_engine

            return compute_engine.Credentials(self.email or "default", scopes=GOOGLE_SCOPES)
        import google.auth
        from google.auth.credentials import with_scopes_if_required

        # With scopes the library would fetch a token of a federated identity here, only to look up its project's name.
        return with_scopes_if_required(google.auth.default(request=request)[0], GOOGLE_SCOPES)


def google_request() -> Any:
    """What google-auth asks by; its own waits two minutes for an answer, longer than anybody waits for us."""
    from google.auth.transport.requests import Request

    class Bounded(Request):
        """The same with our time limit; google-auth looks for the class and its session, so a function will not do.

        Attributes:
            status: of the last answer; 0 where none came, None before the first exchange.
        """

        status: int | None = None

        def __call__(
            self,
            url: str,
            method: str = "GET",
            body: Any = None,
            headers: Any = None,
            timeout: float | None = REQUEST_TIMEOUT,
            **more: Any,
        ) -> Any:
            self.status = 0
            reply = super().__call__(url, method, body, headers, timeout, **more)  # type: ignore[no-untyped-call]
            self.status = reply.status
            return reply

    return Bounded()


def google_may_pass(error: Exception, status: int | None) -> bool:
    """Whether no token came because nobody answered, or a busy server did; a refusal is final.

    Args:
        error: what google-auth raised; its classes do not tell the two apart.
        status: of the last answer; 0 where none came, None where nothing was asked.
    """
    from google.auth.exceptions import DefaultCredentialsError, TransportError

    if isinstance(error, DefaultCredentialsError):  # whoever has none has asked a metadata server in vain, too
        return False
    if getattr(error, "retryable", False) or status in GOOGLE_BUSY or GOOGLE_OUTAGE.match(first_line(error)):
        return True
    lost = any(isinstance(one, TransportError) for one in (error, error.__cause__))
    return lost and not 400 <= (status or 0) < 500


@dataclass(frozen=True)
class Eks:
    """A login at an EKS cluster.

    Attributes:
        cluster: its name.
        region: where it is.
        profile: the profile of AWS's own configuration; empty for the usual search.
    """

    cluster: str
    region: str
    profile: str = ""

    def key(self) -> str:
        """The name of the cached token."""
        variables = [os.environ.get(name, "") for name in AWS_VARIABLES]
        return digest("eks", self.cluster, self.region, self.profile, *variables)

    def stamp(self) -> str:
        """The state of AWS's own files."""
        return stamp_of(
            os.environ.get("AWS_SHARED_CREDENTIALS_FILE") or "~/.aws/credentials",
            os.environ.get("AWS_CONFIG_FILE") or "~/.aws/config",
            os.environ.get("AWS_WEB_IDENTITY_TOKEN_FILE", ""),
        )

    def fetch(self, now: Callable[[], float]) -> Token:
        """A new token: a signed address that only EKS may read.

        Raises:
            Problem: E-ACCESS-19 without botocore, E-ACCESS-20 without usable credentials.
        """
        try:
            import botocore.exceptions
            import botocore.session
            import botocore.signers
        except ImportError as error:
            raise missing("botocore", error) from error
        do = "log in to AWS (aws sso login, AWS_PROFILE, AWS_ACCESS_KEY_ID) or set cluster_access_aws_profile"
        asked = now()
        try:
            session = botocore.session.Session(profile=self.profile or None)
            session.set_config_variable("sts_regional_endpoints", "regional")
            credentials = session.get_credentials()
            if credentials is None:
                raise Problem("E-ACCESS-20", "There are no AWS credentials on this machine", do)
            endpoint = session.create_client("sts", region_name=self.region).meta.endpoint_url
            emitter = session.get_component("event_emitter")
            service = session.get_service_model("sts").service_id
            signer = botocore.signers.RequestSigner(service, self.region, "sts", "v4", credentials, emitter)
            address = signer.generate_presigned_url(
                {
                    "method": "GET",
                    "url": f"{endpoint}/?Action=GetCallerIdentity&Version=2011-06-15",
                    "body": {},
                    "headers": {"x-k8s-aws-id": self.cluster},
                    "context": {},
                },
                region_name=self.region,
                expires_in=EKS_SIGNED,
                operation_name="",
            )
        except botocore.exceptions.BotoCoreError as error:
            raise Problem("E-ACCESS-20", f"AWS credentials cannot be used: {first_line(error)}", do) from error
        value = "k8s-aws-v1." + base64.urlsafe_b64encode(address.encode()).decode().rstrip("=")
        return Token(value, asked + EKS_LIFETIME)


def missing(what: str, error: ImportError) -> Problem:
    """The problem of a library that is not there."""
    do = f"run: {sys.executable} -m pip install {what.replace(' and ', ' ')}"
    return Problem("E-ACCESS-19", f"{sys.executable} lacks {what} ({first_line(error)})", do)


def first_line(error: BaseException) -> str:
    """A library's reason, short."""
    if error.args and isinstance(error.args[0], Exception):  # one that is wrapped
        return first_line(error.args[0])
    whole = isinstance(error, OSError) or not error.args  # an OSError begins with its number
    text = str(error if whole else error.args[0]).strip()
    return text.splitlines()[0].rstrip(".")[:300] if text else type(error).__name__


class Cache:
    """One private directory with the tokens in it. Where it cannot be written, every call fetches anew."""

    def __init__(self, directory: str, key: str, sleep: Callable[[float], None] = time.sleep) -> None:
        self._directory = directory
        self._path = os.path.join(directory, f"token-{key}.json")
        self._sleep = sleep

    def read(self) -> Token | None:
        """The kept token, however old; None when there is none to trust."""
        try:
            with open(self._path, encoding="utf-8") as stream:
                facts = os.fstat(stream.fileno())
                if facts.st_uid != os.geteuid() or stat.S_IMODE(facts.st_mode) & 0o077:
                    return None
                data = json.load(stream)
            return Token(str(data["token"]), float(data["ends"]), float(data["margin"]), str(data["stamp"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def write(self, token: Token) -> None:
        """Keep a token by renaming a complete file into place."""
        temporary = f"{self._path}.{os.getpid()}"
        try:
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
                kept = {"token": token.value, "ends": token.ends, "margin": token.margin, "stamp": token.stamp}
                json.dump(kept, stream)
            os.replace(temporary, self._path)
        except OSError:
            with suppress(OSError):
                os.unlink(temporary)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the lock of this token. The kernel drops it with its process, so a killed caller blocks nobody.

        Raises:
            Problem: E-ACCESS-14 when another process holds it for LOCK_TIMEOUT.
        """
        try:
            os.makedirs(self._directory, mode=0o700, exist_ok=True)
            descriptor = os.open(f"{self._path}.lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError:
            yield
            return
        try:
            self._wait(descriptor)
            yield
        finally:
            os.close(descriptor)

    def _wait(self, descriptor: int) -> None:
        waited, step = 0.0, 0.1
        while True:
            try:
                return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                if waited >= LOCK_TIMEOUT:
                    what = f"Another process has held {self._path}.lock for {LOCK_TIMEOUT:.0f} s"
                    raise Problem("E-ACCESS-14", what, "end that process (fuser shows it), then run again") from error
            self._sleep(step)
            waited += step


def token_for(who: Login, cache: Cache, now: Callable[[], float] = time.time, refused: str = "") -> Token:
    """The kept token while it will do, else a new one; parallel callers fetch once.

    Args:
        who: the login.
        cache: where its token is kept.
        now: the time.
        refused: fingerprint of a token that the server has refused, whatever its end says.
    """

    def will_do(kept: Token) -> bool:
        return kept.usable(now()) and kept.stamp == who.stamp() and fingerprint(kept.value) != refused

    kept = cache.read()
    if kept and will_do(kept):
        return kept
    with cache.locked():
        kept = cache.read()
        if kept and will_do(kept):
            return kept
        stamp = who.stamp()  # before the files are read: a change meanwhile costs one token more, not a wrong one
        token = replace(who.fetch(now), stamp=stamp)
        cache.write(token)
        return token


def exec_credential(token: Token, exec_info: str) -> dict[str, Any]:
    """The object clients read; they are told the earlier end, so no request leaves with a dying token.

    Args:
        token: what to hand out.
        exec_info: the client's KUBERNETES_EXEC_INFO; its API version is answered in kind.
    """
    version = str(_json(exec_info.encode()).get("apiVersion") or "client.authentication.k8s.io/v1")
    end = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(token.ends - token.margin))
    return {
        "apiVersion": version,
        "kind": "ExecCredential",
        "status": {"token": token.value, "expirationTimestamp": end},
    }


def default_cache_dir() -> str:
    """Where tokens are kept unless told otherwise."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return os.path.join(base, "researchops-jupyterhub", "tokens")


def parse(argv: Sequence[str]) -> tuple[Login, str]:
    """The command line as a login and the cache directory.

    Raises:
        Problem: E-ACCESS-11 for an issuer without https.
    """
    parser = argparse.ArgumentParser(description="Kubernetes exec credential helper: OpenID provider, GKE, EKS.")
    parser.add_argument("--kind", choices=("oidc", "gke", "eks"), default="oidc", help="where to log in")
    parser.add_argument("--cache-dir", default="", help="private directory for the token")
    oidc = parser.add_argument_group("oidc (client credentials)")
    oidc.add_argument("--issuer", default="", help="issuer URL, https")
    oidc.add_argument("--client-id", default="")
    oidc.add_argument("--client-secret-file", default="", help="file with the client secret, mode 0600")
    oidc.add_argument("--audience", default="", help="sent as `audience`; for providers that ask for it")
    oidc.add_argument("--scope", default="")
    oidc.add_argument("--ca-file", default="", help="PEM file with the provider's CA; default: the system's")
    oidc.add_argument("--token", choices=("access_token", "id_token"), default="access_token")
    gke = parser.add_argument_group("gke")
    kinds = ("application", "serviceaccount", "machineaccount", "accesstoken")
    gke.add_argument("--auth-kind", choices=kinds, default="application")
    gke.add_argument("--key-file", default="", help="JSON key of the service account, or a file with a token")
    gke.add_argument("--email", default="", help="service account of this machine, where it has several")
    eks = parser.add_argument_group("eks")
    eks.add_argument("--cluster", default="")
    eks.add_argument("--region", default="")
    eks.add_argument("--profile", default="", help="profile of AWS's configuration")
    options = parser.parse_args(argv)
    needed = {
        "oidc": ("issuer", "client_id", "client_secret_file"),
        "gke": ("key_file",) if options.auth_kind in ("serviceaccount", "accesstoken") else (),
        "eks": ("cluster", "region"),
    }[options.kind]
    lacking = [f"--{name.replace('_', '-')}" for name in needed if not getattr(options, name)]
    if lacking:
        parser.error(f"--kind {options.kind} needs {', '.join(lacking)}")
    return chosen(options), options.cache_dir or default_cache_dir()


def chosen(options: argparse.Namespace) -> Login:
    """The login that these options mean.

    Raises:
        Problem: E-ACCESS-11 for an issuer without https.
    """
    if options.kind == "gke":
        return Google(options.auth_kind, options.key_file, options.email)
    if options.kind == "eks":
        return Eks(options.cluster, options.region, options.profile)
    if not options.issuer.startswith("https://"):
        raise Problem(
            "E-ACCESS-11", f"The issuer {options.issuer} does not start with https://", "give the issuer's https URL"
        )
    return Oidc(
        issuer=options.issuer,
        client_id=options.client_id,
        secret_file=os.path.abspath(options.client_secret_file),
        audience=options.audience,
        scope=options.scope,
        ca_file=options.ca_file,
        token=options.token,
    )


def main(argv: Sequence[str]) -> int:
    """Print one ExecCredential, or one line that says what to do."""
    os.umask(0o077)
    try:
        who, directory = parse(argv)
        token = token_for(who, Cache(directory, who.key()), refused=os.environ.get(REFUSED, ""))
    except Problem as problem:
        print(problem, file=sys.stderr)
        return 1
    print(json.dumps(exec_credential(token, os.environ.get("KUBERNETES_EXEC_INFO", ""))))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
