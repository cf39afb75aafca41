{{- /*
SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
SPDX-License-Identifier: GPL-3.0-or-later
*/ -}}
{{- if .Values.proxy.chp.pdb.enabled -}}
{{- include "lab.pdb" (list . "proxy" (include "lab.names" . | fromYaml).proxy .Values.proxy.chp.pdb) }}
{{- end }}
