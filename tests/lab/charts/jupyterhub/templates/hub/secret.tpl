{{- /*
SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
SPDX-License-Identifier: GPL-3.0-or-later
*/ -}}
{{- $names := include "lab.names" . | fromYaml -}}
{{- $files := include "lab.files" .Values.hub.extraFiles | fromYaml -}}
{{- $chart := dict "Name" .Chart.Name "Version" .Chart.Version "AppVersion" .Chart.AppVersion -}}
{{- $values := merge (dict "Chart" $chart "Release" (pick .Release "Name" "Namespace" "Service")) .Values -}}
apiVersion: v1
kind: Secret
metadata:
  name: {{ $names.hub }}
  labels:
    {{- include "lab.labels" (list . "hub") | nindent 4 }}
type: Opaque
data:
  values.yaml: {{ $values | toYaml | b64enc | quote }}
  hub.config.ConfigurableHTTPProxy.auth_token: {{ include "lab.authToken" . | b64enc | quote }}
  hub.config.JupyterHub.cookie_secret: {{ include "lab.cookieSecret" . | b64enc | quote }}
  hub.config.CryptKeeper.keys: {{ include "lab.cryptKeys" . | b64enc | quote }}
  {{- range $name, $service := .Values.hub.services }}
  hub.services.{{ $name }}.apiToken: {{ include "lab.serviceToken" (list $ $name $service) | b64enc | quote }}
  {{- end }}
  {{- with $files.data }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with $files.stringData }}
stringData:
  {{- toYaml . | nindent 2 }}
{{- end }}
