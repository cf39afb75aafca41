# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""Reading the pages between a hub's door and its user, and deciding what a person would do on each. Pure.

No provider is known by name: a sign-in is the form with one password field, an identifier-first page the form with a
user field alone, a consent page any other form with a button that does not say no.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import Enum
from html.parser import HTMLParser
from typing import TypeAlias
from urllib.parse import urlsplit

from .._core.transport import clean_url, joined, origin

MAX_PAGES = 12
"""Pages shown during one sign-in; real ones need one to four."""
MAX_CONFIRMATIONS = 4
QUOTED_CHARACTERS = 240
"""Of a page's own words in a message."""

TEXT_TYPES = frozenset({"", "text", "email", "tel", "search"})
SUBMIT_TYPES = frozenset({"submit", "image"})
USER_NAMES = ("username", "login", "user", "j_username", "identifier", "email", "loginfmt", "userid", "uid")
NO_WORDS = re.compile(r"\b(no|deny|cancel|reject|decline|refuse|abort|back|log ?out|sign ?out)\b", re.IGNORECASE)
YES_WORDS = re.compile(
    r"\b(yes|allow|accept|approve|authorize|authorise|continue|confirm|agree|grant|ok|next)\b", re.IGNORECASE
)
ALERT_CLASSES = re.compile(r"\b(alert|error|login_error|feedback|invalid)\b", re.IGNORECASE)
HIDING = frozenset({"hidden", "modal", "d-none", "collapse"})
"""Classes of elements that a script may show later; what they say is not about this page."""
UNSEEN = frozenset({"script", "style", "head", "template", "noscript", "svg"})
VOID = frozenset({"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"})
BROKEN_EXCHANGE = re.compile(
    r"access token was not returned|oauth state|oauth error|missing code_verifier|without a code", re.IGNORECASE
)
"""JupyterHub's and oauthenticator's words for a login that failed for another reason than who the user is."""


@dataclass(frozen=True)
class Field:
    """One input of a form; ``checked`` means: sent unless somebody changes it."""

    name: str
    kind: str
    value: str = ""
    checked: bool = True
    autocomplete: str = ""


@dataclass(frozen=True)
class Button:
    """One way to send a form."""

    name: str
    value: str
    label: str


@dataclass
class Form:
    """A form as the page has it; ``action`` is absolute."""

    action: str
    method: str
    fields: list[Field] = field(default_factory=list)
    buttons: list[Button] = field(default_factory=list)

    def of_kind(self, *kinds: str) -> list[Field]:
        """The fields of these types."""
        return [one for one in self.fields if one.kind in kinds]


@dataclass(frozen=True)
class Page:
    """What a person would see.

    Attributes:
        status: HTTP status of the page.
        url: its address.
        title: the title.
        alert: what the page says in an element for errors.
        text: all its visible words.
        forms: its forms.
        links: where its links lead, absolute.
    """

    status: int
    url: str
    title: str = ""
    alert: str = ""
    text: str = ""
    forms: tuple[Form, ...] = ()
    links: tuple[str, ...] = ()

    def quote(self) -> str:
        """Status and the page's own words, short, for a message."""
        words = self.alert or self.text
        shown = words if len(words) <= QUOTED_CHARACTERS else words[:QUOTED_CHARACTERS].rsplit(" ", 1)[0] + " ..."
        said = f', saying "{shown}"' if shown else ""
        titled = f' ("{self.title}")' if self.title and self.title not in shown else ""
        return f"{self.status} from {clean_url(self.url)}{titled}{said}"


