# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading sign-in pages and deciding on each: the whole truth table, deny rows first."""

from __future__ import annotations

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.login import (
    Button,
    End,
    Field,
    Finish,
    Follow,
    Form,
    Memory,
    Page,
    Submit,
    decide,
    fill,
    is_hub_page,
    password_form,
    read_page,
)

HUB = "https://hub.example.org:8443/iris/"
AT_HUB = f"{HUB}hub/login"
ISSUER = "https://issuer.example.org/interaction/abcdef0123456789abc"

PASSWORD_FORM = """
<form method="post" action="/interaction/1">
  <input type="hidden" name="csrf" value="x&amp;y">
  <label>Login <input name="login" autocomplete="username" value=""></label>
  <input type="password" name="password">
  <input type="checkbox" name="remember" value="1">
  <input type="checkbox" name="terms" checked>
  <button type="submit" name="go" value="in">Sign in</button>
</form>"""


def page(html: str, *, status: int = 200, url: str = ISSUER) -> Page:
    return read_page(status, url, html)


def post(*fields: Field, action: str = "https://issuer.example.org/next", buttons: tuple[Button, ...] = ()) -> Form:
    return Form(action, "post", list(fields), list(buttons))


# ---- reading --------------------------------------------------------------------------------------------------


def test_a_form_is_read_as_a_browser_would_send_it() -> None:
    assert page(PASSWORD_FORM).forms == (
        Form(
            "https://issuer.example.org/interaction/1",
            "post",
            [
                Field("csrf", "hidden", "x&y"),
                Field("login", "", "", True, "username"),
                Field("password", "password"),
                Field("remember", "checkbox", "1", False),
                Field("terms", "checkbox", "on"),
            ],
            [Button("go", "in", "Sign in")],
        ),
    )


@pytest.mark.parametrize("stray", ["https://issuer.example.org:port/", "https://[issuer/"])
def test_a_link_or_form_that_leads_nowhere_is_passed_over(stray: str) -> None:
    html = f'<a href="{stray}">x</a><form action="{stray}"><input type="password" name="p"></form><a href="/y">y</a>'
    read = page(html + PASSWORD_FORM)
    assert read.links == ("https://issuer.example.org/y",)
    assert [form.action for form in read.forms] == ["https://issuer.example.org/interaction/1"]


def test_a_form_without_action_and_method_goes_to_its_page_by_get() -> None:
    (form,) = page("<form><input name=a></form>").forms
    assert (form.action, form.method) == (ISSUER, "get")


def test_select_and_textarea_are_read() -> None:
    html = (
        "<form method=post><select name=realm><option value=a>A<option value=b selected>B</select>"
        "<textarea name=note></textarea><input type=submit name=s value=Go></form>"
    )
    (form,) = page(html).forms
    assert form.fields == [Field("realm", "select", "b"), Field("note", "textarea", "")]
    assert form.buttons == [Button("s", "Go", "Go")]


def test_disabled_fields_and_plain_buttons_are_not_sent() -> None:
    html = (
        "<form method=post><input name=a disabled><button type=button name=b>Show</button><input type=reset name=c>"
        "<input type=file name=d></form>"
    )
    (form,) = page(html).forms
    assert (form.fields, form.buttons) == ([], [])


def test_fields_outside_of_a_form_do_not_disturb() -> None:
    assert page("<input name=q><button>Search</button><form method=post><input name=a value=1></form>").forms == (
        Form(ISSUER, "post", [Field("a", "", "1")]),
    )


def test_links_become_absolute() -> None:
    assert page('<a href="../up?x=1">up</a><a>no</a>').links == ("https://issuer.example.org/up?x=1",)


