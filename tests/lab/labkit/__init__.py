# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab: a genuine single-node Kubernetes in namespaces of its own. Start reading at cli.py."""
