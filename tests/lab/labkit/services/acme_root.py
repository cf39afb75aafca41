# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ready check of the ACME server: fetch its root certificate, and let the lab's CA bundles trust it.

Run inside the lab: ``python3 -m labkit.services.acme_root URL STATE_DIRECTORY``. Ends with 0 when the bundles hold the
root, with 1 and one line on standard error when pebble does not answer (yet).
"""

from __future__ import annotations

import hashlib
import ssl
import sys
import urllib.request
from collections.abc import Sequence
from pathlib import Path

from labkit import labs, trust
from labkit.services.files import write

SECONDS = 5.0
KEEP = 20  # roots of earlier starts that stay trusted; the oldest go


def fetch(url: str, ca_file: str) -> str:
    """The PEM text at ``url``. Raises OSError when nobody answers, ValueError when the answer is no certificate."""
    context = ssl.create_default_context(cafile=ca_file)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
    with opener.open(url, timeout=SECONDS) as answer:
        text = str(answer.read(65536), "ascii")
    ssl.PEM_cert_to_DER_cert(text.strip())
    return text.strip() + "\n"


def keep(text: str, directory: Path) -> Path:
    """Store one root under its own hash and drop the oldest beyond ``KEEP``."""
    path = directory / f"acme-{hashlib.sha256(text.encode()).hexdigest()[:8]}.pem"
    write(path, text)
    roots = sorted(directory.glob("acme-*.pem"), key=lambda file: file.stat().st_mtime, reverse=True)
    for old in roots[KEEP:]:
        old.unlink()
    return path


def main(arguments: Sequence[str]) -> int:
    url, state = arguments
    lab = labs.load(Path(state))
    if lab is None:
        print(f"no lab in {state}", file=sys.stderr)
        return 1
    try:
        keep(fetch(url, str(lab.pki / "ca.pem")), lab.trust)
    except (OSError, ValueError) as error:
        print(f"no root certificate from {url}: {error}", file=sys.stderr)
        return 1
    trust.refresh(lab)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
