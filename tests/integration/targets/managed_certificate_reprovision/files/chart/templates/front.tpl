{{- /*
SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
SPDX-License-Identifier: GPL-3.0-or-later
*/ -}}
apiVersion: v1
kind: Service
metadata:
  name: hub
  annotations: {cloud.google.com/neg: '{"ingress": true}'}
spec: {selector: {app: hub}, ports: [{name: http, port: 80}]}
{{- range .Values.doors }}
---
apiVersion: networking.gke.io/v1
kind: ManagedCertificate
metadata: {name: {{ .name }}, labels: {round: {{ $.Values.round }}}}
spec: {domains: [{{ .host }}]}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: {{ .name }}
  labels: {round: {{ $.Values.round }}}
  annotations:
    kubernetes.io/ingress.class: gce
    kubernetes.io/ingress.global-static-ip-name: {{ .address }}
    {{- /* a blank more or less means nothing to GKE, and is a change all the same */}}
    networking.gke.io/managed-certificates: {{ printf "%s%s" .name $.Values.blank | quote }}
spec: {defaultBackend: {service: {name: hub, port: {number: 80}}}}
{{- end }}
