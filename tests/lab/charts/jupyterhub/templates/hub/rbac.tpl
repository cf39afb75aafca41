{{- /*
SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
SPDX-License-Identifier: GPL-3.0-or-later
*/ -}}
{{- $names := include "lab.names" . | fromYaml -}}
{{- if .Values.rbac.create -}}
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: {{ $names.hub }}
  labels:
    {{- include "lab.labels" (list . "hub") | nindent 4 }}
rules:
  - apiGroups: [""]
    resources: [pods, persistentvolumeclaims, secrets, services]
    verbs: [get, watch, list, create, delete]
  - apiGroups: [""]
    resources: [events]
    verbs: [get, watch, list]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: {{ $names.hub }}
  labels:
    {{- include "lab.labels" (list . "hub") | nindent 4 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: Role
  name: {{ $names.hub }}
subjects:
  - kind: ServiceAccount
    name: {{ index $names "hub-serviceaccount" }}
    namespace: {{ .Release.Namespace }}
{{- end }}
