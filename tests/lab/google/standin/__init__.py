# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for the Google APIs the collection talks to. What it is, and what it is not: ../README.md."""
