#!/bin/sh
# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# REAL_HELM, whose writing commands go to the API server through the proxy that THROUGH (a kubeconfig) names and leave
# their process id in PID_FILE, so that the proxy can kill them at a request of its choice. What only looks (versions,
# dry runs) is left in peace.
case " $* " in
    *" --dry-run=server "* | " version "*) exec "$REAL_HELM" "$@" ;;
esac
echo "$$" >"$PID_FILE"
KUBECONFIG="$THROUGH" exec "$REAL_HELM" "$@"
