# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real Chromium on the host, outside of the lab: what a person at this machine has.

The tests run in the lab's network; the browser is started in the host's, trusts the lab's CA in a home of its own, and
is driven over a pipe by the DevTools protocol, because no port is shared between the two networks.
"""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
SCREENSHOTS = ROOT / "build" / "screenshots"
NAMES = "MAP hub.lab.test 127.0.0.1, MAP issuer.lab.test 127.0.0.1"
"""The one line for /etc/hosts that `make demo` prints, as a setting of the browser alone."""
CALL_SECONDS = 30.0
TROUBLES = 10
"""How many of the things that went wrong in a page are told, the last ones."""
END = "-----END CERTIFICATE-----"


@cache
def host() -> int:
    """A process outside of the lab: the nearest ancestor in another network, which started `lab exec`."""
    ours = os.readlink("/proc/self/ns/net")
    process = os.getppid()
    while process > 1:
        if os.readlink(f"/proc/{process}/ns/net") != ours:
            return process
        stat = Path(f"/proc/{process}/stat").read_text(encoding="utf-8")
        process = int(stat.rpartition(")")[2].split()[1])
    raise AssertionError("these tests run inside `tests/lab/lab exec`, started from outside")


def on_host(*, mounts: bool = False) -> list[str]:
    """Words in front of a command that is to run in the host's network, and among the host's mounts if wanted."""
    return ["nsenter", "--target", str(host()), "--net", *(["--mount"] if mounts else []), "--"]


def install() -> None:
    """Have Chromium and certutil, by the lab's own list of packages; packages come from the host's network."""
    if shutil.which("chromium") and shutil.which("certutil"):
        return
    code = "from labkit import build; build.install_packages((*build.PACKAGES, *build.BROWSER_PACKAGES))"
    argv = [*on_host(mounts=True), sys.executable, "-c", code]
    subprocess.run(argv, env={**os.environ, "PYTHONPATH": str(ROOT / "tests" / "lab")}, check=True, timeout=600)


def trusting_home(home: Path, ca_file: Path) -> None:
    """A home whose certificate store knows the authorities in ``ca_file``, as after a person imported the file."""
    database = home / ".pki" / "nssdb"
    database.mkdir(parents=True)
    store = ["certutil", "-d", f"sql:{database}"]
    subprocess.run([*store, "-N", "--empty-password"], check=True, timeout=30)
    parts = ca_file.read_text(encoding="utf-8").split(END)
    for number, part in enumerate(part for part in parts if "BEGIN CERTIFICATE" in part):
        argv = [*store, "-A", "-t", "C,,", "-n", f"lab {number}"]
        subprocess.run(argv, input=f"{part.strip()}\n{END}\n", text=True, check=True, timeout=30)


def words(home: Path) -> list[str]:
    """Chromium's command line. No sandbox: Chromium refuses one for root, and it sees nothing but the lab."""
    return [
        "chromium",
        "--headless=new",
        "--no-sandbox",
        "--no-first-run",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--window-size=1280,900",
        f"--user-data-dir={home / 'profile'}",
        f"--host-resolver-rules={NAMES}",
        "--no-proxy-server",
        "--remote-debugging-pipe",
    ]


