{{- /*
SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
SPDX-License-Identifier: GPL-3.0-or-later
*/ -}}
{{- /* What z2jh has and this chart does not: refused in plain words instead of ignored. Renders to nothing. */ -}}
{{- if and .Values.proxy.https.enabled (eq (.Values.proxy.https.type | default "") "letsencrypt") -}}
  {{- fail "proxy.https.type is letsencrypt: the lab chart has no autohttps. Use secret, manual or offload, or another chart." -}}
{{- end -}}
{{- if .Values.singleuser.cloudMetadata.blockWithIptables -}}
  {{- fail "singleuser.cloudMetadata.blockWithIptables is true: the lab chart has no image with iptables. Set it to false and rely on singleuser.networkPolicy." -}}
{{- end -}}
{{- range list "userScheduler" "userPlaceholder" "podPriority" -}}
  {{- if (get $.Values.scheduling .).enabled -}}
    {{- fail (printf "scheduling.%s.enabled is true: the lab chart has no %s. Set it to false." . .) -}}
  {{- end -}}
{{- end -}}
{{- if .Values.prePuller.continuous.enabled -}}
  {{- fail "prePuller.continuous.enabled is true: the lab chart has no continuous image puller. Set it to false." -}}
{{- end -}}
