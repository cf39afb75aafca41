{{- /*
SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
SPDX-License-Identifier: GPL-3.0-or-later
*/ -}}
{{- $policy := .Values.proxy.chp.networkPolicy -}}
{{- $https := .Values.proxy.https -}}
{{- $tls := and $https.enabled (has $https.type (list "manual" "secret")) -}}
{{- if $policy.enabled -}}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ (include "lab.names" . | fromYaml).proxy }}
  labels:
    {{- include "lab.labels" (list . "proxy") | nindent 4 }}
spec:
  podSelector:
    matchLabels:
      {{- include "lab.selector" (list . "proxy") | nindent 6 }}
  policyTypes: [Ingress, Egress]
  ingress:
    {{- include "lab.ingressByLabel" (list $policy "proxy-http" (ternary (list "http" "https") (list "http") $tls)) | nindent 4 }}
    {{- include "lab.ingressByLabel" (list $policy "proxy-api" (list "api")) | nindent 4 }}
    {{- with include "lab.ingressGiven" (list $policy) }}
    {{- . | nindent 4 }}
    {{- end }}
  egress:
    {{- include "lab.egressTo" (list . "hub" 8081) | nindent 4 }}
    {{- include "lab.egressTo" (list . "singleuser-server" 8888) | nindent 4 }}
    {{- with include "lab.egress" (list . $policy) }}
    {{- . | nindent 4 }}
    {{- end }}
{{- end }}
