{{- /*
SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
SPDX-License-Identifier: GPL-3.0-or-later
*/ -}}
{{- $names := include "lab.names" . | fromYaml -}}
{{- $ingress := .Values.ingress -}}
{{- if $ingress.enabled -}}
{{- $service := dict "name" (index $names "proxy-public") "port" (dict "name" "http") -}}
{{- $path := printf "%s/%s" (.Values.hub.baseUrl | trimSuffix "/") ($ingress.pathSuffix | default "") -}}
{{- $paths := concat (list (dict "path" $path "pathType" $ingress.pathType "backend" (dict "service" $service))) $ingress.extraPaths -}}
{{- $rules := list -}}
{{- range $ingress.hosts | default (list "") -}}
  {{- $rules = append $rules (merge (dict "http" (dict "paths" $paths)) (ternary (dict "host" .) dict (ne . ""))) -}}
{{- end -}}
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: {{ $names.ingress }}
  labels:
    {{- include "lab.labels" (list . "ingress") | nindent 4 }}
  {{- with $ingress.annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  {{- with $ingress.ingressClassName }}
  ingressClassName: {{ . }}
  {{- end }}
  rules:
    {{- toYaml $rules | nindent 4 }}
  {{- with $ingress.tls }}
  tls:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}