def test_what_a_person_does_not_see_is_not_quoted() -> None:
    html = (
        "<head><title> The  Title </title><style>p{}</style></head><script>var x</script><p>seen</p>"
        '<p class="hidden alert">not</p><div class="modal fade"><div class="alert-danger">The error</div></div>'
        '<p style="display: none">not</p><p hidden>not</p><p aria-hidden=true>not</p><p>too</p>'
    )
    found = page(html)
    assert (found.title, found.text, found.alert) == ("The Title", "seen too", "")


@pytest.mark.parametrize(
    "html",
    [
        '<p role="alert">Wrong password</p>',
        '<p class="login_error">Wrong password</p>',
        '<div class="form error"><b>Wrong</b> password</div>',
        '<span class="kc-feedback-text alert-error">Wrong password</span>',
    ],
)
def test_the_words_of_an_error_are_found(html: str) -> None:
    assert page(f"<h1>Sign in</h1>{html}").alert == "Wrong password"


def test_a_broken_page_is_still_read() -> None:
    found = page("<form method=post><div><input name=a></form></div></p><p>end")
    assert found.text == "end" and len(found.forms) == 1


@pytest.mark.parametrize(
    ("given", "quoted"),
    [
        (
            Page(403, ISSUER, "Sign in", "Wrong.", "Sign in Wrong."),
            '403 from https://issuer.example.org/interaction/... ("Sign in"), saying "Wrong."',
        ),
        (Page(200, AT_HUB, "", "", "Hello"), f'200 from {AT_HUB}, saying "Hello"'),
        (Page(200, AT_HUB, "Hello", "", "Hello you"), f'200 from {AT_HUB}, saying "Hello you"'),
        (Page(502, AT_HUB), f"502 from {AT_HUB}"),
    ],
    ids=["alert", "text", "title-inside-text", "nothing"],
)
def test_a_page_is_quoted_without_handles(given: Page, quoted: str) -> None:
    assert given.quote() == quoted


def test_a_long_page_is_cut_between_words() -> None:
    quoted = Page(500, AT_HUB, "", "", "word " * 100).quote()
    assert quoted.endswith('word ..."') and len(quoted) < 320


# ---- which page it is -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "hub", "ours"),
    [
        ("https://hub.example.org/hub/home", "https://hub.example.org/", True),
        ("https://hub.example.org:443/hub/home", "https://hub.example.org/", True),
        ("https://hub.example.org/user/ada/lab", "https://hub.example.org/", True),
        ("https://hub.example.org/", "https://hub.example.org/", True),
        ("https://hub.example.org/auth/realms/x", "https://hub.example.org/", False),
        ("https://hub.example.org/hub/home", "https://hub.example.org/iris/", False),
        ("https://hub.example.org/iris/hub", "https://hub.example.org/iris/", True),
        ("https://hub.example.org:8443/hub/home", "https://hub.example.org/", False),
        ("http://hub.example.org/hub/home", "https://hub.example.org/", False),
        ("https://hub.example.org.evil.example/hub/home", "https://hub.example.org/", False),
    ],
)
def test_pages_of_the_hub_and_others(url: str, hub: str, ours: bool) -> None:
    assert is_hub_page(url, hub) is ours


def test_a_registration_form_is_not_taken_for_a_sign_in() -> None:
    both = page(
        "<form method=post action=/register><input name=user>"
        "<input type=password name=p><input type=password name=p2></form>"
        f"{PASSWORD_FORM}"
    )
    form = password_form(both)
    assert form is not None and form.action.endswith("/interaction/1")
    assert password_form(page("<form><input type=password name=a><input type=password name=b></form>")) is None


