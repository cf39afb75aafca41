# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a newcomer does after `make demo`: open the printed URL in a browser and work.

The browser stands on the host, outside of the lab's network, and goes through the forwarder like a person's.
"""

from __future__ import annotations

import os
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
from support_browser import SCREENSHOTS, Browser, browser, on_host
from support_demo import demo_hub, forward

PRESS = "(document.querySelector('a[href*=oauth_login]').click(), true)"
SIGN_IN = "document.querySelector('input[name=login]') && document.querySelector('input[type=password]') && true"
LAUNCHER = "document.querySelector('.jp-LauncherCard[data-category=Notebook]') && true"
STOP = """
(async () => {
  const xsrf = document.cookie.split('; ').find((one) => one.startsWith('_xsrf=')).slice(6);
  const reply = await fetch('/hub/api/users/ada/server', {method: 'DELETE', headers: {'X-XSRFToken': xsrf}});
  return reply.status;
})()
"""


@pytest.fixture(scope="module")
def url() -> str:
    """The printed URL, with the hub behind it and the door to the host open."""
    found = demo_hub()
    forward()
    return found


@pytest.fixture
def chromium(url: str) -> Iterator[Browser]:
    """A browser that nobody has used yet."""
    with browser(Path(os.environ["LAB_CA_FILE"])) as one:
        yield one


def sign_in(chromium: Browser, url: str, user: str, password: str) -> None:
    chromium.open(url)
    chromium.wait("the hub's sign-in button", PRESS, 30)
    chromium.wait("the sign-in page", SIGN_IN, 30)
    chromium.type("input[name=login]", user)
    chromium.type("input[type=password]", password)


def served(names: str) -> bytes:
    """The certificate behind hub.lab.test:8443, as seen by this process."""
    context = ssl.create_default_context(cafile=os.environ["LAB_CA_FILE"])
    with (
        socket.create_connection((names, 8443), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname="hub.lab.test") as secure,
    ):
        return secure.getpeercert(binary_form=True) or b""


def test_the_host_sees_the_same_door_as_the_lab(url: str) -> None:
    code = (
        "import os, socket, ssl, sys;"
        "context = ssl.create_default_context(cafile=os.environ['LAB_CA_FILE']);"
        "plain = socket.create_connection(('127.0.0.1', 8443), timeout=10);"
        "secure = context.wrap_socket(plain, server_hostname='hub.lab.test');"
        "sys.stdout.buffer.write(secure.getpeercert(binary_form=True))"
    )
    outside = subprocess.run([*on_host(), sys.executable, "-c", code], capture_output=True, check=True, timeout=30)
    assert outside.stdout == served("hub.lab.test")


def test_ada_opens_the_printed_url_and_gets_jupyterlab(chromium: Browser, url: str) -> None:
    sign_in(chromium, url, "ada", "demo-ada")
    chromium.picture("sign-in")
    chromium.press_enter()
    chromium.wait("JupyterLab with its launcher", LAUNCHER, 120)
    assert chromium.value("location.origin + location.pathname").startswith(f"{url}/user/ada/lab")
    chromium.picture("jupyterlab")
    chromium.open(f"{url}/hub/home")
    chromium.wait(
        "the hub's home page", "document.cookie.includes('_xsrf=') && document.querySelector('#stop') && true", 30
    )
    chromium.picture("hub-home")
    assert chromium.value(STOP) in (202, 204)
    assert all((SCREENSHOTS / f"{name}.png").stat().st_size > 5000 for name in ("sign-in", "jupyterlab", "hub-home"))


def test_mallory_reads_why_she_may_not_enter(chromium: Browser, url: str) -> None:
    sign_in(chromium, url, "mallory", "demo-mallory")
    chromium.press_enter()
    chromium.wait("the refusal", "document.body.innerText.includes('403 : Forbidden')", 30)
    assert "not currently authorized to use this hub" in chromium.value("document.body.innerText")
    chromium.picture("refused")


def test_a_wrong_password_is_told_on_the_page(chromium: Browser, url: str) -> None:
    sign_in(chromium, url, "ada", "not-the-password")
    chromium.press_enter()
    alert = "document.querySelector('[role=alert]') && document.querySelector('[role=alert]').innerText"
    assert chromium.wait("the sign-in page's answer", alert, 30) == "Login or password is wrong."
    assert chromium.value("document.querySelector('input[name=login]').value") == "ada"


def test_a_browser_without_the_labs_ca_refuses(url: str, tmp_path: Path) -> None:
    nothing = tmp_path / "no-ca.pem"
    nothing.write_text("", encoding="utf-8")
    with browser(nothing) as stranger, pytest.raises(AssertionError, match="ERR_CERT_AUTHORITY_INVALID"):
        stranger.open(url)
