{{- /*
SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
SPDX-License-Identifier: GPL-3.0-or-later
*/ -}}
{{- $names := include "lab.names" . | fromYaml -}}
{{- $hook := .Values.prePuller.hook -}}
{{- if include "lab.hook.wanted" . -}}
{{- if $hook.serviceAccount.create }}
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ index $names "hook-image-awaiter-serviceaccount" }}
  labels:
    {{- include "lab.labels" (list . "image-puller") | nindent 4 }}
    hub.jupyter.org/deletable: "true"
  annotations:
    {{- include "lab.hook.annotations" 0 | nindent 4 }}
    {{- with $hook.serviceAccount.annotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
---
{{- end }}
apiVersion: batch/v1
kind: Job
metadata:
  name: {{ index $names "hook-image-awaiter" }}
  labels:
    {{- include "lab.labels" (list . "image-puller") | nindent 4 }}
    hub.jupyter.org/deletable: "true"
  annotations:
    {{- include "lab.hook.annotations" 10 | nindent 4 }}
spec:
  template:
    metadata:
      labels:
        {{- include "lab.podLabels" (list . "image-puller") | nindent 8 }}
        {{- with .Values.prePuller.labels }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- with .Values.prePuller.annotations }}
      annotations:
        {{- toYaml . | nindent 8 }}
      {{- end }}
    spec:
      restartPolicy: Never
      automountServiceAccountToken: false
      serviceAccountName: {{ index $names "hook-image-awaiter-serviceaccount" }}
      {{- with include "lab.pullSecrets" (list . $hook.image) }}
      imagePullSecrets: {{ . }}
      {{- end }}
      {{- with $hook.nodeSelector }}
      nodeSelector:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with concat .Values.scheduling.corePods.tolerations $hook.tolerations }}
      tolerations:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      containers:
        - name: hook-image-awaiter
          image: {{ include "lab.image" (list . $hook.image) }}
          {{- with $hook.image.pullPolicy }}
          imagePullPolicy: {{ . }}
          {{- end }}
          {{- /* The lab's node holds every image before it starts; there is nothing to wait for. */}}
          command: [/bin/sh, -c, 'echo "images on this node: $IMAGES"']
          env:
            - name: IMAGES
              value: {{ include "lab.hook.images" . | replace "\n" " " | quote }}
          {{- with $hook.resources }}
          resources:
            {{- toYaml . | nindent 12 }}
          {{- end }}
          {{- with $hook.containerSecurityContext }}
          securityContext:
            {{- toYaml . | nindent 12 }}
          {{- end }}
{{- end }}
