{{- /*
SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
SPDX-License-Identifier: GPL-3.0-or-later
*/ -}}
{{- $names := include "lab.names" . | fromYaml -}}
{{- $pvc := .Values.hub.db.pvc -}}
{{- if eq .Values.hub.db.type "sqlite-pvc" -}}
apiVersion: v1
kind: PersistentVolumeClaim
metadata:
  name: {{ index $names "hub-pvc" }}
  labels:
    {{- include "lab.labels" (list . "hub") | nindent 4 }}
  {{- with $pvc.annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  accessModes:
    {{- toYaml $pvc.accessModes | nindent 4 }}
  resources:
    requests:
      storage: {{ $pvc.storage | quote }}
  {{- if kindIs "string" $pvc.storageClassName }}
  storageClassName: {{ $pvc.storageClassName | quote }}
  {{- end }}
  {{- with $pvc.selector }}
  selector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}
