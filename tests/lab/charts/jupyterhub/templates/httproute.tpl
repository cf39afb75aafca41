{{- /*
SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
SPDX-License-Identifier: GPL-3.0-or-later
*/ -}}
{{- $names := include "lab.names" . | fromYaml -}}
{{- $route := .Values.httpRoute -}}
{{- if $route.enabled -}}
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata:
  name: {{ $names.httpRoute }}
  labels:
    {{- include "lab.labels" (list . "httproute") | nindent 4 }}
  {{- with $route.annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  parentRefs:
    - kind: Gateway
      name: {{ $route.gateway.name }}
      {{- with $route.gateway.namespace }}
      namespace: {{ . }}
      {{- end }}
      {{- with $route.gateway.sectionName }}
      sectionName: {{ . }}
      {{- end }}
  {{- with $route.hostnames }}
  hostnames:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  rules:
    - backendRefs:
        - name: {{ index $names "proxy-public" }}
          port: 80
{{- end }}
