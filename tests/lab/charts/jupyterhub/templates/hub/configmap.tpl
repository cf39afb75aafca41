{{- /*
SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
SPDX-License-Identifier: GPL-3.0-or-later
*/ -}}
{{- $names := include "lab.names" . | fromYaml -}}
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ $names.hub }}
  labels:
    {{- include "lab.labels" (list . "hub") | nindent 4 }}
data:
  {{- toYaml $names | nindent 2 }}
  {{- (.Files.Glob "files/hub/*").AsConfig | nindent 2 }}
  checksum_hook-image-puller: {{ include "lab.hook.checksum" . | quote }}
