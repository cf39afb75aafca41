{{- /*
SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
SPDX-License-Identifier: GPL-3.0-or-later
*/ -}}
{{- $pull := .Values.imagePullSecret -}}
{{- if $pull.create -}}
{{- $registry := $pull.registry | default "https://index.docker.io/v1/" -}}
{{- $entry := dict "username" $pull.username "password" $pull.password "auth" (printf "%s:%s" $pull.username $pull.password | b64enc) -}}
{{- with $pull.email }}{{ $_ := set $entry "email" . }}{{ end -}}
apiVersion: v1
kind: Secret
metadata:
  name: {{ index (include "lab.names" . | fromYaml) "image-pull-secret" }}
  labels:
    {{- include "lab.labels" (list . "image-pull-secret") | nindent 4 }}
  annotations:
    helm.sh/hook: pre-install,pre-upgrade
    helm.sh/hook-delete-policy: before-hook-creation
    helm.sh/hook-weight: "-20"
type: kubernetes.io/dockerconfigjson
data:
  .dockerconfigjson: {{ dict "auths" (dict $registry $entry) | toJson | b64enc }}
{{- end }}
