{{- /*
SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
SPDX-License-Identifier: GPL-3.0-or-later
*/ -}}
{{- $names := include "lab.names" . | fromYaml -}}
{{- $hub := .Values.hub -}}
{{- $health := printf "%s/hub/health" ($hub.baseUrl | trimSuffix "/") -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ $names.hub }}
  labels:
    {{- include "lab.labels" (list . "hub") | nindent 4 }}
spec:
  replicas: 1
  {{- if not (kindIs "invalid" $hub.revisionHistoryLimit) }}
  revisionHistoryLimit: {{ $hub.revisionHistoryLimit }}
  {{- end }}
  strategy:
    {{- toYaml $hub.deploymentStrategy | nindent 4 }}
  selector:
    matchLabels:
      {{- include "lab.selector" (list . "hub") | nindent 6 }}
  template:
    metadata:
      labels:
        {{- include "lab.podLabels" (list . "hub") | nindent 8 }}
        hub.jupyter.org/network-access-proxy-api: "true"
        hub.jupyter.org/network-access-proxy-http: "true"
        hub.jupyter.org/network-access-singleuser: "true"
        {{- with $hub.labels }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      annotations:
        {{- /* Both are rendered once more for their hash: random secrets in it differ from the ones that are stored. */}}
        checksum/config-map: {{ include (print .Template.BasePath "/hub/configmap.tpl") . | sha256sum }}
        checksum/secret: {{ include (print .Template.BasePath "/hub/secret.tpl") . | sha256sum }}
        {{- with $hub.annotations }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
    spec:
      serviceAccountName: {{ index $names "hub-serviceaccount" }}
      {{- with $hub.podSecurityContext }}
      securityContext:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with include "lab.pullSecrets" (list . $hub.image) }}
      imagePullSecrets: {{ . }}
      {{- end }}
      {{- with $hub.nodeSelector }}
      nodeSelector:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with concat .Values.scheduling.corePods.tolerations $hub.tolerations }}
      tolerations:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- include "lab.coreAffinity" . | nindent 6 }}
      {{- with $hub.initContainers }}
      initContainers:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      containers:
        - name: hub
          image: {{ include "lab.image" (list . $hub.image) }}
          {{- with $hub.image.pullPolicy }}
          imagePullPolicy: {{ . }}
          {{- end }}
          {{- with $hub.command }}
          command:
            {{- range . }}
            - {{ tpl . $ | quote }}
            {{- end }}
          {{- end }}
          args:
            {{- range $hub.args }}
            - {{ tpl . $ | quote }}
            {{- else }}
            - jupyterhub
            - --config
            - /usr/local/etc/jupyterhub/jupyterhub_config.py
            {{- if .Values.debug.enabled }}
            - --debug
            {{- end }}
            {{- if (kindIs "bool" $hub.db.upgrade | ternary $hub.db.upgrade (eq $hub.db.type "sqlite-pvc")) }}
            - --upgrade-db
            {{- end }}
            {{- end }}
          env:
            - name: PYTHONUNBUFFERED
              value: "1"
            - name: HELM_RELEASE_NAME
              value: {{ .Release.Name | quote }}
            - name: POD_NAMESPACE
              valueFrom:
                fieldRef:
                  fieldPath: metadata.namespace
            - name: CONFIGPROXY_AUTH_TOKEN
              valueFrom:
                secretKeyRef:
                  name: {{ $names.hub }}
                  key: hub.config.ConfigurableHTTPProxy.auth_token
            {{- with $hub.extraEnv }}
            {{- include "lab.env" . | nindent 12 }}
            {{- end }}
          ports:
            - name: http
              containerPort: 8081
          {{- with $hub.resources }}
          resources:
            {{- toYaml . | nindent 12 }}
          {{- end }}
          {{- with $hub.containerSecurityContext }}
          securityContext:
            {{- toYaml . | nindent 12 }}
          {{- end }}
          {{- with $hub.lifecycle }}
          lifecycle:
            {{- toYaml . | nindent 12 }}
          {{- end }}
          {{- if $hub.livenessProbe.enabled }}
          livenessProbe:
            {{- include "lab.probe" (list $hub.livenessProbe $health "http" "HTTP") | nindent 12 }}
          {{- end }}
          {{- if $hub.readinessProbe.enabled }}
          readinessProbe:
            {{- include "lab.probe" (list $hub.readinessProbe $health "http" "HTTP") | nindent 12 }}
          {{- end }}
          volumeMounts:
            - name: config
              mountPath: /usr/local/etc/jupyterhub/jupyterhub_config.py
              subPath: jupyterhub_config.py
            - name: config
              mountPath: /usr/local/etc/jupyterhub/z2jh.py
              subPath: z2jh.py
            - name: config
              mountPath: /usr/local/etc/jupyterhub/config/
            - name: secret
              mountPath: /usr/local/etc/jupyterhub/secret/
            {{- if $hub.existingSecret }}
            - name: existing-secret
              mountPath: /usr/local/etc/jupyterhub/existing-secret/
            {{- end }}
            {{- range $key, $file := $hub.extraFiles }}
            - name: files
              mountPath: {{ $file.mountPath }}
              subPath: {{ $key | quote }}
            {{- end }}
            {{- with $hub.extraVolumeMounts }}
            {{- toYaml . | nindent 12 }}
            {{- end }}
            {{- if eq $hub.db.type "sqlite-pvc" }}
            - name: pvc
              mountPath: /srv/jupyterhub
              {{- with $hub.db.pvc.subPath }}
              subPath: {{ . | quote }}
              {{- end }}
            {{- end }}
        {{- with $hub.extraContainers }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      volumes:
        - name: config
          configMap:
            name: {{ $names.hub }}
        - name: secret
          secret:
            secretName: {{ $names.hub }}
        {{- with $hub.existingSecret }}
        - name: existing-secret
          secret:
            secretName: {{ . }}
        {{- end }}
        {{- with $hub.extraFiles }}
        - name: files
          secret:
            secretName: {{ $names.hub }}
            items:
              {{- range $key, $file := . }}
              - key: {{ $key | quote }}
                path: {{ $key | quote }}
                {{- with $file.mode }}
                mode: {{ . }}
                {{- end }}
              {{- end }}
        {{- end }}
        {{- with $hub.extraVolumes }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
        {{- if eq $hub.db.type "sqlite-pvc" }}
        - name: pvc
          persistentVolumeClaim:
            claimName: {{ index $names "hub-pvc" }}
        {{- end }}
      {{- with $hub.extraPodSpec }}
      {{- toYaml . | nindent 6 }}
      {{- end }}