# ---- deciding: refusals -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "memory", "end"),
    [
        (page(PASSWORD_FORM, status=403), Memory(user_sent=True, password_sent=True), End.WRONG_PASSWORD),
        (page(PASSWORD_FORM), Memory(user_sent=True, password_sent=True), End.WRONG_PASSWORD),
        (page("<p>403 : Forbidden</p>", status=403, url=f"{HUB}hub/oauth_callback?code=1"), Memory(), End.REFUSED),
        (
            page("An access token was not returned: no", status=403, url=f"{HUB}hub/oauth_callback"),
            Memory(),
            End.HUB_BROKEN,
        ),
        (page("OAuth state mismatch", status=403, url=f"{HUB}hub/oauth_callback"), Memory(), End.HUB_BROKEN),
        (
            page("OAuth state missing from cookies", status=400, url=f"{HUB}hub/oauth_callback"),
            Memory(),
            End.HUB_BROKEN,
        ),
        (page("500", status=500, url=f"{HUB}hub/oauth_callback"), Memory(password_sent=True), End.HUB_BROKEN),
        (page("404", status=404, url=AT_HUB), Memory(), End.HUB_BROKEN),
        (page("redirect_uri did not match", status=400), Memory(), End.ISSUER_REFUSED),
        (page("Service Unavailable", status=503), Memory(), End.ISSUER_REFUSED),
        (page("<script>app()</script>"), Memory(), End.STUCK),
        (page("<form action=/search><input name=q></form>"), Memory(), End.STUCK),
        (page("<form method=post><input name=otp></form>"), Memory(password_sent=True), End.STUCK),
        (page("<form method=post><input name=x type=hidden><button>Deny</button></form>"), Memory(), End.STUCK),
        (page("<form method=post><button>Yes</button></form>"), Memory(confirmations=4), End.STUCK),
        (page("<form method=post><input name=username></form>"), Memory(user_sent=True), End.WRONG_PASSWORD),
        (page("nothing to press", url=AT_HUB), Memory(), End.STUCK),
        (page('<a href="oauth_login">again</a>', url=AT_HUB), Memory(link_followed=True), End.STUCK),
        (page(PASSWORD_FORM.replace("/interaction/1", "https://evil.example/take")), Memory(), End.STUCK),
        (page(PASSWORD_FORM.replace("/interaction/1", "http://issuer.example.org/x")), Memory(), End.STUCK),
        (page(PASSWORD_FORM.replace("post", "get")), Memory(), End.STUCK),
    ],
    ids=[
        "form again with 403",
        "form again with 200",
        "hub refuses",
        "hub got no token",
        "hub 403 for the state",
        "hub 400 for the state",
        "hub breaks",
        "hub has no such page",
        "issuer does not know the callback",
        "issuer is down",
        "page of scripts only",
        "only a search form",
        "second factor",
        "only a no",
        "consent without end",
        "user asked for again",
        "hub login page without a way",
        "hub login page again",
        "password would go elsewhere",
        "password would go in clear",
        "password would go into the address",
    ],
)
def test_the_end_of_a_sign_in(given: Page, memory: Memory, end: End) -> None:
    move = decide(given, memory, HUB)
    assert isinstance(move, Finish) and move.end is end


def test_the_seen_text_of_a_misdirected_password_form_names_both_places() -> None:
    move = decide(page(PASSWORD_FORM.replace("/interaction/1", "https://evil.example/take?x=1")), Memory(), HUB)
    assert move == Finish(
        End.STUCK,
        "a password form at https://issuer.example.org/interaction/... that would send the password by post https://evil.example/take",
    )


# ---- deciding: going on -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["hub/home", "hub/spawn-pending/ada?next=x", "user/ada/lab", ""])
def test_a_page_of_the_hub_means_inside(path: str) -> None:
    assert decide(page("Home", url=HUB + path), Memory(), HUB) == Finish(End.INSIDE, (HUB + path).split("?")[0])


def test_the_hubs_sign_in_button_is_followed_once() -> None:
    move = decide(page('<a href="/iris/hub/oauth_login?next=%2F">Sign in</a>', url=AT_HUB), Memory(), HUB)
    assert move == Follow("https://hub.example.org:8443/iris/hub/oauth_login?next=%2F", Memory(link_followed=True))


