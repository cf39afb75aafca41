# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""Known digests of published charts.

z2jh signs nothing, so a digest written down once is the only proof that a chart is still the one it was. A version
that is missing here is not refused: its digest is recorded in the release at the first install and binds every later
run (see :mod:`.chart`).
"""

from __future__ import annotations

Z2JH_REPOSITORY = "https://hub.jupyter.org/helm-chart"
"""Where Zero to JupyterHub publishes its chart."""

LOCK: dict[tuple[str, str], str] = {
    # Checked on 2026-11-22 against the repository's index (git repository jupyterhub/helm-chart, branch gh-pages).
    (f"{Z2JH_REPOSITORY}/jupyterhub", "3.3.8"): "ac4dd85c814a322353d68e1a322ba1a5ea0ada6cd8945affcebc46f6ccb2b645",
}
"""(chart reference, version) to the sha256 of the published ``.tgz``, in hexadecimal."""
