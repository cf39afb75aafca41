{{- /*
SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
SPDX-License-Identifier: GPL-3.0-or-later
*/ -}}
{{- $names := include "lab.names" . | fromYaml -}}
{{- $service := .Values.proxy.service -}}
{{- $https := .Values.proxy.https -}}
{{- $secure := and $https.enabled (has $https.type (list "manual" "secret" "offload")) -}}
apiVersion: v1
kind: Service
metadata:
  name: {{ index $names "proxy-api" }}
  labels:
    {{- include "lab.labels" (list . "proxy-api") | nindent 4 }}
spec:
  selector:
    {{- include "lab.selector" (list . "proxy") | nindent 4 }}
  ports:
    - port: 8001
      targetPort: api
  {{- with $service.ipFamilyPolicy }}
  ipFamilyPolicy: {{ . }}
  {{- end }}
  {{- with $service.ipFamilies }}
  ipFamilies:
    {{- toYaml . | nindent 4 }}
  {{- end }}
---
apiVersion: v1
kind: Service
metadata:
  name: {{ index $names "proxy-public" }}
  labels:
    {{- include "lab.labels" (list . "proxy-public") | nindent 4 }}
    {{- with $service.labels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- with $service.annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  type: {{ $service.type }}
  selector:
    {{- include "lab.selector" (list . "proxy") | nindent 4 }}
  ports:
    {{- if $secure }}
    - name: https
      port: 443
      {{- /* offload: somebody in front ended TLS, and the proxy speaks plain HTTP */}}
      targetPort: {{ ternary "http" "https" (eq $https.type "offload") }}
      {{- with $service.nodePorts.https }}
      nodePort: {{ . }}
      {{- end }}
    {{- end }}
    {{- if not $service.disableHttpPort }}
    - name: http
      port: 80
      targetPort: http
      {{- with $service.nodePorts.http }}
      nodePort: {{ . }}
      {{- end }}
    {{- end }}
    {{- with $service.extraPorts }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- with $service.loadBalancerIP }}
  loadBalancerIP: {{ . }}
  {{- end }}
  {{- if and $service.loadBalancerSourceRanges (eq $service.type "LoadBalancer") }}
  loadBalancerSourceRanges:
    {{- toYaml $service.loadBalancerSourceRanges | nindent 4 }}
  {{- end }}
  {{- with $service.externalIPs }}
  externalIPs:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $service.ipFamilyPolicy }}
  ipFamilyPolicy: {{ . }}
  {{- end }}
  {{- with $service.ipFamilies }}
  ipFamilies:
    {{- toYaml . | nindent 4 }}
  {{- end }}
