{{/* The name that all objects begin with. */}}
{{- define "converge.fullname" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 30 | trimSuffix "-" }}{{ else }}{{ printf "%s-%s" (.Release.Name | trunc 21 | trimSuffix "-") .Chart.Name }}{{ end }}
{{- end }}

{{/* The labels that select pods. Takes root, component and, for a relay, source. */}}
{{- define "converge.selector" -}}
app.kubernetes.io/name: converge
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- with .source }}
converge/source: {{ . }}
{{- end }}
{{- end }}

{{/* All labels of an object. Takes what the selector takes. */}}
{{- define "converge.labels" -}}
{{ include "converge.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "converge.image" -}}
{{- with .Values.image -}}
{{ .repository }}{{ if .digest }}@{{ .digest }}{{ else }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end }}
{{- end }}

{{- define "converge.serviceAccount" -}}
{{- if .Values.serviceAccount.name }}{{ .Values.serviceAccount.name }}{{ else if .Values.serviceAccount.create }}{{ include "converge.fullname" . }}{{ else }}default{{ end }}
{{- end }}

{{/* The components that are deployed, in JSON: { "relay": true, … }. */}}
{{- define "converge.components" -}}
{{- $relay := false }}
{{- range .Values.sources }}{{ if eq (.mode | default "deployment") "deployment" }}{{ $relay = true }}{{ end }}{{ end }}
{{- dict "relay" $relay "reconciler" .Values.reconciler.enabled "console" .Values.console.enabled "migrate" (gt (len .Values.migrate.databases) 0) | toJson }}
{{- end }}

{{/* Not empty where a process of this chart runs on. */}}
{{- define "converge.anything" -}}
{{- $components := include "converge.components" . | fromJson }}
{{- if or $components.relay $components.reconciler $components.console }}yes{{ end }}
{{- end }}
