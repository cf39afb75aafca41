{{- /*
SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
SPDX-License-Identifier: GPL-3.0-or-later
*/ -}}
{{- $policy := .Values.hub.networkPolicy -}}
{{- if $policy.enabled -}}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ (include "lab.names" . | fromYaml).hub }}
  labels:
    {{- include "lab.labels" (list . "hub") | nindent 4 }}
spec:
  podSelector:
    matchLabels:
      {{- include "lab.selector" (list . "hub") | nindent 6 }}
  policyTypes: [Ingress, Egress]
  ingress:
    {{- include "lab.ingressByLabel" (list $policy "hub" (list "http")) | nindent 4 }}
    {{- with include "lab.ingressGiven" (list $policy) }}
    {{- . | nindent 4 }}
    {{- end }}
  egress:
    {{- include "lab.egressTo" (list . "proxy" 8001) | nindent 4 }}
    {{- include "lab.egressTo" (list . "singleuser-server" 8888) | nindent 4 }}
    {{- with include "lab.egress" (list . $policy) }}
    {{- . | nindent 4 }}
    {{- end }}
{{- end }}
