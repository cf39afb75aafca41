{{- /*
SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
SPDX-License-Identifier: GPL-3.0-or-later
*/ -}}
{{- $names := include "lab.names" . | fromYaml -}}
{{- $chp := .Values.proxy.chp -}}
{{- $https := .Values.proxy.https -}}
{{- $tls := and $https.enabled (has $https.type (list "manual" "secret")) -}}
{{- $manual := and $tls (eq $https.type "manual") -}}
{{- $hub := printf "http://%s:8081" $names.hub -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ $names.proxy }}
  labels:
    {{- include "lab.labels" (list . "proxy") | nindent 4 }}
spec:
  replicas: 1
  {{- if not (kindIs "invalid" $chp.revisionHistoryLimit) }}
  revisionHistoryLimit: {{ $chp.revisionHistoryLimit }}
  {{- end }}
  strategy:
    {{- toYaml .Values.proxy.deploymentStrategy | nindent 4 }}
  selector:
    matchLabels:
      {{- include "lab.selector" (list . "proxy") | nindent 6 }}
  template:
    metadata:
      labels:
        {{- include "lab.podLabels" (list . "proxy") | nindent 8 }}
        hub.jupyter.org/network-access-hub: "true"
        hub.jupyter.org/network-access-singleuser: "true"
        {{- with .Values.proxy.labels }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      annotations:
        {{- /* Four characters of the hash: enough to see a change, too few to guess the token. A random token is made
               anew for this line, so it changes once, at the first upgrade (_secrets.tpl). */}}
        checksum/auth-token: {{ include "lab.authToken" . | sha256sum | trunc 4 | quote }}
        checksum/proxy-secret: {{ include (print .Template.BasePath "/proxy/secret.tpl") . | sha256sum | quote }}
        {{- with .Values.proxy.annotations }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
    spec:
      terminationGracePeriodSeconds: 60
      {{- with include "lab.pullSecrets" (list . $chp.image) }}
      imagePullSecrets: {{ . }}
      {{- end }}
      {{- with $chp.nodeSelector }}
      nodeSelector:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with concat .Values.scheduling.corePods.tolerations $chp.tolerations }}
      tolerations:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- include "lab.coreAffinity" . | nindent 6 }}
      containers:
        - name: chp
          image: {{ include "lab.image" (list . $chp.image) }}
          {{- with $chp.image.pullPolicy }}
          imagePullPolicy: {{ . }}
          {{- end }}
          command: [configurable-http-proxy]
          args:
            - "--ip="
            - "--api-ip="
            - --api-port=8001
            - --default-target={{ $chp.defaultTarget | default $hub }}
            - --error-target={{ $chp.errorTarget | default (print $hub "/hub/error") }}
            {{- if $tls }}
            - --port=8443
            - --redirect-port=8000
            - --redirect-to=443
            - --ssl-key=/etc/chp/tls/{{ ternary "tls.key" $https.secret.key $manual }}
            - --ssl-cert=/etc/chp/tls/{{ ternary "tls.crt" $https.secret.crt $manual }}
            {{- else }}
            - --port=8000
            {{- end }}
            {{- if .Values.debug.enabled }}
            - --log-level=debug
            {{- end }}
            {{- if dig "JupyterHub" "subdomain_host" "" .Values.hub.config }}
            - --host-routing
            {{- end }}
            {{- range $chp.extraCommandLineFlags }}
            - {{ tpl . $ | quote }}
            {{- end }}
          env:
            - name: CONFIGPROXY_AUTH_TOKEN
              valueFrom:
                secretKeyRef:
                  name: {{ $names.hub }}
                  key: hub.config.ConfigurableHTTPProxy.auth_token
            {{- with $chp.extraEnv }}
            {{- include "lab.env" . | nindent 12 }}
            {{- end }}
          ports:
            {{- if $tls }}
            - name: https
              containerPort: 8443
            {{- end }}
            - name: http
              containerPort: 8000
            - name: api
              containerPort: 8001
          {{- with $chp.resources }}
          resources:
            {{- toYaml . | nindent 12 }}
          {{- end }}
          {{- with $chp.containerSecurityContext }}
          securityContext:
            {{- toYaml . | nindent 12 }}
          {{- end }}
          {{- range $name := list "livenessProbe" "readinessProbe" }}
          {{- $probe := get $chp $name }}
          {{- if $probe.enabled }}
          {{ $name }}:
            {{- include "lab.probe" (list $probe "/_chp_healthz" (ternary "https" "http" $tls) (ternary "HTTPS" "HTTP" $tls)) | nindent 12 }}
          {{- end }}
          {{- end }}
          {{- if $tls }}
          volumeMounts:
            - name: tls-secret
              mountPath: /etc/chp/tls
              readOnly: true
          {{- end }}
      {{- if $tls }}
      volumes:
        - name: tls-secret
          secret:
            secretName: {{ if $manual }}{{ index $names "proxy-public-manual-tls" }}{{ else }}{{ required "proxy.https.type is secret: proxy.https.secret.name must be set" $https.secret.name }}{{ end }}
      {{- end }}
      {{- with $chp.extraPodSpec }}
      {{- toYaml . | nindent 6 }}
      {{- end }}
