# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kubernetes exec credential helper: a machine logs in at an OpenID provider and renews its token by itself.

The kubeconfig that the role cluster_access writes names this file. kubectl, helm and every client library start it,
read one ExecCredential from standard output, and start it again when the token ends, also in the middle of a long play.

It needs Python's standard library only, because it runs wherever the kubeconfig is used. The client secret is read
from a file, never from the command line. A token is kept (mode 0600) until 30 s before it ends, and a lock makes
callers that start together fetch one token, not many. An error is one line on standard error and exit code 1.

Protocols: OpenID Connect Discovery 1.0, RFC 6749 section 4.4 (client credentials), client.authentication.k8s.io/v1.
"""

from __future__ import annotations

import argparse
import base64
import fcntl
import hashlib
import json
import os
import stat
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

MARGIN = 30.0
"""Seconds before its end at which a token is no longer handed out."""
REQUEST_TIMEOUT = 10.0
"""Seconds for one request to the provider."""
LOCK_TIMEOUT = 45.0
"""Seconds to wait for another process that is fetching the same token."""
PAUSES = (0.0, 0.5, 1.5)
"""Seconds before each try; asking twice for a token is safe, the provider just issues two."""
MAX_REPLY = 1 << 20
"""Bytes read from a reply."""
DEFAULT_LIFETIME = 300.0
"""Seconds, when the provider does not say how long its token lives (RFC 6749 only recommends it)."""


class Problem(Exception):
    """What a person has to know, already in the collection's form."""

    def __init__(self, error_id: str, what: str, do: str) -> None:
        super().__init__(" ".join(f"{error_id} {what}. Nothing was changed. Do: {do}.".split()))


@dataclass(frozen=True)
class Settings:
    """What one token depends on; equal settings share one cached token."""

    issuer: str
    client_id: str
    secret_file: str
    audience: str = ""
    scope: str = ""
    ca_file: str = ""
    token: str = "access_token"

    def key(self) -> str:
        """The name of the cached token."""
        text = json.dumps([self.issuer, self.client_id, self.secret_file, self.audience, self.scope, self.token])
        return hashlib.sha256(text.encode()).hexdigest()[:20]


@dataclass(frozen=True)
class Token:
    """A bearer token and its end (seconds since the epoch)."""

    value: str
    ends: float
    margin: float = MARGIN

    def usable(self, now: float) -> bool:
        """Whether it may still be handed out."""
        return bool(self.value) and now < self.ends - self.margin


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
        import urllib.error
        import urllib.request

        # Only https URLs come here: the issuer's is checked by parse(), the token endpoint's by discover().
        request = urllib.request.Request(url, data=data, headers={"Accept": "application/json", **(headers or {})})  # noqa: S310
        reason = ""
        for pause in PAUSES:
            self._sleep(pause)
            try:
                with self._open(request) as reply:
                    return reply.status, _json(reply.read(MAX_REPLY))
            except urllib.error.HTTPError as error:
                status, body = error.code, _json(error.read(MAX_REPLY))
                if status < 500:
                    return status, body
                reason = f"HTTP status {status}"
            except (OSError, http.client.HTTPException) as error:
                reason = str(getattr(error, "reason", "") or error or type(error).__name__)
                if "CERTIFICATE_VERIFY_FAILED" in reason:
                    break
        do = "check the address, the way there and the CA (cluster_access_oidc_ca_file), then run again"
        raise Problem("E-ACCESS-11", f"The OpenID provider does not answer at {url}: {reason}", do)

    def _open(self, request: Any) -> Any:
        import ssl
        import urllib.request

        if self._opener is None:
            try:
                context = ssl.create_default_context(cafile=self._ca_file or None)
            except OSError as error:
                do = "set cluster_access_oidc_ca_file to a file with PEM certificates, or leave it empty"
                raise Problem("E-ACCESS-11", f"The CA file {self._ca_file} cannot be used: {error}", do) from error
            self._opener = urllib.request.OpenerDirector()
            for handler in (
                urllib.request.ProxyHandler(),
                urllib.request.HTTPSHandler(context=context),
                urllib.request.HTTPErrorProcessor(),
                urllib.request.HTTPDefaultErrorHandler(),  # and none that follows redirects
            ):
                self._opener.add_handler(handler)
        return self._opener.open(request, timeout=REQUEST_TIMEOUT)


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


def login(provider: Provider, settings: Settings, now: Callable[[], float] = time.time) -> Token:
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


def _refused(settings: Settings, status: int, reply: dict[str, Any]) -> Problem:
    code = "".join(letter for letter in str(reply.get("error", "no error code"))[:60] if letter.isprintable())
    what = f"{settings.issuer} refused the client {settings.client_id} ({code}, HTTP status {status})"
    do = f"check client id, the secret in {settings.secret_file}, and that the client may use client_credentials"
    return Problem("E-ACCESS-12", what, do)


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
            return Token(str(data["token"]), float(data["ends"]), float(data["margin"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def write(self, token: Token) -> None:
        """Keep a token by renaming a complete file into place."""
        temporary = f"{self._path}.{os.getpid()}"
        try:
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
                json.dump({"token": token.value, "ends": token.ends, "margin": token.margin}, stream)
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


def token_for(settings: Settings, cache: Cache, provider: Provider, now: Callable[[], float] = time.time) -> Token:
    """The kept token while it lives long enough, else a new one; parallel callers fetch once."""
    kept = cache.read()
    if kept and kept.usable(now()):
        return kept
    with cache.locked():
        kept = cache.read()
        if kept and kept.usable(now()):
            return kept
        token = login(provider, settings, now)
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


def parse(argv: Sequence[str]) -> tuple[Settings, str]:
    """The command line as settings and the cache directory.

    Raises:
        Problem: E-ACCESS-11 for an issuer without https.
    """
    parser = argparse.ArgumentParser(description="Kubernetes exec credential helper (OpenID client credentials).")
    parser.add_argument("--issuer", required=True, help="issuer URL, https")
    parser.add_argument("--client-id", required=True)
    parser.add_argument("--client-secret-file", required=True, help="file with the client secret, mode 0600")
    parser.add_argument("--audience", default="", help="sent as `audience`; for providers that ask for it")
    parser.add_argument("--scope", default="")
    parser.add_argument("--ca-file", default="", help="PEM file with the provider's CA; default: the system's")
    parser.add_argument("--token", choices=("access_token", "id_token"), default="access_token")
    parser.add_argument("--cache-dir", default="", help="private directory for the token")
    options = parser.parse_args(argv)
    if not options.issuer.startswith("https://"):
        raise Problem(
            "E-ACCESS-11", f"The issuer {options.issuer} does not start with https://", "give the issuer's https URL"
        )
    settings = Settings(
        issuer=options.issuer,
        client_id=options.client_id,
        secret_file=os.path.abspath(options.client_secret_file),
        audience=options.audience,
        scope=options.scope,
        ca_file=options.ca_file,
        token=options.token,
    )
    return settings, options.cache_dir or default_cache_dir()


def main(argv: Sequence[str]) -> int:
    """Print one ExecCredential, or one line that says what to do."""
    os.umask(0o077)
    try:
        settings, directory = parse(argv)
        token = token_for(settings, Cache(directory, settings.key()), Provider(settings.ca_file))
    except Problem as problem:
        print(problem, file=sys.stderr)
        return 1
    print(json.dumps(exec_credential(token, os.environ.get("KUBERNETES_EXEC_INFO", ""))))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
