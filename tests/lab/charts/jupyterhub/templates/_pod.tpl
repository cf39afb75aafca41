{{- /*
SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
SPDX-License-Identifier: GPL-3.0-or-later
*/ -}}
{{- /* (list ROOT IMAGE): name:tag; without a tag the hub's image */ -}}
{{- define "lab.image" -}}
  {{- $root := index . 0 -}}
  {{- $image := index . 1 -}}
  {{- if $image.tag -}}
    {{ $image.name }}:{{ $image.tag }}
  {{- else -}}
    {{ $root.Values.hub.image.name }}:{{ required "hub.image.tag is empty: give the tag of the lab's image (lab env: image)" $root.Values.hub.image.tag }}
  {{- end -}}
{{- end -}}

{{- /* (list ROOT IMAGE): the imagePullSecrets of a pod as JSON, or nothing */ -}}
{{- define "lab.pullSecrets" -}}
  {{- $root := index . 0 -}}
  {{- $found := concat ((index . 1).pullSecrets | default list) ($root.Values.imagePullSecrets | default list) -}}
  {{- if and $root.Values.imagePullSecret.create $root.Values.imagePullSecret.automaticReferenceInjection -}}
    {{- $found = append $found (print (include "lab.prefix" $root) "image-pull-secret") -}}
  {{- end -}}
  {{- $names := list -}}
  {{- range uniq $found -}}
    {{- $names = append $names (ternary (dict "name" .) . (kindIs "string" .)) -}}
  {{- end -}}
  {{- if $names }}{{ toJson $names }}{{ end -}}
{{- end -}}

{{- /* Variables of a container from a list (as it is) or from a dictionary of texts and {valueFrom: ...} */ -}}
{{- define "lab.env" -}}
  {{- if kindIs "slice" . -}}
    {{- toYaml . -}}
  {{- else -}}
    {{- $variables := list -}}
    {{- range $name, $value := . -}}
      {{- if kindIs "map" $value -}}
        {{- $variables = append $variables (merge (dict) $value (dict "name" $name)) -}}
      {{- else if kindIs "string" $value -}}
        {{- $variables = append $variables (dict "name" $name "value" $value) -}}
      {{- else -}}
        {{- fail (printf "extraEnv.%s is a %s; it must be a text or a dictionary such as {valueFrom: ...}" $name (kindOf $value)) -}}
      {{- end -}}
    {{- end -}}
    {{- toYaml $variables -}}
  {{- end -}}
{{- end -}}

{{- /* The content of extraFiles as {data: {...}, stringData: {...}}; each file names its place and exactly one content */ -}}
{{- define "lab.files" -}}
  {{- $data := dict -}}
  {{- $text := dict -}}
  {{- range $key, $file := . -}}
    {{- if not $file.mountPath }}{{ fail (printf "extraFiles.%s has no mountPath" $key) }}{{ end -}}
    {{- if ne (len (compact (list (toString ($file.data | default "")) ($file.stringData | default "") ($file.binaryData | default "")))) 1 -}}
      {{- fail (printf "extraFiles.%s needs exactly one of data, stringData and binaryData" $key) -}}
    {{- end -}}
    {{- if $file.binaryData -}}
      {{- $_ := set $data $key (nospace $file.binaryData) -}}
    {{- else if $file.stringData -}}
      {{- $_ := set $text $key (print (trimSuffix "\n" $file.stringData) "\n") -}}
    {{- else if has (ext $file.mountPath) (list ".yaml" ".yml") -}}
      {{- $_ := set $text $key (print (toYaml $file.data) "\n") -}}
    {{- else if eq (ext $file.mountPath) ".json" -}}
      {{- $_ := set $text $key (print (toJson $file.data) "\n") -}}
    {{- else if eq (ext $file.mountPath) ".toml" -}}
      {{- $_ := set $text $key (toToml $file.data) -}}
    {{- else -}}
      {{- fail (printf "extraFiles.%s has data, so its mountPath must end in .yaml, .yml, .json or .toml" $key) -}}
    {{- end -}}
  {{- end -}}
  {{- toYaml (dict "data" $data "stringData" $text) -}}
{{- end -}}

{{- /* (list PROBE PATH PORT SCHEME) */ -}}
{{- define "lab.probe" -}}
{{- $probe := index . 0 -}}
initialDelaySeconds: {{ $probe.initialDelaySeconds }}
periodSeconds: {{ $probe.periodSeconds }}
timeoutSeconds: {{ $probe.timeoutSeconds }}
failureThreshold: {{ $probe.failureThreshold }}
httpGet:
  path: {{ index . 1 }}
  port: {{ index . 2 }}
  scheme: {{ index . 3 }}
{{- end -}}

{{- /* Where hub and proxy like to run: nodes labelled for core pods */ -}}
{{- define "lab.coreAffinity" -}}
{{- $purpose := .Values.scheduling.corePods.nodeAffinity.matchNodePurpose -}}
{{- $match := dict "matchExpressions" (list (dict "key" "hub.jupyter.org/node-purpose" "operator" "In" "values" (list "core"))) -}}
{{- if eq $purpose "prefer" -}}
affinity:
  nodeAffinity:
    preferredDuringSchedulingIgnoredDuringExecution:
      {{- toYaml (list (dict "weight" 100 "preference" $match)) | nindent 6 }}
{{- else if eq $purpose "require" -}}
affinity:
  nodeAffinity:
    requiredDuringSchedulingIgnoredDuringExecution:
      nodeSelectorTerms:
        {{- toYaml (list $match) | nindent 8 }}
{{- end -}}
{{- end -}}

{{- /* (list ROOT COMPONENT NAME PDB) */ -}}
{{- define "lab.pdb" -}}
{{- $pdb := index . 3 -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ index . 2 }}
  labels:
    {{- include "lab.labels" . | nindent 4 }}
spec:
  {{- if not (kindIs "invalid" $pdb.maxUnavailable) }}
  maxUnavailable: {{ $pdb.maxUnavailable }}
  {{- end }}
  {{- if not (kindIs "invalid" $pdb.minAvailable) }}
  minAvailable: {{ $pdb.minAvailable }}
  {{- end }}
  selector:
    matchLabels:
      {{- include "lab.selector" . | nindent 6 }}
{{- end -}}
