{{- /*
SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
SPDX-License-Identifier: GPL-3.0-or-later
*/ -}}
{{- $files := include "lab.files" .Values.singleuser.extraFiles | fromYaml -}}
{{- if .Values.singleuser.extraFiles -}}
apiVersion: v1
kind: Secret
metadata:
  name: {{ (include "lab.names" . | fromYaml).singleuser }}
  labels:
    {{- include "lab.labels" (list . "singleuser") | nindent 4 }}
type: Opaque
{{- with $files.data }}
data:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $files.stringData }}
stringData:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
