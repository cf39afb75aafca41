{{- /*
SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
SPDX-License-Identifier: GPL-3.0-or-later
*/ -}}
{{- /*
The three secrets a hub lives on. Order as in z2jh: given in the values, else found in the cluster, else random.
Random means: a new value at *each* rendering of these templates, so what a first install hashes into annotations is not
what it stores. That is z2jh's trait (README.md), not an oversight.
*/ -}}
{{- define "lab.stored" -}}
  {{- /* (list ROOT KEY): the value Secret hub holds now, or nothing */ -}}
  {{- $root := index . 0 -}}
  {{- $secret := lookup "v1" "Secret" $root.Release.Namespace (printf "%shub" (include "lab.prefix" $root)) -}}
  {{- get ($secret.data | default dict) (index . 1) | b64dec -}}
{{- end -}}

{{- define "lab.hex64" -}}
  {{- randAscii 64 | sha256sum -}}
{{- end -}}

{{- define "lab.authToken" -}}
  {{- $given := dig "ConfigurableHTTPProxy" "auth_token" "" .Values.hub.config | default .Values.proxy.secretToken -}}
  {{- $given | default (include "lab.stored" (list . "hub.config.ConfigurableHTTPProxy.auth_token")) | default (include "lab.hex64" .) -}}
{{- end -}}

{{- define "lab.cookieSecret" -}}
  {{- $given := dig "JupyterHub" "cookie_secret" "" .Values.hub.config | default .Values.hub.cookieSecret -}}
  {{- $given | default (include "lab.stored" (list . "hub.config.JupyterHub.cookie_secret")) | default (include "lab.hex64" .) -}}
{{- end -}}

{{- define "lab.cryptKeys" -}}
  {{- $given := dig "CryptKeeper" "keys" list .Values.hub.config | join ";" -}}
  {{- $given | default (include "lab.stored" (list . "hub.config.CryptKeeper.keys")) | default (include "lab.hex64" .) -}}
{{- end -}}

{{- define "lab.serviceToken" -}}
  {{- /* (list ROOT NAME SERVICE) */ -}}
  {{- $root := index . 0 -}}
  {{- $service := index . 2 | default dict -}}
  {{- $given := get $service "api_token" | default (get $service "apiToken") -}}
  {{- $given | default (include "lab.stored" (list $root (printf "hub.services.%s.apiToken" (index . 1)))) | default (include "lab.hex64" .) -}}
{{- end -}}