class _Reader(HTMLParser):
    """Collects forms, links and words of one page; forgiving, as browsers are."""

    def __init__(self, url: str) -> None:
        super().__init__(convert_charrefs=True)
        self.base = url
        self.title: list[str] = []
        self.words: list[str] = []
        self.alerts: list[str] = []
        self.forms: list[Form] = []
        self.links: list[str] = []
        self._open: list[tuple[str, bool, bool]] = []  # tag, unseen, alert
        self._form: Form | None = None
        self._button: tuple[str, str, list[str]] | None = None
        self._choices: str = ""
        self._parts: dict[str, Callable[[Form, dict[str, str]], None]] = {
            "button": self._begin_button,
            "input": self._input,
            "textarea": self._textarea,
            "select": self._begin_select,
            "option": self._option,
        }

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """See :class:`HTMLParser`."""
        given = {name: value or "" for name, value in attrs}
        if tag not in VOID:
            self._open.append((tag, _is_unseen(tag, given), _is_alert(given)))
        if tag == "a":
            self._link(given)
        elif tag == "form":
            self._begin_form(given)
        elif self._form is not None and "disabled" not in given:
            part = self._parts.get(tag)
            if part is not None:
                part(self._form, given)

    def _link(self, given: dict[str, str]) -> None:
        address = joined(self.base, given["href"]) if given.get("href") else ""
        if address:
            self.links.append(address)

    def _begin_form(self, given: dict[str, str]) -> None:
        """A form that could be sent nowhere is none, and its fields are nobody's."""
        action = joined(self.base, given.get("action", ""))
        self._form = Form(action, given.get("method", "get").lower()) if action else None
        if self._form is not None:
            self.forms.append(self._form)

    def _begin_button(self, _form: Form, given: dict[str, str]) -> None:
        if given.get("type", "").lower() in ("", "submit"):
            self._button = (given.get("name", ""), given.get("value", ""), [])

    def _input(self, form: Form, given: dict[str, str]) -> None:
        name, value, kind = given.get("name", ""), given.get("value", ""), given.get("type", "").lower()
        if kind in SUBMIT_TYPES:
            form.buttons.append(Button(name, value, value))
        elif kind in ("checkbox", "radio"):
            form.fields.append(Field(name, kind, value or "on", "checked" in given, given.get("autocomplete", "")))
        elif kind not in ("button", "reset", "file"):
            form.fields.append(Field(name, kind, value, autocomplete=given.get("autocomplete", "")))

    def _textarea(self, form: Form, given: dict[str, str]) -> None:
        form.fields.append(Field(given.get("name", ""), "textarea"))

    def _begin_select(self, _form: Form, given: dict[str, str]) -> None:
        self._choices = given.get("name", "")

    def _option(self, form: Form, given: dict[str, str]) -> None:
        if self._choices and "selected" in given:
            form.fields.append(Field(self._choices, "select", given.get("value", "")))

    def handle_endtag(self, tag: str) -> None:
        """See :class:`HTMLParser`."""
        if tag == "form":
            self._form = None
        elif tag == "select":
            self._choices = ""
        elif tag == "button" and self._button is not None:
            name, value, label = self._button
            if self._form is not None:
                self._form.buttons.append(Button(name, value, " ".join(label)))
            self._button = None
        for depth in range(len(self._open) - 1, -1, -1):
            if self._open[depth][0] == tag:
                del self._open[depth:]
                return

    def handle_data(self, data: str) -> None:
        """See :class:`HTMLParser`."""
        words = " ".join(data.split())
        if not words:
            return
        if self._open and self._open[-1][0] == "title":
            self.title.append(words)
        if any(unseen for _tag, unseen, _alert in self._open):
            return
        self.words.append(words)
        if self._button is not None:
            self._button[2].append(words)
        if any(alert for _tag, _unseen, alert in self._open):
            self.alerts.append(words)


def _is_unseen(tag: str, given: dict[str, str]) -> bool:
    by_attribute = "hidden" in given or given.get("aria-hidden") == "true"
    by_style = HIDING.intersection(given.get("class", "").split()) or "display:none" in given.get("style", "").replace(
        " ", ""
    )
    return tag in UNSEEN or by_attribute or bool(by_style)


def _is_alert(given: dict[str, str]) -> bool:
    return given.get("role") == "alert" or bool(ALERT_CLASSES.search(given.get("class", "")))


def read_page(status: int, url: str, html: str) -> Page:
    """Parse what a browser would show."""
    reader = _Reader(url)
    reader.feed(html)
    reader.close()
    return Page(
        status=status,
        url=url,
        title=" ".join(reader.title),
        alert=" ".join(reader.alerts),
        text=" ".join(reader.words),
        forms=tuple(reader.forms),
        links=tuple(reader.links),
    )


@dataclass(frozen=True)
class Memory:
    """What was already done during this sign-in; nothing is done twice that should work once."""

    user_sent: bool = False
    password_sent: bool = False
    link_followed: bool = False
    confirmations: int = 0


class End(Enum):
    """How a sign-in ends."""

    INSIDE = "the hub let the user in"
    REFUSED = "the hub knows who it is and refuses"
    WRONG_PASSWORD = "the sign-in page does not accept user and password"
    ISSUER_REFUSED = "the identity provider refuses to start or to finish the sign-in"
    HUB_BROKEN = "the hub cannot complete the sign-in"
    STUCK = "a page that only a person can operate"


@dataclass(frozen=True)
class Finish:
    """The sign-in is over; ``seen`` is for a person."""

    end: End
    seen: str


@dataclass(frozen=True)
class Follow:
    """Go to an address."""

    url: str
    memory: Memory


@dataclass(frozen=True)
class Submit:
    """Fill in and send a form; ``asks`` is ``password``, ``user`` or ``confirmation``."""

    form: Form
    asks: str
    memory: Memory
    button: Button | None = None


Move: TypeAlias = "Finish | Follow | Submit"


