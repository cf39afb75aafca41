#!/bin/sh
# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# A helm that is killed while it upgrades: REAL_HELM with the same arguments, ended by SIGKILL after KILL_AFTER seconds.
# What only looks (versions, dry runs) is left in peace. Ends by the same signal, as a killed program does.
case " $* " in
    *" --dry-run=server "* | " version "*) exec "$REAL_HELM" "$@" ;;
esac
exec 3<&0 # the shell takes the standard input away from what it starts in the background
"$REAL_HELM" "$@" <&3 &
child=$!
(
    sleep "$KILL_AFTER"
    kill -KILL "$child"
) 2>/dev/null &
killer=$!
wait "$child"
code=$?
kill "$killer" 2>/dev/null
if [ "$code" -eq 137 ]; then
    kill -KILL $$
fi
exit "$code"
