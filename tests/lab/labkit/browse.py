# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""`lab browse`: Chromium inside the lab, trusting the lab's CA, in a home directory that is thrown away."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from labkit import build, enter, trust
from labkit.paths import Lab
from labkit.say import LabError, run

SCREENSHOT = 90.0  # seconds for one picture
END = "-----END CERTIFICATE-----"


def certificates(bundle: str) -> list[str]:
    """The certificates of a PEM bundle, one by one (certutil takes one at a time)."""
    return [part.strip() + f"\n{END}\n" for part in bundle.split(END) if "BEGIN CERTIFICATE" in part]


def _trusting_home(lab: Lab, home: Path) -> None:
    """Chromium reads its roots from an NSS database in its user's home."""
    database = home / ".pki/nssdb"
    database.mkdir(parents=True)
    run(["certutil", "-d", f"sql:{database}", "-N", "--empty-password"], limit=30)
    for number, text in enumerate(certificates(trust.lab_roots(lab))):
        file = home / "root.pem"
        file.write_text(text, encoding="ascii")
        run(["certutil", "-d", f"sql:{database}", "-A", "-t", "C,,", "-n", f"lab {number}", "-i", file], limit=30)


def words(url: str, home: Path, screenshot: Path | None) -> list[str]:
    """Chromium's command line. No sandbox: Chromium refuses one for root, and it sees nothing but the lab."""
    common = [
        "chromium",
        "--no-sandbox",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        f"--user-data-dir={home / 'profile'}",
    ]
    if screenshot is None:
        return [*common, url]
    return [
        *common,
        "--headless=new",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--window-size=1280,900",
        "--virtual-time-budget=15000",
        f"--screenshot={screenshot.absolute()}",
        url,
    ]


def browse(lab: Lab, pid: int, facts: Mapping[str, str], url: str, screenshot: Path | None) -> int:
    """Open ``url``, or write a picture of it. Returns Chromium's exit code."""
    if screenshot is None and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise LabError(
            "E-LAB-BROWSE  There is no display here. Nothing was changed. "
            "Do: add --screenshot FILE, or open the URL on your own machine (`lab forward`)."
        )
    build.install_packages((*build.PACKAGES, *build.BROWSER_PACKAGES))
    home = Path(tempfile.mkdtemp(prefix="lab-browse-"))
    try:
        _trusting_home(lab, home)
        enter.enter(lab, pid)
        environment = enter.variables(lab, facts, os.environ) | {"HOME": str(home)}
        limit = SCREENSHOT if screenshot else None
        done = subprocess.run(
            words(url, home, screenshot),
            env=environment,
            capture_output=screenshot is not None,
            timeout=limit,
            check=False,
        )
        if screenshot and not screenshot.is_file():
            raise LabError(
                f"E-LAB-BROWSE  Chromium made no picture: {done.stderr.decode(errors='replace')[-500:]}. "
                "Do: try another URL."
            )
        return done.returncode
    except subprocess.TimeoutExpired as error:
        raise LabError(
            f"E-LAB-BROWSE  Chromium did not finish {url} within {SCREENSHOT:.0f} s. Do: `lab exec -- curl -v {url}`."
        ) from error
    finally:
        shutil.rmtree(home, ignore_errors=True)
