#!/bin/sh
# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# One image serves hub, proxy and user server, but a hub keeps `sqlite:///jupyterhub.sqlite` relative to its working
# directory: the hub starts in /srv/jupyterhub (where the chart mounts hub-db-dir), everything else in the home.
case "$1" in
  jupyterhub) cd /srv/jupyterhub || exit 1 ;;
esac
exec "$@"
