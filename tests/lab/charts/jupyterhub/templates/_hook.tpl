{{- /*
SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
SPDX-License-Identifier: GPL-3.0-or-later
*/ -}}
{{- /* Every image a user's server may need, one a line, sorted: what z2jh's hook pulls before it lets Helm go on */ -}}
{{- define "lab.hook.images" -}}
{{- $images := list (include "lab.image" (list . .Values.singleuser.image)) -}}
{{- range concat .Values.singleuser.initContainers .Values.singleuser.extraContainers }}{{ $images = append $images .image }}{{ end -}}
{{- range .Values.prePuller.extraImages }}{{ $images = append $images (printf "%s:%s" .name .tag) }}{{ end -}}
{{- if .Values.prePuller.pullProfileListImages -}}
  {{- range .Values.singleuser.profileList -}}
    {{- $images = append $images (dig "kubespawner_override" "image" "" .) -}}
    {{- range (.profile_options | default dict) -}}
      {{- range (.choices | default dict) }}{{ $images = append $images (dig "kubespawner_override" "image" "" .) }}{{ end -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- compact $images | uniq | sortAlpha | join "\n" -}}
{{- end -}}

{{- define "lab.hook.checksum" -}}
{{- include "lab.hook.images" . | sha256sum -}}
{{- end -}}

{{- /* "yes" when the hook's objects belong into this rendering: always, or only when the images changed */ -}}
{{- define "lab.hook.wanted" -}}
{{- $hook := .Values.prePuller.hook -}}
{{- $config := lookup "v1" "ConfigMap" .Release.Namespace (print (include "lab.prefix" .) "hub") -}}
{{- $pulled := get ($config.data | default dict) "checksum_hook-image-puller" -}}
{{- if and $hook.enabled (or (not $hook.pullOnlyOnChanges) (ne $pulled (include "lab.hook.checksum" .))) }}yes{{ end -}}
{{- end -}}

{{- define "lab.hook.annotations" -}}
helm.sh/hook: pre-install,pre-upgrade
helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
helm.sh/hook-weight: {{ . | quote }}
{{- end -}}
