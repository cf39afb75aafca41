{{- /*
SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
SPDX-License-Identifier: GPL-3.0-or-later
*/ -}}
{{- if .Values.hub.pdb.enabled -}}
{{- include "lab.pdb" (list . "hub" (include "lab.names" . | fromYaml).hub .Values.hub.pdb) }}
{{- end }}