def decide(page: Page, memory: Memory, hub_url: str) -> Move:
    """What a person would do on this page.

    Args:
        page: the page shown.
        memory: what was done so far.
        hub_url: the hub's address with its base path and a slash at the end.
    """
    at_hub = is_hub_page(page.url, hub_url)
    form = password_form(page)
    if form is not None:
        if memory.password_sent:
            return Finish(End.WRONG_PASSWORD, page.quote())
        if not _may_receive_password(page, form):
            there = f"{form.method} {clean_url(form.action)}"
            return Finish(
                End.STUCK, f"a password form at {clean_url(page.url)} that would send the password by {there}"
            )
        return Submit(form, "password", replace(memory, user_sent=True, password_sent=True), _button(form))
    return _decide_at_hub(page, memory) if at_hub else _decide_elsewhere(page, memory)


def _decide_at_hub(page: Page, memory: Memory) -> Move:
    if page.status == 403 and not BROKEN_EXCHANGE.search(page.text):
        return Finish(End.REFUSED, page.quote())
    if page.status >= 400:
        return Finish(End.HUB_BROKEN, page.quote())
    if urlsplit(page.url).path.endswith("/hub/login"):
        link = next((link for link in page.links if urlsplit(link).path.endswith("/oauth_login")), None)
        if link is None or memory.link_followed:
            return Finish(End.STUCK, page.quote())
        return Follow(link, replace(memory, link_followed=True))
    return Finish(End.INSIDE, clean_url(page.url))


def _decide_elsewhere(page: Page, memory: Memory) -> Move:
    if page.status >= 400:
        return Finish(End.ISSUER_REFUSED, page.quote())
    form = _user_form(page)
    if form is not None:
        if memory.user_sent:
            return Finish(End.WRONG_PASSWORD, page.quote())
        return Submit(form, "user", replace(memory, user_sent=True), _button(form))
    form = _confirmation_form(page)
    if form is not None and memory.confirmations < MAX_CONFIRMATIONS:
        return Submit(form, "confirmation", replace(memory, confirmations=memory.confirmations + 1), _button(form))
    return Finish(End.STUCK, page.quote())


def is_hub_page(url: str, hub_url: str) -> bool:
    """Whether an address belongs to the hub, and not to an identity provider that shares its host."""
    base = urlsplit(hub_url).path
    path = urlsplit(url).path
    below = path.startswith((f"{base}hub/", f"{base}user/")) or path in (base, f"{base}hub")
    return origin(url) == origin(hub_url) and below


def password_form(page: Page) -> Form | None:
    """The form to sign in with: the first with exactly one password field (two is a registration)."""
    return next((form for form in page.forms if len(form.of_kind("password")) == 1), None)


def _may_receive_password(page: Page, form: Form) -> bool:
    """A password goes only to the host that asked for it, encrypted, and never into an address."""
    return origin(form.action) == origin(page.url) and urlsplit(form.action).scheme == "https" and form.method == "post"


def _user_form(page: Page) -> Form | None:
    """An identifier-first page: a text field that asks for the user and no password yet."""
    for form in page.forms:
        texts = form.of_kind(*TEXT_TYPES)
        wanted = any(one.autocomplete.startswith("username") or one.name.lower() in USER_NAMES for one in texts)
        if wanted and not form.of_kind("password") and form.method == "post":
            return form
    return None


def _confirmation_form(page: Page) -> Form | None:
    """A form that needs nothing but a yes: consent, or one that a browser's script would send on by itself."""
    for form in page.forms:
        typed = [one for one in form.of_kind(*TEXT_TYPES, "textarea") if one.name and not one.value]
        if form.method == "post" and not typed and (_button(form) is not None or not form.buttons):
            return form
    return None


def _button(form: Form) -> Button | None:
    """The button a person who agrees would press: one that says yes, else the first that does not say no."""

    def words(button: Button) -> str:
        return f"{button.label} {button.name} {button.value}".replace("_", " ")

    willing = [button for button in form.buttons if not NO_WORDS.search(words(button))]
    return next((button for button in willing if YES_WORDS.search(words(button))), willing[0] if willing else None)


def fill(form: Form, button: Button | None, *, user: str = "", password: str = "") -> list[tuple[str, str]]:
    """The fields to send, in the page's order, with user and password where the form asks for them."""
    user_field = _user_field(form) if user else None
    sent: list[tuple[str, str]] = []
    for one in form.fields:
        if not one.name or not one.checked:
            continue
        if one.kind == "password":
            sent.append((one.name, password))
        else:
            sent.append((one.name, user if one is user_field else one.value))
    if button is not None and button.name:
        sent.append((button.name, button.value))
    return sent


def _user_field(form: Form) -> Field | None:
    """The field for the user: marked as such, else known by name, else the last text field before the password."""
    texts = form.of_kind(*TEXT_TYPES)
    marked = [one for one in texts if one.autocomplete.startswith("username")]
    named = [one for name in USER_NAMES for one in texts if one.name.lower() == name]
    before: list[Field] = []
    for one in form.fields:
        if one.kind == "password":
            break
        if one.kind in TEXT_TYPES:
            before.append(one)
    return next(iter(marked + named + before[::-1]), None)
