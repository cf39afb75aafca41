# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the Makefile and CI run. Python's standard library only: it must start on a machine that has nothing but
python3.
"""
