# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Starts the module of this name from its file, where that is possible; it is the first of every play of the roles."""

from __future__ import annotations

from ansible_collections.researchops.jupyterhub.plugins.plugin_utils.local_module import ActionModule
from ansible_collections.researchops.jupyterhub.plugins.plugin_utils.preload import preload

__all__ = ["ActionModule"]

preload()
