{{- /*
SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
SPDX-License-Identifier: GPL-3.0-or-later
*/ -}}
{{- $policy := .Values.singleuser.networkPolicy -}}
{{- if $policy.enabled -}}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ (include "lab.names" . | fromYaml).singleuser }}
  labels:
    {{- include "lab.labels" (list . "singleuser") | nindent 4 }}
spec:
  podSelector:
    matchLabels:
      {{- include "lab.selector" (list . "singleuser-server") | nindent 6 }}
  policyTypes: [Ingress, Egress]
  ingress:
    {{- include "lab.ingressByLabel" (list $policy "singleuser" (list "notebook-port")) | nindent 4 }}
    {{- with include "lab.ingressGiven" (list $policy) }}
    {{- . | nindent 4 }}
    {{- end }}
  egress:
    {{- include "lab.egressTo" (list . "hub" 8081) | nindent 4 }}
    {{- include "lab.egressTo" (list . "proxy" 8000) | nindent 4 }}
    {{- include "lab.egressTo" (list . "autohttps" 8080 8443) | nindent 4 }}
    {{- with include "lab.egress" (list . $policy) }}
    {{- . | nindent 4 }}
    {{- end }}
{{- end }}
