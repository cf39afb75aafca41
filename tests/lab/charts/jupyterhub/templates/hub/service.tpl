{{- /*
SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
SPDX-License-Identifier: GPL-3.0-or-later
*/ -}}
{{- $names := include "lab.names" . | fromYaml -}}
{{- $service := .Values.hub.service -}}
{{- $scrape := dict "prometheus.io/scrape" "true" "prometheus.io/port" "8081" -}}
{{- $_ := set $scrape "prometheus.io/path" (printf "%s/hub/metrics" (.Values.hub.baseUrl | trimSuffix "/")) -}}
apiVersion: v1
kind: Service
metadata:
  name: {{ $names.hub }}
  labels:
    {{- include "lab.labels" (list . "hub") | nindent 4 }}
  annotations:
    {{- toYaml (merge (dict) $service.annotations $scrape) | nindent 4 }}
spec:
  type: {{ $service.type }}
  selector:
    {{- include "lab.selector" (list . "hub") | nindent 4 }}
  ports:
    - name: hub
      port: 8081
      targetPort: http
      {{- with $service.ports.nodePort }}
      nodePort: {{ . }}
      {{- end }}
      {{- with $service.ports.appProtocol }}
      appProtocol: {{ . }}
      {{- end }}
    {{- with $service.extraPorts }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- with $service.loadBalancerIP }}
  loadBalancerIP: {{ . }}
  {{- end }}
  {{- with $service.ipFamilyPolicy }}
  ipFamilyPolicy: {{ . }}
  {{- end }}
  {{- with $service.ipFamilies }}
  ipFamilies:
    {{- toYaml . | nindent 4 }}
  {{- end }}
