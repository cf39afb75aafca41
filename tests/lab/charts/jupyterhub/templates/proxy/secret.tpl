{{- /*
SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
SPDX-License-Identifier: GPL-3.0-or-later
*/ -}}
{{- $https := .Values.proxy.https -}}
{{- if and $https.enabled (eq ($https.type | default "") "manual") -}}
apiVersion: v1
kind: Secret
metadata:
  name: {{ index (include "lab.names" . | fromYaml) "proxy-public-manual-tls" }}
  labels:
    {{- include "lab.labels" (list . "proxy") | nindent 4 }}
type: kubernetes.io/tls
data:
  tls.crt: {{ required "proxy.https.type is manual: proxy.https.manual.cert must be set" $https.manual.cert | b64enc }}
  tls.key: {{ required "proxy.https.type is manual: proxy.https.manual.key must be set" $https.manual.key | b64enc }}
{{- end }}
