# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The load balancer's front side: TLS, Identity-Aware Proxy, the way to a pod."""
