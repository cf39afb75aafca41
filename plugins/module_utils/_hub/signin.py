# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""Walking through a sign-in page by page, as a person with a browser does; login.py decides what to do on each page."""

from __future__ import annotations

from urllib.parse import urljoin, urlsplit

from .._core.errors import HubError
from .._core.transport import Answer, Http, clean_url
from .login import MAX_PAGES, End, Finish, Follow, Memory, Page, Submit, decide, fill, password_form, read_page
from .rest import NAVIGATE

LANDING = "hub/home"
"""Where to land: a page that shows the user and, unlike the default one, starts no server."""


def sign_in_page(http: Http, hub_url: str) -> Page:
    """Go where an unknown visitor is sent, and stop there; nothing is filled in.

    Raises:
        HubError: E-VERIFY-05, when that is not a page to sign in on; E-AUTH-15, E-AUTH-16 as :func:`failure`.
    """
    memory, answer = Memory(), _start(http, hub_url)
    for _page in range(MAX_PAGES):
        page = _read(answer)
        move = decide(page, memory, hub_url)
        if isinstance(move, Submit) and move.asks in ("password", "user"):
            return page
        if not isinstance(move, Follow):
            seen = move.seen if isinstance(move, Finish) else page.quote()
            raise failure(Finish(move.end if isinstance(move, Finish) else End.STUCK, seen), "", hub_url)
        memory, answer = move.memory, http.browse("GET", move.url, headers=NAVIGATE)
    raise failure(Finish(End.STUCK, f"{MAX_PAGES} pages in a row"), "", hub_url)


def sign_in(http: Http, hub_url: str, user: str, password: str) -> Finish:
    """Sign in and return how that ended; ``http`` then carries the session.

    Raises:
        HttpError: an exchange that did not take place.
    """
    memory, answer = Memory(), _start(http, hub_url)
    for _page in range(MAX_PAGES):
        page = _read(answer)
        move = decide(page, memory, hub_url)
        if isinstance(move, Finish):
            return move
        memory = move.memory
        if isinstance(move, Follow):
            answer = http.browse("GET", move.url, headers=NAVIGATE)
        else:
            sent = fill(move.form, move.button, user=user, password=password)
            answer = _submit(http, page, move.form.method, move.form.action, sent)
    return Finish(End.STUCK, f"more than {MAX_PAGES} pages, the last one: {_read(answer).quote()}")


def enter(http: Http, hub_url: str) -> Finish:
    """Open the hub as somebody whom a proxy before it vouches for; nothing is followed or filled in.

    Raises:
        HttpError: an exchange that did not take place.
    """
    page = _read(_start(http, hub_url))
    move = decide(page, Memory(), hub_url)
    return move if isinstance(move, Finish) else Finish(End.STUCK, f"a page for a second login: {page.quote()}")


def _start(http: Http, hub_url: str) -> Answer:
    landing = urlsplit(urljoin(hub_url, LANDING)).path
    return http.browse("GET", f"{urljoin(hub_url, 'hub/login')}?next={landing}", headers=NAVIGATE)


def _submit(http: Http, page: Page, method: str, action: str, sent: list[tuple[str, str]]) -> Answer:
    parts = urlsplit(page.url)
    headers = NAVIGATE | {"Origin": f"{parts.scheme}://{parts.netloc}", "Sec-Fetch-Site": "same-origin"}
    return http.browse(method.upper(), action, headers=headers, form=sent)


def _read(answer: Answer) -> Page:
    return read_page(answer.status, answer.url, answer.text)


def has_password(page: Page) -> bool:
    """Whether the page asks for a password (the alternative asks for the user first)."""
    return password_form(page) is not None


def failure(finish: Finish, user: str, hub_url: str) -> HubError:
    """The error for a sign-in that should have worked and did not."""
    hub = clean_url(hub_url)
    table = {
        End.REFUSED: (
            "E-AUTH-12",
            f"The hub {hub} knows {user} and refuses to let this user in",
            "allow the user (hub_oauth_allowed_users, hub_oauth_allowed_groups), or verify with one that is allowed",
        ),
        End.WRONG_PASSWORD: (
            "E-AUTH-11",
            f"The sign-in page does not accept user {user} with the password given",
            "correct hub_verify_user and hub_verify_password; a locked account or a second factor looks the same",
        ),
        End.ISSUER_REFUSED: (
            "E-AUTH-15",
            "The identity provider refuses the sign-in",
            f"compare client id and callback at the provider with the hub's: {urljoin(hub, 'hub/oauth_callback')}",
        ),
        End.HUB_BROKEN: (
            "E-AUTH-16",
            f"The hub {hub} cannot complete a sign-in",
            "look at the hub pod's log: a wrong client secret, or an issuer that the pod cannot reach, shows there",
        ),
        End.STUCK: (
            "E-VERIFY-05",
            "The sign-in needs a person: no form that a program can fill in",
            "verify with a token instead (hub_verify_login: hub_token), which proves everything but the login",
        ),
    }
    error_id, what, do = table[finish.end]
    return HubError(error_id=error_id, what=what, seen=finish.seen, do=do, details={"end": finish.end.name.lower()})
