# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What runs inside a GKE cluster and in the project around it: controllers that make load balancers of objects."""