class Browser:
    """One tab."""

    def __init__(self, requests: int, answers: int) -> None:
        self._requests = requests
        self._answers = answers
        self._rest = b""
        self._number = 0
        self._session = ""
        self._loading: dict[str, str] = {}
        self._trouble: deque[str] = deque(maxlen=TROUBLES)
        target = self.call("Target.createTarget", {"url": "about:blank"})["targetId"]
        self._session = self.call("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
        for domain in ("Page", "Network", "Runtime"):
            self.call(f"{domain}.enable")

    def call(self, method: str, parameters: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """One command of the DevTools protocol and its answer; of the events, what may keep a page from coming."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": dict(parameters or {})}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._requests, json.dumps(message).encode() + b"\0")
        end = time.monotonic() + CALL_SECONDS
        while True:
            answer = self._next(end, method)
            if answer.get("id") == self._number:
                assert "error" not in answer, f"{method}: {answer['error']}"
                result: dict[str, Any] = answer["result"]
                return result
            self._note(answer.get("method", ""), answer.get("params", {}))

    def _note(self, event: str, facts: dict[str, Any]) -> None:
        """Keep what the page waits for and what went wrong in it."""
        if event == "Network.requestWillBeSent":
            self._loading[facts["requestId"]] = facts["request"]["url"]
        elif event == "Network.loadingFinished":
            self._loading.pop(facts["requestId"], None)
        elif event == "Network.loadingFailed":
            self._trouble.append(f"{self._loading.pop(facts['requestId'], '?')}: {facts['errorText']}")
        elif event == "Runtime.exceptionThrown":
            self._trouble.append(json.dumps(facts["exceptionDetails"])[:300])

    def _next(self, end: float, method: str) -> dict[str, Any]:
        while b"\0" not in self._rest:
            ready, _writable, _broken = select.select([self._answers], [], [], max(0.0, end - time.monotonic()))
            assert ready, f"Chromium did not answer {method} within {CALL_SECONDS:.0f} s"
            part = os.read(self._answers, 1 << 20)
            assert part, f"Chromium ended while it was asked for {method}"
            self._rest += part
        text, _end, self._rest = self._rest.partition(b"\0")
        found: dict[str, Any] = json.loads(text)
        return found

    def open(self, url: str) -> None:
        """Type an address. A page that cannot be reached, or whose certificate is not trusted, fails here."""
        answer = self.call("Page.navigate", {"url": url})
        assert not answer.get("errorText"), f"{url}: {answer['errorText']}"

    def value(self, script: str) -> Any:
        """The value of a script in the page; None while the page changes."""
        parameters = {"expression": script, "returnByValue": True, "awaitPromise": True}
        answer = self.call("Runtime.evaluate", parameters)
        return None if "exceptionDetails" in answer else answer["result"].get("value")

    def wait(self, what: str, script: str, seconds: float) -> Any:
        """Wait until a script in the page gives something true; on failure a picture of the page is kept."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            found = self.value(script)
            if found:
                return found
            time.sleep(0.2)
        picture = self.picture("failed")
        page = self.value("location.href + ' ' + document.title + ' ' + document.body.innerText.slice(0, 400)")
        raise AssertionError(
            f"{what}: not within {seconds:.0f} s; seen: {page}; picture: {picture}; "
            f"still loading: {list(self._loading.values())}; went wrong: {list(self._trouble)}"
        )

    def type(self, selector: str, text: str) -> None:
        """Click into a field and type, key by key as far as the page can tell."""
        assert self.value(f"document.querySelector({json.dumps(selector)}).focus() || true"), selector
        self.call("Input.insertText", {"text": text})

    def press_enter(self) -> None:
        """The key that sends a form."""
        key = {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13, "text": "\r"}
        self.call("Input.dispatchKeyEvent", {"type": "keyDown", **key})
        self.call("Input.dispatchKeyEvent", {"type": "keyUp", **key})

    def picture(self, name: str) -> Path:
        """Keep a picture of the page in build/screenshots."""
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        file = SCREENSHOTS / f"{name}.png"
        file.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", {"format": "png"})["data"]))
        return file


@contextmanager
def browser(ca_file: Path) -> Iterator[Browser]:
    """A browser with a fresh home; it ends with the block, whatever happens in it."""
    install()
    home = Path(tempfile.mkdtemp(prefix="e2e-browser-"))
    to_browser, ours_out = os.pipe()
    ours_in, from_browser = os.pipe()
    undo: list[Callable[[], object]] = [lambda: shutil.rmtree(home, ignore_errors=True)]
    try:
        trusting_home(home, ca_file)
        # The protocol wants the descriptors 3 and 4, and a shell can say so; dash knows one-digit descriptors only.
        script = f'exec "$@" 3<&{to_browser} 4>&{from_browser}'
        process = subprocess.Popen(
            ["bash", "-c", script, "bash", *on_host(), *words(home)],
            env={**os.environ, "HOME": str(home)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(to_browser, from_browser),
            start_new_session=True,
        )
        undo.append(lambda: end(process))
        yield Browser(ours_out, ours_in)
    finally:
        for one in reversed(undo):
            one()
        for descriptor in (to_browser, ours_out, ours_in, from_browser):
            os.close(descriptor)


def end(process: subprocess.Popen[bytes]) -> None:
    """End the browser and its helpers (they are one process group)."""
    for number in (15, 9):
        try:
            os.killpg(process.pid, number)
            process.wait(10)
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue
