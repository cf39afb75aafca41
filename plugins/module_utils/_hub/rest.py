# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""JupyterHub's REST API and the user server's, as the browser of a signed-in user calls them, or with a token.

JupyterHub 5 accepts a cookie on an API request only together with the XSRF token that it set as a cookie on a page, and
keeps one such cookie for the hub and another for each user server (by path). The headers that browsers add
(``Sec-Fetch-Mode``) decide which rules apply, so they are sent as a browser would.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, urljoin, urlsplit

from .._core.budget import Budget
from .._core.errors import HubError
from .._core.transport import USER_AGENT, Answer, Http, HttpError, clean_url
from .._core.typed import json_object

Json = dict[str, Any]

NAVIGATE = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "none", "Accept": "text/html,application/xhtml+xml"}
"""What a browser says when a person opens a page."""
BUSY = frozenset({502, 503, 504})
"""What proxies answer while a route is being made."""
READ_TRIES = 4
READ_PAUSE = 1.0
"""Seconds between two tries of a read."""


class Credentials:
    """How requests are authorised: by the cookies inside ``http``, or by ``token``."""

    def __init__(self, http: Http, budget: Budget, token: str | None = None) -> None:
        self.http = http
        self.budget = budget
        self.token = token

    def headers(self, url: str) -> dict[str, str]:
        """Headers of an API request to ``url``."""
        base = {"Accept": "application/json"}
        if self.token is not None:
            return base | {"Authorization": f"token {self.token}"}
        base |= {"Sec-Fetch-Mode": "cors", "Sec-Fetch-Site": "same-origin"}
        xsrf = self.http.cookie("_xsrf", url)
        return base | {"X-XSRFToken": xsrf} if xsrf else base

    def websocket_headers(self, url: str) -> dict[str, str]:
        """Headers of a websocket handshake with ``url`` (written as https)."""
        base = {"User-Agent": USER_AGENT, "Sec-Fetch-Mode": "websocket", "Sec-Fetch-Site": "same-origin"}
        base |= self.http.identity(url)
        if self.token is not None:
            return base | {"Authorization": f"token {self.token}"}
        return base | {"Cookie": self.http.cookie_header(url)}

    def read(self, url: str, headers: Mapping[str, str] | None = None, *, browse: bool = False) -> Answer:
        """GET, tried again while a proxy on the way says that it is busy; nothing else is ever repeated."""
        call = self.http.browse if browse else self.http.request
        for _try in range(READ_TRIES - 1):
            try:
                answer = call("GET", url, headers=headers if headers is not None else self.headers(url))
                if answer.status not in BUSY:
                    return answer
            except HttpError as problem:
                if problem.kind != "connect":
                    raise
            self.budget.clock.sleep(min(READ_PAUSE, self.budget.left()))
        return call("GET", url, headers=headers if headers is not None else self.headers(url))

    def write(self, method: str, url: str, body: Any = None) -> Answer:
        """POST or DELETE, once."""
        return self.http.request(method, url, headers=self.headers(url), json=body)


class HubApi:
    """The hub's REST API as far as one user's server goes."""

    def __init__(self, credentials: Credentials, hub_url: str) -> None:
        """``hub_url`` is the hub's address with its base path and a slash at the end."""
        self._as = credentials
        self._api = urljoin(hub_url, "hub/api/")
        self.hub_url = hub_url

    def version(self) -> str:
        """The hub's version, which it tells everybody.

        Raises:
            HubError: E-VERIFY-04, for an address behind which no JupyterHub answers.
        """
        answer = self._as.read(self._api)
        try:
            told = answer.json()
            if answer.status == 200 and isinstance(told, dict) and isinstance(told.get("version"), str):
                return str(told["version"])
            seen = f"status {answer.status} without a version"
        except HttpError as problem:
            seen = problem.reason
        raise HubError(
            error_id="E-VERIFY-04",
            what=f"No JupyterHub answers at {clean_url(self._api)}",
            seen=seen,
            wanted="JupyterHub's version as JSON",
            do="check hub_domain, hub_port and hub_base_url, and that the front door leads to this hub's proxy",
        )

    def whoami(self) -> Json | None:
        """The model of whoever these credentials belong to, None for nobody."""
        answer = self._as.read(self._api + "user")
        if answer.status in (401, 403):
            return None
        return granted(answer, "GET", self._api + "user", "hub")

    def user(self, name: str) -> Json:
        """The model of a user, with the servers that run or are about to."""
        return granted(self._as.read(self._user(name)), "GET", self._user(name), "hub")

    def start(self, name: str) -> None:
        """Ask for the user's default server; it is usually not up yet when this returns."""
        url = self._user(name) + "/server"
        granted(self._as.write("POST", url), "POST", url, "hub")

    def stop(self, name: str) -> None:
        """Ask for the end of the user's default server; it may still be ending when this returns."""
        url = self._user(name) + "/server"
        granted(self._as.write("DELETE", url), "DELETE", url, "hub")

    def progress(self, name: str) -> Iterator[Json]:
        """What the hub tells about a server that starts, until it is up, has failed, or the stream ends."""
        url = self._user(name) + "/server/progress"
        for line in self._as.http.lines(url, headers=self._as.headers(url) | {"Accept": "text/event-stream"}):
            event = parse_event(line)
            if event is not None:
                yield event

    def _user(self, name: str) -> str:
        return f"{self._api}users/{quote(name, safe='@')}"


class ServerApi:
    """The REST API of one user's server."""

    def __init__(self, credentials: Credentials, server_url: str) -> None:
        """``server_url`` ends with a slash."""
        self._as = credentials
        self.url = server_url

    def open(self) -> None:
        """Open the server's page as a browser does: the hub hands over, the server sets its cookies.

        Raises:
            HubError: E-VERIFY-06, when no page comes.
        """
        headers = NAVIGATE if self._as.token is None else None
        answer = self._as.read(self.url, headers, browse=True)
        if answer.status != 200:
            raise refused(answer, "GET", self.url, "user server")

    def python_kernel(self) -> str:
        """The name of a kernel that runs Python, the server's default first.

        Raises:
            HubError: E-VERIFY-08, for a server without one.
        """
        told = self._accepted("GET", "api/kernelspecs")
        specs = told.get("kernelspecs") or {}
        names = [told.get("default"), *sorted(specs)]
        for name in names:
            if name in specs and str((specs[name].get("spec") or {}).get("language", "")).lower() == "python":
                return str(name)
        raise HubError(
            error_id="E-VERIFY-08",
            what=f"The user server {clean_url(self.url)} has no Python kernel",
            seen=", ".join(sorted(specs)) or "no kernel at all",
            wanted="a kernel whose language is python",
            do="install ipykernel in the image of the user servers",
        )

    def start_kernel(self, name: str) -> str:
        """Start a kernel and return its id."""
        return str(self._accepted("POST", "api/kernels", {"name": name})["id"])

    def end_kernel(self, kernel_id: str) -> None:
        """Stop a kernel."""
        self._accepted("DELETE", f"api/kernels/{kernel_id}")

    def channels(self, kernel_id: str, session: str) -> tuple[str, dict[str, str]]:
        """Address and headers of a kernel's websocket."""
        url = f"{self.url}api/kernels/{kernel_id}/channels?session_id={session}"
        return "wss" + url.removeprefix("https"), self._as.websocket_headers(url)

    def _accepted(self, method: str, path: str, body: Any = None) -> Json:
        url = self.url + path
        answer = self._as.read(url) if method == "GET" else self._as.write(method, url, body)
        return granted(answer, method, url, "user server")


def parse_event(line: str) -> Json | None:
    """One line of an event stream: the event in it, None for empty lines, comments and what is not JSON."""
    return json_object(line.removeprefix("data:")) if line.startswith("data:") else None


def server_of(model: Mapping[str, Any]) -> Json | None:
    """The user's default server, None where none runs, starts or stops.

    Hubs before 5.0 list only active servers, later ones may list stopped ones too.
    """
    server = (model.get("servers") or {}).get("")
    if not isinstance(server, dict) or (server.get("stopped") and not server.get("pending")):
        return None
    return server


def reason_of(answer: Answer) -> str:
    """The server's own words for a refusal, else the status alone."""
    told = json_object(answer.body) or {}
    words = told.get("message") or told.get("reason")
    return f"{answer.status}, {str(words).rstrip('.')[:300]}" if words else str(answer.status)


def granted(answer: Answer, method: str, url: str, who: str) -> Json:
    """The object in the answer to an API request; empty where it holds none.

    Raises:
        HubError: E-VERIFY-06, for a request that was refused.
    """
    if not 200 <= answer.status < 300:
        raise refused(answer, method, url, who)
    body = answer.json() if answer.body.strip() else {}
    return body if isinstance(body, dict) else {}


def refused(answer: Answer, method: str, url: str, who: str) -> HubError:
    """The error for an API request that the hub or a user server refuses."""
    scopes = "give the token the scopes of hub_verify's README, or let hub_verify sign in as a user"
    return HubError(
        error_id="E-VERIFY-06",
        what=f"The {who} refuses {method} {clean_url(url)}",
        seen=reason_of(answer),
        do=scopes if answer.status in (401, 403) else f"look at the log of the {who}'s pod",
        details={"status": answer.status, "method": method, "path": urlsplit(clean_url(url)).path},
    )