def test_the_password_form_is_filled_and_remembered() -> None:
    given = page(PASSWORD_FORM)
    move = decide(given, Memory(link_followed=True), HUB)
    wanted = Memory(user_sent=True, password_sent=True, link_followed=True)
    assert move == Submit(given.forms[0], "password", wanted, Button("go", "in", "Sign in"))


def test_the_hubs_own_password_form_is_filled_too() -> None:
    move = decide(page(PASSWORD_FORM.replace("/interaction/1", "/iris/hub/login"), url=AT_HUB), Memory(), HUB)
    assert isinstance(move, Submit) and move.asks == "password"


def test_an_identifier_first_page_gets_the_user_alone() -> None:
    given = page("<form method=post action=/next><input name=loginfmt type=email><button>Next</button></form>")
    move = decide(given, Memory(), HUB)
    assert move == Submit(given.forms[0], "user", Memory(user_sent=True), Button("", "", "Next"))


def test_consent_is_given_and_counted() -> None:
    given = page(
        "<form method=post><input type=hidden name=id value=1><button name=deny>Cancel</button>"
        "<button name=authorize value=1>Authorize</button></form>"
    )
    move = decide(given, Memory(password_sent=True, confirmations=1), HUB)
    assert move == Submit(
        given.forms[0],
        "confirmation",
        Memory(password_sent=True, confirmations=2),
        Button("authorize", "1", "Authorize"),
    )


def test_a_form_that_a_script_would_send_is_sent() -> None:
    given = page(
        '<form method="post" action="https://hub.example.org:8443/iris/hub/oauth_callback">'
        "<input type=hidden name=code value=c></form>"
    )
    move = decide(given, Memory(password_sent=True), HUB)
    assert isinstance(move, Submit) and (move.asks, move.button) == ("confirmation", None)


@pytest.mark.parametrize(
    ("labels", "pressed"),
    [
        (("Deny", "Allow"), "Allow"),
        (("Cancel", "Weiter"), "Weiter"),
        (("Save", "Yes, continue"), "Yes, continue"),
        (("No", "Nope later"), "Nope later"),
        (("Log out", "Stay"), "Stay"),
    ],
)
def test_the_button_of_somebody_who_agrees(labels: tuple[str, ...], pressed: str) -> None:
    buttons = "".join(f"<button name={index}>{label}</button>" for index, label in enumerate(labels))
    move = decide(page(f"<form method=post>{buttons}</form>"), Memory(), HUB)
    assert isinstance(move, Submit) and move.button is not None and move.button.label == pressed


# ---- filling in -------------------------------------------------------------------------------------------------


def test_filling_keeps_the_pages_order_and_hidden_fields() -> None:
    (form,) = page(PASSWORD_FORM).forms
    assert fill(form, form.buttons[0], user="ada", password="p w") == [
        ("csrf", "x&y"),
        ("login", "ada"),
        ("password", "p w"),
        ("terms", "on"),
        ("go", "in"),
    ]


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ((Field("tenant", ""), Field("x", "text", "", True, "username email"), Field("p", "password")), "x"),
        ((Field("tenant", ""), Field("username", "text"), Field("p", "password")), "username"),
        ((Field("tenant", ""), Field("wert", "text"), Field("p", "password"), Field("otp", "text")), "wert"),
        ((Field("email", "email"), Field("login", "text"), Field("p", "password")), "login"),
        ((Field("p", "password"),), None),
    ],
    ids=["marked", "by name", "last before the password", "by the better name", "none"],
)
def test_the_field_for_the_user(fields: tuple[Field, ...], name: str | None) -> None:
    sent = dict(fill(post(*fields), None, user="ada", password="pw"))
    assert [key for key, value in sent.items() if value == "ada"] == ([name] if name else [])
    assert sent["p"] == "pw"


def test_nothing_is_filled_into_a_confirmation() -> None:
    form = post(Field("user", "text", "kept"), Field("", "hidden", "nameless"), Field("x", "radio", "1", False))
    assert fill(form, None) == [("user", "kept")]
