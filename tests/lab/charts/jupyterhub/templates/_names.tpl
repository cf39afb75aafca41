{{- /*
SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
SPDX-License-Identifier: GPL-3.0-or-later
*/ -}}
{{- /*
Every object's name in one dictionary: `$names := include "lab.names" . | fromYaml`.
The prefix follows z2jh: fullnameOverride "" (the default) none, a text that text, null the release's name.
*/ -}}
{{- define "lab.prefix" -}}
  {{- if kindIs "string" .Values.fullnameOverride -}}
    {{- with .Values.fullnameOverride }}{{ . }}-{{ end -}}
  {{- else -}}
    {{- $name := .Values.nameOverride | default .Chart.Name -}}
    {{- if contains $name .Release.Name }}{{ .Release.Name }}-{{ else }}{{ .Release.Name }}-{{ $name }}-{{ end -}}
  {{- end -}}
{{- end -}}

{{- define "lab.names" -}}
{{- $prefix := include "lab.prefix" . -}}
{{- $account := .Values.hub.serviceAccount -}}
{{- $hook := .Values.prePuller.hook.serviceAccount -}}
fullname: {{ $prefix | trimSuffix "-" | quote }}
fullname-dash: {{ $prefix | quote }}
hub: {{ $prefix }}hub
hub-serviceaccount: {{ $account.name | default (ternary (print $prefix "hub") "default" $account.create) }}
hub-existing-secret: {{ .Values.hub.existingSecret | default "" | quote }}
hub-existing-secret-or-default: {{ .Values.hub.existingSecret | default (print $prefix "hub") }}
hub-pvc: {{ $prefix }}hub-db-dir
proxy: {{ $prefix }}proxy
proxy-api: {{ $prefix }}proxy-api
proxy-public: {{ $prefix }}proxy-public
proxy-public-manual-tls: {{ $prefix }}proxy-public-manual-tls
singleuser: {{ $prefix }}singleuser
image-pull-secret: {{ $prefix }}image-pull-secret
hook-image-awaiter: {{ $prefix }}hook-image-awaiter
hook-image-awaiter-serviceaccount: {{ $hook.name | default (ternary (print $prefix "hook-image-awaiter") "default" $hook.create) }}
ingress: {{ $prefix | trimSuffix "-" | default "jupyterhub" }}
httpRoute: {{ $prefix | trimSuffix "-" | default "jupyterhub" }}
{{- end -}}

{{- /*
Labels take (list ROOT COMPONENT). z2jh 4 carries the old names (app, release, component) and the recommended ones;
selectors hold the old ones only, because a Deployment's selector cannot change.
*/ -}}
{{- define "lab.selector" -}}
{{- $root := index . 0 -}}
component: {{ index . 1 }}
app: {{ $root.Values.nameOverride | default $root.Chart.Name | quote }}
release: {{ $root.Release.Name | quote }}
{{- end -}}

{{- define "lab.podLabels" -}}
{{- $root := index . 0 -}}
{{ include "lab.selector" . }}
app.kubernetes.io/component: {{ index . 1 }}
app.kubernetes.io/name: {{ $root.Values.nameOverride | default $root.Chart.Name | quote }}
app.kubernetes.io/instance: {{ $root.Release.Name | quote }}
{{- end -}}

{{- define "lab.labels" -}}
{{- $root := index . 0 -}}
{{- $chart := printf "%s-%s" $root.Chart.Name ($root.Chart.Version | replace "+" "_") -}}
{{ include "lab.podLabels" . }}
chart: {{ $chart }}
heritage: {{ $root.Release.Service }}
helm.sh/chart: {{ $chart }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
{{- end -}}
