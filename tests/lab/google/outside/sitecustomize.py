# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Python runs this at its start where this directory is on PYTHONPATH: Google's names lead to STANDIN_PORT."""

import os

if os.environ.get("STANDIN_PORT"):
    from standin.names import lead

    lead(int(os.environ["STANDIN_PORT"]))
