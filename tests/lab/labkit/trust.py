# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""CA bundles: the lab's own roots (``lab.ca_file``), and the host's roots plus those (``lab.ca_bundle``).

They are rewritten in place, not replaced: ``lab exec`` has them bind-mounted over the system's bundle.
``python3 -m labkit.trust STATE_DIRECTORY`` rebuilds them, for a part that just added a root to ``lab.trust``.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from labkit import labs
from labkit.paths import Lab

SYSTEM_BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")


def _rewrite(path: Path, text: str) -> None:
    """Make the file hold ``text`` under its present inode; a reader sees old or new, or for an instant a mixture."""
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return
    with path.open("r+" if path.exists() else "w", encoding="utf-8") as file:
        file.write(text)
        file.truncate()


def lab_roots(lab: Lab) -> str:
    """The lab CA, then every certificate in ``lab.trust``, PEM."""
    files = [lab.pki / "ca.pem", *sorted(lab.trust.glob("*.pem"))]
    return "".join(file.read_text(encoding="utf-8").strip() + "\n" for file in files)


def system_roots() -> str:
    """The host's bundle as it is outside any lab (a person may start a lab from inside ``lab exec``: no matter)."""
    return SYSTEM_BUNDLE.read_text(encoding="utf-8") if SYSTEM_BUNDLE.is_file() else ""


def refresh(lab: Lab, system: str = "") -> None:
    """Bring both bundles up to date. ``system`` is the host's bundle; by default the copy that ``up`` kept."""
    kept = lab.etc / "host-ca.pem"
    if system:
        _rewrite(kept, system)
    roots = lab_roots(lab)
    _rewrite(lab.ca_file, roots)
    _rewrite(lab.ca_bundle, (kept.read_text(encoding="utf-8") if kept.exists() else "") + roots)


def main(arguments: Sequence[str]) -> int:
    lab = labs.load(Path(arguments[0]))
    if lab is None:
        print(f"no lab in {arguments[0]}", file=sys.stderr)
        return 1
    refresh(lab)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
