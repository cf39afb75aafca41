{{- /*
SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
SPDX-License-Identifier: GPL-3.0-or-later
*/ -}}
{{- /* The rules every policy may add: (list ROOT POLICY) to egress entries. One switch, one rule. */ -}}
{{- define "lab.egress" -}}
{{- $policy := index . 1 -}}
{{- $allow := $policy.egressAllowRules -}}
{{- $metadata := dict "ipBlock" (dict "cidr" (print (index . 0).Values.singleuser.cloudMetadata.ip "/32")) -}}
{{- $private := list -}}
{{- range list "10.0.0.0/8" "172.16.0.0/12" "192.168.0.0/16" -}}
  {{- $private = append $private (dict "ipBlock" (dict "cidr" .)) -}}
{{- end -}}
{{- $dns := list -}}
{{- if $allow.dnsPortsCloudMetadataServer }}{{ $dns = append $dns $metadata }}{{ end -}}
{{- if $allow.dnsPortsKubeSystemNamespace -}}
  {{- $dns = append $dns (dict "namespaceSelector" (dict "matchLabels" (dict "kubernetes.io/metadata.name" "kube-system"))) -}}
{{- end -}}
{{- if $allow.dnsPortsPrivateIPs }}{{ $dns = concat $dns $private }}{{ end -}}
{{- $rules := list -}}
{{- if $dns -}}
  {{- $ports := list (dict "port" 53 "protocol" "UDP") (dict "port" 53 "protocol" "TCP") -}}
  {{- $rules = append $rules (dict "ports" $ports "to" $dns) -}}
{{- end -}}
{{- if $allow.nonPrivateIPs -}}
  {{- $except := list "10.0.0.0/8" "172.16.0.0/12" "192.168.0.0/16" $metadata.ipBlock.cidr -}}
  {{- $rules = append $rules (dict "to" (list (dict "ipBlock" (dict "cidr" "0.0.0.0/0" "except" $except)))) -}}
{{- end -}}
{{- if $allow.privateIPs }}{{ $rules = append $rules (dict "to" $private) }}{{ end -}}
{{- if $allow.cloudMetadataServer }}{{ $rules = append $rules (dict "to" (list $metadata)) }}{{ end -}}
{{- $rules = concat $rules ($policy.egress | default list) -}}
{{- if $rules }}{{ toYaml $rules }}{{ end -}}
{{- end -}}

{{- /* (list POLICY NAME PORTS): pods that carry hub.jupyter.org/network-access-NAME may reach these ports */ -}}
{{- define "lab.ingressByLabel" -}}
{{- $label := dict "matchLabels" (dict (print "hub.jupyter.org/network-access-" (index . 1)) "true") -}}
{{- $from := list (dict "podSelector" $label) -}}
{{- if eq (index . 0).interNamespaceAccessLabels "accept" -}}
  {{- $from = list (dict "podSelector" $label "namespaceSelector" dict) (dict "namespaceSelector" $label) -}}
{{- end -}}
{{- $ports := list -}}
{{- range index . 2 }}{{ $ports = append $ports (dict "port" .) }}{{ end -}}
{{- toYaml (list (dict "ports" $ports "from" $from)) -}}
{{- end -}}

{{- /* (list POLICY): ports open to everybody, and the rules somebody wrote */ -}}
{{- define "lab.ingressGiven" -}}
{{- $policy := index . 0 -}}
{{- $rules := list -}}
{{- with $policy.allowedIngressPorts -}}
  {{- $ports := list -}}
  {{- range . }}{{ $ports = append $ports (dict "port" .) }}{{ end -}}
  {{- $rules = append $rules (dict "ports" $ports) -}}
{{- end -}}
{{- $rules = concat $rules ($policy.ingress | default list) -}}
{{- if $rules }}{{ toYaml $rules }}{{ end -}}
{{- end -}}

{{- /* (list ROOT COMPONENT PORT): to the pods of one of our components */ -}}
{{- define "lab.egressTo" -}}
- to:
    - podSelector:
        matchLabels:
          {{- include "lab.selector" . | nindent 10 }}
  ports:
    {{- range slice . 2 }}
    - port: {{ . }}
    {{- end }}
{{- end -}}
